"""Rewind: undo what one bad cycle did, or one bad system since some time, as edits like any other.

A path goes back to what it held before, if it still holds what the bad one left there. What somebody else has edited
since is left alone, and so is what merging did: unmerging undoes that. A contact that the bad one created is deleted,
one that it deleted comes back. The brake (law 14) holds what systems lose, not what a person asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from truth_forge_sync.errors import Stop
from truth_forge_sync.hub.hub import Hub, new_id

UNDONE_BY = ("edit", "delete", "restore")
"""Verdicts that become edits; the others say why a path is left alone (rewind.sql)."""

LEFT_ALONE = {
    "edited_later": "edited by somebody else since",
    "deleted_later": "the contact was deleted since",
    "merge": "done by merging: unmerge it",
    "absorbed": "the contact was merged into another: unmerge it first",
}

_CYCLES = 'list them with: truth-forge-sync hub sql "SELECT cycle_id, started_at, status FROM identity.sync_cycles"'


@dataclass(frozen=True, slots=True)
class Scope:
    """What to undo: all that ``cycle`` accepted, or that was accepted ``since`` a time (aware); exactly one of the two
    is given. With ``system`` only what came from there."""

    cycle: str | None = None
    since: datetime | None = None
    system: str | None = None

    @property
    def name(self) -> str:
        """An identifier that is the same for the same scope; its edits have the origin ``rewind/{name}``."""
        what = self.cycle or f"{(self.since or datetime.now(UTC)).astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
        return f"{what}-{self.system}" if self.system else what


@dataclass(frozen=True, slots=True)
class Count:
    """How many ``paths``, of how many ``contacts``, meet one ``verdict``; ``hint``: the merge that did it."""

    verdict: str
    hint: str | None
    paths: int
    contacts: int


@dataclass(frozen=True, slots=True)
class Undoing:
    """One path of one contact, as people name it: it holds ``value_now`` and would hold ``value``."""

    contact_id: str
    name: str | None
    field: str
    value_now: str | None
    value: str | None
    verdict: str
    hint: str | None


class Rewind:
    """What would undo a scope, worked out in the hub."""

    def __init__(self, hub: Hub, scope: Scope, batch: str) -> None:
        self.scope = scope
        self._hub = hub
        self._batch = batch
        self.counts: Sequence[Count] = [Count(**row) for row in hub.rows("rewind_counts", batch=batch)]

    @property
    def proposed(self) -> list[Count]:
        return [count for count in self.counts if count.verdict in UNDONE_BY]

    @property
    def left_alone(self) -> list[Count]:
        return [count for count in self.counts if count.verdict not in UNDONE_BY]

    def details(self) -> Iterator[Undoing]:
        """Each path, what becomes an edit first."""
        for row in self._hub.stream("rewind_details", batch=self._batch):
            yield Undoing(**row)

    def apply(self) -> None:
        """Record the edits; the next cycle takes them. The same scope applied again before that adds nothing."""
        self._hub.run("rewind_apply", batch=self._batch, scope=self.scope.name)


@contextmanager
def rewind(hub: Hub, scope: Scope) -> Iterator[Rewind]:
    """Work out what would undo it; nothing is changed unless it is applied.

    Raises Stop for a cycle that there was not, and while one that was interrupted is not finished.
    """
    _check(hub, scope)
    batch = new_id()
    since = None if scope.since is None else str(int(scope.since.timestamp() * 1_000_000))
    try:
        hub.run("rewind", batch=batch, cycle=scope.cycle, since=since, system=scope.system)
        yield Rewind(hub, scope, batch)
    finally:
        hub.engine.drop([f"sync_rewind_{batch}", f"sync_rewind_events_{batch}"])


def _check(hub: Hub, scope: Scope) -> None:
    if hub.state().unfinished:
        raise Stop("a cycle was interrupted, and not finished yet", remedy="run a cycle first: truth-forge-sync sync")
    if scope.cycle is not None and not _is_known(hub, scope.cycle):
        raise Stop(f"there is no cycle {scope.cycle!r}", remedy=_CYCLES)


def _is_known(hub: Hub, cycle: str) -> bool:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", cycle):  # no id of ours: nothing that people type is rendered
        return False
    (row,) = hub.rows("rewind_cycle", cycle=cycle)
    return bool(row["cycles"])
