"""One system, through its own protocol: does it answer, may we, is all there, and what does its clock show?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from truth_forge_sync.doctor.finding import Finding, Health, from_error
from truth_forge_sync.errors import SyncError
from truth_forge_sync.systems.protocol import Right, Step, System, TellsRights

TOLERATED = timedelta(seconds=5)
"""A clock that is off by less is not worth a word."""

_INIT = "run: truth-forge-sync init"
_HOW = re.compile(r" \((run: .*)\)$|: (.*)$")
"""Where a step is left for a person, its text ends with how."""


def examine_system(system: System) -> Iterator[Finding]:
    """Until the first failure that keeps us from looking on. It does not write, and makes no SQLite file."""
    failure = None
    try:
        for look in (_rights, _schema, _clock):
            yield from look(system)
    except SyncError as error:
        failure = from_error(system.name, error)
        yield failure
    if system.requests and not (failure and failure.check == "reachability"):
        yield Finding(system.name, "reachability", "ok", "it answers")


def _schema(system: System) -> Iterator[Finding]:
    left = [step for step in system.init(dry_run=True) if not step.done]
    yield from (_missing(step) for step in left)
    if not left:
        yield Finding(system.name, "schema", "ok", "nothing is missing")


def _missing(step: Step) -> Finding:
    how = _HOW.search(step.what)
    told = step.what[: how.start()] if how else step.what
    return Finding(step.system, "schema", "failed", f"to do: {told}", (how[1] or how[2]) if how else _INIT)


def _rights(system: System) -> Iterator[Finding]:
    if isinstance(system, TellsRights):
        yield from (_right(system.name, right) for right in system.rights())
    else:
        yield Finding(system.name, "rights", "skipped", "it has no way to tell them")


def _right(system: str, right: Right) -> Finding:
    """A right as a finding; one that cannot be told is none to worry about."""
    if right.granted is None:
        return Finding(system, "rights", "skipped", f"whether we may {right.what} cannot be told", right.remedy)
    if right.granted:
        return Finding(system, "rights", "ok", f"we may {right.what}")
    return Finding(system, "rights", "failed", f"we may not {right.what}", right.remedy)


def _clock(system: System) -> Iterator[Finding]:
    if system.requests:
        yield clock_found(system.name, system.clock_offset)


def clock_found(system: str, offset: timedelta) -> Finding:
    """Never a failure: stamps are corrected by the offset."""
    if not offset:
        return Finding(system, "clock", "ok", "no offset that could be measured")
    health: Health = "warning" if abs(offset) > TOLERATED else "ok"
    side = "ahead of" if offset > timedelta(0) else "behind"
    told = f"its clock is {_length(abs(offset))} {side} ours"
    remedy = "let its machine, or ours, set the clock by NTP" if health == "warning" else ""
    return Finding(system, "clock", health, told, remedy)


def _length(time: timedelta) -> str:
    seconds = time.total_seconds()
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.0f} min"
