"""What a system is to the engine: four verbs on *native rows*, and a card of what it can do.

A **native row** is one contact as one system holds it; its **native id** is the system's own key; its **version** is an
opaque text that is equal exactly while the row is unchanged. Values cross this edge in canonical form only, as a map
from path to value (:mod:`truth_forge_sync.contact`).

A system knows how to talk and nothing else: what to read, what wins and what to write is decided elsewhere.
All methods raise :class:`~truth_forge_sync.errors.Retry` when the system does not answer and
:class:`~truth_forge_sync.errors.Stop` when a person must act; a read that raises has read nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable

from truth_forge_sync.contact import Unread, field_of


@dataclass(frozen=True, slots=True)
class NativeRow:
    """One row as a system holds it.

    ``contact_id`` is the row's own contact id column, if it has one filled in; ``changed_at`` the row's own
    ``updated_at`` (aware, UTC, by the system's clock); ``gone`` says that the row no longer exists (a hard delete,
    found by a tombstone), ``deleted`` that it is soft-deleted or gone. ``unread`` names fields with unreadable values.
    """

    native_id: str
    contact_id: str | None
    version: str
    changed_at: datetime
    values: Mapping[str, str]
    deleted: bool = False
    gone: bool = False
    unread: tuple[Unread, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """What to read: rows with ``since <= updated_at < until``; None is unbounded. Deleted rows and tombstones count."""

    since: datetime | None = None
    until: datetime | None = None


class WriteKind(StrEnum):
    """In the order in which one call of :meth:`System.write` carries them out, so that what a delete frees can be taken
    by a patch or a create of the same call."""

    DELETE = "delete"  # delete the row, softly where the system can, and apply ``changes`` to what it keeps of it
    RESTORE = "restore"  # revive a soft-deleted row, and apply ``changes`` to it
    PATCH = "patch"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class Write:
    """One row to write. ``changes`` maps each path that must change to its wanted value (None: absent).

    ``native_id`` is the id to choose for a create. ``seen`` is the row as we know it (None for a create): the write
    must not take effect on a row whose version is another one by now. A system that has no conditional write reads
    the row again right before. A row whose ``contact_id`` column is empty gets the write's along with a patch.

    A delete mostly has no changes. Those that it has empty fields whose values must be unique, which a soft-deleted row
    would go on holding; they are applied with the delete or not at all, but where a system takes two requests for it: a
    row that was only emptied is then found :attr:`Status.MOVED`, and is deleted by the next cycle.
    """

    kind: WriteKind
    contact_id: str
    native_id: str
    changes: Mapping[str, str | None] = field(default_factory=dict)
    seen: NativeRow | None = None

    @property
    def fields(self) -> frozenset[str]:
        """The fields that the write touches; the system sends each of them whole."""
        return frozenset(field_of(path) for path in self.changes)

    @property
    def target(self) -> dict[str, str]:
        """The row's values after the write."""
        values: dict[str, str | None] = {**(self.seen.values if self.seen else {}), **self.changes}
        return {path: value for path, value in values.items() if value is not None}


class Status(StrEnum):
    WRITTEN = "written"  # it took effect; ``row`` is what the system says it stored
    MOVED = "moved"  # the row is no longer as seen: left alone, the next cycle decides anew
    GONE = "gone"  # the row does not exist
    REFUSED = "refused"  # the system said no; ``message`` are its own words, ``field`` where it named one
    UNKNOWN = "unknown"  # sent, but no answer came: it may or may not have taken effect


def in_order(writes: Iterable[Write]) -> list[Write]:
    """The writes by kind, in the order of :class:`WriteKind`; those of one kind stay in theirs."""
    return sorted(writes, key=lambda write: _TURN[write.kind])


_TURN = {kind: turn for turn, kind in enumerate(WriteKind)}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one write.

    ``field`` of a refusal is the one field of the write that the system objects to, None where its words name none.
    """

    write: Write
    status: Status
    row: NativeRow | None = None
    message: str = ""
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What is true of a system. Whoever needs to know asks this card and never the system's name: the engine, the
    conformance suite, and ``docs/conformance.md``, which prints the cards of all systems."""

    read_page: int
    """Most rows a page of :meth:`System.read_changed`."""
    write_batch: int
    """How many writes to hand to :meth:`System.write` at once."""
    settle: timedelta
    """How long after its stamp a row may still become visible (late commits): the overlap of reads."""
    precision: timedelta = timedelta(microseconds=1)
    """The step of its stamps: two edits of one row that lie further apart have different stamps and versions."""
    reads_all: bool = True
    """A read of the unbounded window gives every row there is, so that a row missing in it is gone."""
    soft_delete: bool = True
    """A deleted row stays, marked as deleted, and may be restored."""
    finds_hard_deletes: bool = True
    """A hard delete is met in :meth:`System.read_changed` (a tombstone); otherwise only a sweep misses the row."""
    conditional_write: bool = True
    """Every edit carries its condition along, so that nothing comes between the comparison and the edit. Otherwise some
    rows are read again right before they are written, which leaves a window of one round trip."""
    chooses_ids: bool = True
    """A create may name the native id."""
    unique_emails: bool = False
    """No two rows hold one ``primary_email``, soft-deleted ones included. Elsewhere a table's owner may rule so."""
    normalises: tuple[str, ...] = ()
    """What it does to values that it stores, in words for people; what it acknowledges is what it stored."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that ``init`` did, would do (dry run), or asks a person to do."""

    system: str
    what: str
    done: bool


@dataclass(frozen=True, slots=True)
class Right:
    """One thing that we may do in a system (``what`` completes "we may …"); ``granted`` is None where it does not tell,
    and ``remedy`` what a person can do where we may not, or it does not."""

    what: str
    granted: bool | None
    remedy: str = ""


@runtime_checkable
class System(Protocol):
    """A system that holds contacts. Not thread-safe; open one per run."""

    name: str
    capabilities: Capabilities

    @property
    def requests(self) -> int:
        """Requests (or statements) sent since it was opened."""
        ...

    @property
    def clock_offset(self) -> timedelta:
        """How far the system's clock runs ahead of ours (negative: behind), as far as its answers have shown it.

        Zero where nothing is known yet, or the offset is smaller than the error it is measured with. It never costs a
        request: ask for it after a read."""
        ...

    def fields(self) -> frozenset[str]:
        """The contact fields that this system can hold as it is set up now (a missing column is not one)."""
        ...

    def marker(self) -> str:
        """An opaque text that changes whenever any row is created, edited or deleted. One or two cheap requests."""
        ...

    def read_changed(self, window: Window) -> Iterator[Sequence[NativeRow]]:
        """Every row of the window, complete under ties, late commits and concurrent edits; pages in no order that
        callers may rely on. The same row may come twice."""
        ...

    def read_by_id(self, native_ids: Sequence[str]) -> Iterator[Sequence[NativeRow]]:
        """The rows with these ids, soft-deleted ones included, in any order; a row that is not there is left out."""
        ...

    def write(self, writes: Sequence[Write]) -> Iterator[Outcome]:
        """Carry the writes out, deletes first, then restores, patches and creates; exactly one outcome for each, in any
        order, as soon as it is known.

        A create whose id exists already (a retried create) answers with that row as WRITTEN when it carries the same
        contact id. One refused row never affects another."""
        ...

    def init(self, *, dry_run: bool = False) -> Iterator[Step]:
        """Create what is missing (tables, columns, triggers, custom fields); safe to repeat."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class TellsRights(Protocol):
    """A system that can say what we may do in it."""

    def rights(self) -> Iterator[Right]:
        """What our key or user may do, as far as the system tells without a write. It costs a few cheap reads, from
        which the clock offset is known afterwards. Raises Stop where the key is good for nothing."""
        ...
