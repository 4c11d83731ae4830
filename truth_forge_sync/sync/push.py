"""Push: write to one system what it still lacks, and record what it says it stored (DESIGN laws 8-10).

The intents were recorded with the plan, before anything is sent. Each write names the row as we know it; a row that is
another one by now is left alone, the next cycle reads it and decides anew. A write that was refused is sent again in
parts, until only the refused values are left; those are parked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import Any

from truth_forge_sync.contact import DELETED
from truth_forge_sync.hub.hub import Hub, new_id, wide
from truth_forge_sync.hub.staging import OUTCOMES, outcome_record, staging
from truth_forge_sync.sync.crash import crash_point
from truth_forge_sync.sync.isolate import Allowance, isolate
from truth_forge_sync.sync.pull import Clock, stage_rows, utc_now, vanished
from truth_forge_sync.systems.protocol import NativeRow, Outcome, Status, System, Write, WriteKind


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one push did, in rows; ``refused`` counts values, ``deferred`` what waits for the next cycle (moved, gone or
    unanswered)."""

    system: str
    created: int = 0
    updated: int = 0
    deleted: int = 0
    refused: int = 0
    deferred: int = 0
    requests: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Intent:
    """A recorded write with its id."""

    intent_id: str
    write: Write

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Intent:
        """From a row of pending.sql. Deleting and restoring are kinds of a write, and a path only to the engine."""
        kind = WriteKind(row["kind"])
        changes = {change["path"]: change["value"] for change in row["changes"] if change["path"] != DELETED}
        seen = None if kind is WriteKind.CREATE else _known(row)
        return cls(row["intent_id"], Write(kind, row["contact_id"], row["native_id"], changes, seen))


@dataclass
class _Answers:
    """What a system answered to a push so far, to ``rows`` writes and parts of them: ``counts`` of kinds written,
    ``refused`` and ``deferred``; rows that are ``gone``; the ``failure`` that ended it."""

    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    gone: list[NativeRow] = field(default_factory=list)
    failure: Exception | None = None

    def told(self, system: System, requests: int, seconds: float) -> Pushed:
        return Pushed(
            system.name,
            created=self.counts[WriteKind.CREATE],
            updated=self.counts[WriteKind.PATCH] + self.counts[WriteKind.RESTORE],
            deleted=self.counts[WriteKind.DELETE],
            refused=self.counts[Status.REFUSED],
            deferred=self.counts["deferred"],
            requests=requests,
            seconds=seconds,
        )


def push(hub: Hub, system: System, *, clock: Clock = utc_now) -> Pushed:
    """Send every due intent of the system. An error of the system stops the push; what was answered is recorded, for as
    many contacts at once as the hub's engine takes."""
    began, requests = monotonic(), system.requests
    answers = _Answers()
    if hub.state().open_intents.get(system.name):
        hub.claim()
        state = hub.state()  # as another machine may have left it
        most = hub.engine.contacts_at_once or math.inf
        allowance = Allowance()
        intents = _due(hub, system.name, state.open_intents.get(system.name, {}))
        batches = _batched(_creatable(hub, system, intents, answers.counts), system.capabilities.write_batch)
        upcoming = next(batches, ())
        while upcoming:
            table = f"sync_outcomes_{(push_id := new_id())}"
            with staging(hub.engine, table, OUTCOMES) as pages:
                while upcoming and pages.rows < most:
                    pages.append(_answered(system, upcoming, allowance, answers, clock))
                    upcoming = () if answers.failure else next(batches, ())
            answers.rows += pages.rows
            wanted = {"acknowledge": bool(pages.rows), "pushed": not upcoming and bool(answers.rows)}
            if any(wanted.values()):
                told = answers.told(system, system.requests - requests, monotonic() - began)
                hub.run(
                    *filter(wanted.get, wanted),
                    push=push_id,
                    written=bool(told.created + told.updated + told.deleted),
                    refused=bool(told.refused),
                    earlier_holds=bool(state.holds),
                    earlier_refusals=bool(state.refusals),
                    system=system.name,
                    counts=_counts(told),
                )
                hub.engine.drop([table])
        if answers.gone:
            stage_rows(hub, system, answers.gone, read_at=clock())
        if answers.failure:
            raise answers.failure
    return answers.told(system, system.requests - requests, monotonic() - began)


def _due(hub: Hub, system: str, open_intents: Mapping[str, int]) -> Iterator[Intent]:
    """Deletes come first, creates last: what must be unique is free by then."""
    for kind in WriteKind:
        if kind in open_intents:
            yield from map(Intent.of, hub.stream("pending", system=system, kind=kind))


def _answered(
    system: System, batch: Sequence[Intent], allowance: Allowance, answers: _Answers, clock: Clock
) -> list[dict[str, Any]]:
    """Send a batch of writes; the records of what was answered, until the system failed."""
    records = []
    try:
        for intent, outcome in _send(system, batch, allowance):
            answers.counts[_counted(outcome)] += 1
            if outcome.status is Status.GONE:
                seen = outcome.write.seen
                answers.gone.append(vanished(outcome.write.native_id, since=seen.changed_at if seen else clock()))
            records.append(outcome_record(intent.intent_id, system.name, outcome, answered_at=clock()))
    except Exception as error:  # noqa: BLE001 - raised by the push, once what was answered before is recorded
        answers.failure = error
    crash_point(f"push.{system.name}.written")
    return records


def _counts(told: Pushed) -> dict[str, str]:
    """For pushed.sql, whose shape stays the same."""
    counts = {name: getattr(told, name) for name in ("created", "updated", "deleted", "refused", "requests")}
    return {name: wide(count) for name, count in (counts | {"milliseconds": int(1000 * told.seconds)}).items()}


def _creatable(hub: Hub, system: System, intents: Iterable[Intent], counts: Counter[str]) -> Iterator[Intent]:
    """Leave out creates where the system may hold rows that nobody has read yet: the contact could be among them."""
    is_read: bool | None = None
    for intent in intents:
        if intent.write.kind is WriteKind.CREATE:
            if is_read is None:
                is_read = _is_read(hub, system)
            if not is_read:
                counts["deferred"] += 1
                continue
        yield intent


def _is_read(hub: Hub, system: System) -> bool:
    """The last cycle took what was read of the system, or nothing has moved there since the one that did."""
    state = hub.state()
    cursor = state.cursors.get(system.name)
    return cursor is not None and (cursor.cycle_id == state.last_cycle or cursor.marker == system.marker())


def _send(system: System, intents: Sequence[Intent], allowance: Allowance) -> Iterator[tuple[Intent, Outcome]]:
    """The outcomes of a batch of writes, then those of the parts of each refused one."""
    by_row = {intent.write.native_id: intent for intent in intents}
    refused = []
    for outcome in system.write([intent.write for intent in intents]):
        intent = by_row[outcome.write.native_id]
        if outcome.status is Status.REFUSED:
            refused.append((intent, outcome))
        else:
            yield intent, outcome
    for intent, outcome in refused:
        isolated = isolate(system, outcome, allowance)
        yield from ((intent, part) for part in isolated.outcomes)
        if isolated.failure:
            raise isolated.failure


def _counted(outcome: Outcome) -> str:
    if outcome.status is Status.WRITTEN:
        return outcome.write.kind
    return outcome.status if outcome.status is Status.REFUSED else "deferred"


def _known(row: Mapping[str, Any]) -> NativeRow:
    held = {item["path"]: item["value"] for item in row["held"] if item["value"] is not None}
    deleted = held.pop(DELETED, None) is not None
    return NativeRow(
        row["native_id"],
        row["own_contact_id"],
        row["version"] or "",
        row["changed_at"] or row["known_at"],
        held,
        deleted,
    )


def _batched(intents: Iterable[Intent], size: int) -> Iterator[tuple[Intent, ...]]:
    remaining = iter(intents)
    while batch := tuple(islice(remaining, size)):
        yield batch
