"""Push: write to one system what it still lacks, and record what it says it stored (DESIGN laws 8-10).

The intents were recorded with the plan, before anything is sent. Each write names the row as we know it; a row that is
another one by now is left alone, the next cycle reads it and decides anew. A write that was refused is sent again in
parts, until only the refused values are left; those are parked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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


def push(hub: Hub, system: System, *, clock: Clock = utc_now) -> Pushed:
    """Send every due intent of the system. An error of the system stops the push; what was answered is recorded."""
    began, requests = monotonic(), system.requests
    counts: Counter[str] = Counter()
    state = hub.state()
    if state.open_intents.get(system.name):
        hub.claim()
        state = hub.state()  # as another machine may have left it
        push_id = new_id()
        gone: list[NativeRow] = []
        failure: Exception | None = None
        allowance = Allowance()
        intents = _creatable(hub, system, map(Intent.of, hub.stream("pending", system=system.name)), counts)
        with staging(hub.engine, f"sync_outcomes_{push_id}", OUTCOMES) as pages:
            for batch in _batched(intents, system.capabilities.write_batch):
                records = []
                try:
                    for intent, outcome in _send(system, batch, allowance):
                        counts[_counted(outcome)] += 1
                        if outcome.status is Status.GONE:
                            seen = outcome.write.seen
                            gone.append(vanished(outcome.write.native_id, since=seen.changed_at if seen else clock()))
                        records.append(outcome_record(intent.intent_id, system.name, outcome, answered_at=clock()))
                except Exception as error:  # noqa: BLE001 - raised below, once what was answered before is recorded
                    failure = error
                crash_point(f"push.{system.name}.written")
                pages.append(records)
                if failure:
                    break
        if pages.rows:
            hub.run(
                "acknowledge",
                push=push_id,
                written=any(counts[kind] for kind in WriteKind),
                refused=bool(counts[Status.REFUSED]),
                earlier_holds=bool(state.holds),
                earlier_refusals=bool(state.refusals),
                system=system.name,
                requests=wide(system.requests - requests),
                milliseconds=wide(int(1000 * (monotonic() - began))),
            )
            hub.engine.drop([f"sync_outcomes_{push_id}"])
        if gone:
            stage_rows(hub, system, gone, read_at=clock())
        if failure:
            raise failure
    return Pushed(
        system.name,
        created=counts[WriteKind.CREATE],
        updated=counts[WriteKind.PATCH] + counts[WriteKind.RESTORE],
        deleted=counts[WriteKind.DELETE],
        refused=counts[Status.REFUSED],
        deferred=counts["deferred"],
        requests=system.requests - requests,
        seconds=monotonic() - began,
    )


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
