"""Isolate: find out which values of a refused write the system refuses, so that the others reach it (DESIGN law 10).

A write that was refused is sent again in parts: without the field that the system named, else in halves, until each
part either is taken or is one refused value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from truth_forge_sync.contact import field_of
from truth_forge_sync.errors import SyncError
from truth_forge_sync.systems.protocol import NativeRow, Outcome, Status, System, Write, WriteKind

Changes = Mapping[str, str | None]

MOST_WRITES = 100
"""Parts sent in one push: what is left is tried in the next one. A system has a budget of requests, and other rows."""


@dataclass
class Allowance:
    """How many more parts one push may send."""

    writes: int = MOST_WRITES

    def take(self) -> bool:
        self.writes -= 1
        return self.writes >= 0


@dataclass(frozen=True, slots=True)
class Isolated:
    """What became of one refused write: at most one WRITTEN outcome (its write holds what was taken), one REFUSED a
    value, and one of another status where something is left for the next push. ``failure`` is what broke it off."""

    outcomes: tuple[Outcome, ...]
    failure: SyncError | None = None


def isolate(system: System, refused: Outcome, allowance: Allowance) -> Isolated:
    """Send the parts of a refused write."""
    outcomes: list[Outcome] = []
    taken: dict[str, str | None] = {}
    written: Outcome | None = None
    failure: SyncError | None = None
    todo = [*_parts(refused)]
    if not todo:
        return Isolated((refused,))
    while todo:
        part = _follow_up(refused.write, todo.pop(0), written.row if written else None)
        if not allowance.take():
            outcomes.append(Outcome(part, Status.MOVED))
            break
        try:
            (outcome,) = system.write([part])
        except SyncError as error:
            outcomes.append(Outcome(part, Status.UNKNOWN))
            failure = error
            break
        if outcome.status is Status.WRITTEN:
            written = outcome
            taken |= part.changes
        elif outcome.status is Status.REFUSED and (smaller := _parts(outcome)):
            todo[:0] = smaller
        else:
            outcomes.append(outcome)
            if outcome.status is not Status.REFUSED or not part.changes:
                break  # the row is another one by now, or must stay deleted: the next cycle decides anew
    if written:
        outcomes.insert(0, replace(written, write=replace(refused.write, changes=taken)))
    return Isolated(tuple(outcomes), failure)


def _parts(refused: Outcome) -> list[Changes]:
    """Smaller writes that make up this one (a delete may go without its changes); none where it can be no smaller."""
    write = refused.write
    if write.kind is WriteKind.DELETE:
        return [{}] if write.changes else []
    if write.kind is WriteKind.RESTORE and write.changes:
        return [{}, write.changes]
    if len(write.changes) < 2:
        return []
    named = [path for path in write.changes if field_of(path) == refused.field]
    if 0 < len(named) < len(write.changes):
        return [_without(write.changes, named), {path: write.changes[path] for path in named}]
    first = sorted(write.changes)[: len(write.changes) // 2]
    return [{path: write.changes[path] for path in first}, _without(write.changes, first)]


def _without(changes: Changes, paths: Iterable[str]) -> Changes:
    left_out = set(paths)
    return {path: value for path, value in changes.items() if path not in left_out}


def _follow_up(whole: Write, changes: Changes, row: NativeRow | None) -> Write:
    """The write of one part: once the row is there, or restored, the rest of it is a patch."""
    if row is None:
        return replace(whole, changes=changes)
    return Write(WriteKind.PATCH, whole.contact_id, row.native_id, changes, row)
