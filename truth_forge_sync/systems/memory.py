"""A system in memory: the whole protocol in a page, for tests of the engine and as the plainest example of a system.

It holds contacts in canonical form. ``clock`` gives the stamps (a test may pass a logical one); ``normalise`` is what
the system does to values it stores (trims, lower-cases, rounds: law 9); ``refuses`` and ``unique_emails`` are what it
does not take; ``faults`` is a queue of failures to come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from truth_forge_sync.contact import FIELD, Unread, field_of
from truth_forge_sync.errors import Retry
from truth_forge_sync.systems.contacts_table import chunks, settled
from truth_forge_sync.systems.protocol import (
    Capabilities,
    NativeRow,
    Outcome,
    Status,
    Step,
    Window,
    Write,
    WriteKind,
    in_order,
)

Normalise = Callable[[str, str], str | None]
"""(path, value) → the value as stored; None stores nothing."""

Refuses = Callable[[str, str | None], str | None]
"""(path, value to write; None erases) → the words of the refusal; None takes the value."""


class Fault(Enum):
    """A failure of the next matching call, used up by it."""

    DOWN = auto()  # any call: no answer, no effect
    READ_HALF = auto()  # a read gives half of its pages and fails
    WRITE_BEFORE = auto()  # a write fails without effect
    WRITE_AFTER = auto()  # a write takes effect and its answer is lost
    WRITE_HALF = auto()  # the first half of a batch takes effect, then the system goes down


@dataclass
class Memory:
    """Contacts in a dict. Edit it as a person would with :meth:`put`, :meth:`garble`, :meth:`soft_delete`,
    :meth:`restore` and :meth:`hard_delete`.

    A write with a value that ``refuses`` does not take is refused as a whole, and says which field it was where it
    ``names_field``. With ``unique_emails`` no two rows hold one ``primary_email``, soft-deleted ones included.
    """

    name: str = "local"
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock_offset: timedelta = timedelta(0)
    normalise: Normalise = lambda _path, value: value
    refuses: Refuses = lambda _path, _value: None
    names_field: bool = False
    unique_emails: bool = False
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(read_page=1_000, write_batch=500, settle=timedelta(0))
    )
    faults: list[Fault] = field(default_factory=list)
    down: bool = False
    requests: int = 0

    def __post_init__(self) -> None:
        self.rows: dict[str, NativeRow] = {}
        self.tombstones: dict[str, NativeRow] = {}
        self._last_edit = 0

    # What a person does in it

    def put(self, native_id: str, values: Mapping[str, str | None], contact_id: str | None = None) -> NativeRow:
        """Create the row, or change these paths of it (None: erase)."""
        row = self.rows.get(native_id) or NativeRow(native_id, contact_id, "", self.clock(), {})
        return self._store(row, values, contact_id=contact_id or row.contact_id)

    def garble(self, native_id: str, *fields: str) -> None:
        """Type into these fields what cannot be read; with none, all of them are legible again, and empty."""
        row = self.put(native_id, {path: None for path in self.rows[native_id].values if field_of(path) in fields})
        unread = tuple(Unread(field, "illegible") for field in fields)
        self.rows[native_id] = replace(row, unread=unread)

    def soft_delete(self, native_id: str) -> None:
        self._store(self.rows[native_id], {}, deleted=True)

    def restore(self, native_id: str) -> None:
        self._store(self.rows[native_id], {}, deleted=False)

    def hard_delete(self, native_id: str) -> None:
        row = self.rows.pop(native_id)
        stamped = replace(row, version=self._version(), changed_at=self.clock(), values={}, deleted=True, gone=True)
        self.tombstones[native_id] = stamped

    # The protocol

    def fields(self) -> frozenset[str]:
        return frozenset(FIELD)

    def marker(self) -> str:
        self._request()
        return str(self._last_edit)

    def read_changed(self, window: Window) -> Iterator[Sequence[NativeRow]]:
        self._request()
        every = [*self.rows.values(), *self.tombstones.values()]
        every.sort(key=lambda row: (row.changed_at, row.native_id))
        found = [
            row
            for row in every
            if (window.since is None or row.changed_at >= window.since)
            and (window.until is None or row.changed_at < window.until)
        ]
        pages = list(chunks(found, self.capabilities.read_page))
        if self._fails(Fault.READ_HALF):
            yield from pages[: len(pages) // 2]
            raise Retry("the connection broke off", system=self.name)
        yield from pages

    def read_by_id(self, native_ids: Sequence[str]) -> Iterator[Sequence[NativeRow]]:
        self._request()
        found = [self.rows[native_id] for native_id in dict.fromkeys(native_ids) if native_id in self.rows]
        yield from chunks(found, self.capabilities.read_page)

    def write(self, writes: Sequence[Write]) -> Iterator[Outcome]:
        self._request()
        if self._fails(Fault.WRITE_BEFORE):
            raise Retry("the connection broke off", system=self.name)
        lost, half = self._fails(Fault.WRITE_AFTER), self._fails(Fault.WRITE_HALF)
        for number, write in enumerate(in_order(writes)):
            if half and number >= len(writes) // 2:
                raise Retry("the connection broke off", system=self.name)
            outcome = self._written(write)
            yield Outcome(write, Status.UNKNOWN) if lost else outcome

    def init(self, *, dry_run: bool = False) -> Iterator[Step]:
        self._request()
        return iter(())

    def close(self) -> None:
        return

    # Within

    def _written(self, write: Write) -> Outcome:
        current = self.rows.get(write.native_id)
        holder = next((row.native_id for row in self.rows.values() if row.contact_id == write.contact_id), None)
        if (outcome := settled(write, current, holder, self.fields())) is not None:
            return outcome
        if (outcome := self._refusal(write)) is not None:
            return outcome
        row = current or NativeRow(write.native_id, write.contact_id, "", self.clock(), {})
        is_free = holder is None and write.kind is not WriteKind.DELETE
        contact_id = row.contact_id or (write.contact_id if is_free else None)
        deleted = {WriteKind.DELETE: True, WriteKind.RESTORE: False}.get(write.kind, row.deleted)
        return Outcome(write, Status.WRITTEN, self._store(row, write.changes, deleted=deleted, contact_id=contact_id))

    def _refusal(self, write: Write) -> Outcome | None:
        for path, value in write.changes.items():
            if (words := self.refuses(path, value)) is not None:
                field_name = field_of(path) if self.names_field else None
                return Outcome(write, Status.REFUSED, message=words, field=field_name)
        email = write.changes.get("primary_email")
        stored = email and self.normalise("primary_email", email)
        others = (row for row in self.rows.values() if row.native_id != write.native_id)
        if self.unique_emails and stored and any(row.values.get("primary_email") == stored for row in others):
            return Outcome(write, Status.REFUSED, message="A duplicate entry was detected")
        return None

    def _store(
        self,
        row: NativeRow,
        changes: Mapping[str, str | None],
        *,
        deleted: bool | None = None,
        contact_id: str | None = None,
    ) -> NativeRow:
        values = dict(row.values)
        for path, value in changes.items():
            stored = None if value is None else self.normalise(path, value)
            if stored is None:
                values.pop(path, None)
            else:
                values[path] = stored
        stored_row = replace(
            row,
            contact_id=contact_id or row.contact_id,
            version=self._version(),
            changed_at=self.clock(),
            values=values,
            deleted=row.deleted if deleted is None else deleted,
        )
        self.rows[row.native_id] = stored_row
        self.tombstones.pop(row.native_id, None)
        return stored_row

    def _version(self) -> str:
        self._last_edit += 1
        return str(self._last_edit)

    def _request(self) -> None:
        self.requests += 1
        if self.down or self._fails(Fault.DOWN):
            raise Retry("it does not answer", system=self.name)

    def _fails(self, fault: Fault) -> bool:
        """Whether this fault is due now; takes it off the queue."""
        if fault not in self.faults:
            return False
        self.faults.remove(fault)
        return True
