"""Push: write to one system what it still lacks, and record what it says it stored (DESIGN laws 8-10).

The intents were recorded with the plan, before anything is sent. Each row is read again right before it is written; a
path that no longer holds what we knew is left alone, the next cycle sees it as an edit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from time import monotonic
from typing import Any

from truth_forge_sync.contact import DELETED, PRESENT
from truth_forge_sync.hub.hub import Hub, new_id
from truth_forge_sync.hub.staging import OUTCOMES, outcome_record, staging
from truth_forge_sync.sync.crash import crash_point
from truth_forge_sync.sync.pull import Clock, stage_rows, utc_now
from truth_forge_sync.systems.protocol import NativeRow, Outcome, Status, System, Write, WriteKind


@dataclass(frozen=True, slots=True)
class Intent:
    """A recorded write. ``held``: what we know the row to hold, by path; ``known_at``: since when."""

    intent_id: str
    contact_id: str
    native_id: str
    kind: WriteKind
    changes: Mapping[str, str | None]
    held: Mapping[str, str]
    known_at: datetime | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Intent:
        """From a row of pending.sql."""
        return cls(
            intent_id=row["intent_id"],
            contact_id=row["contact_id"],
            native_id=row["native_id"],
            kind=WriteKind(row["kind"]),
            changes={change["path"]: change["value"] for change in row["changes"]},
            held={item["path"]: item["value"] for item in row["held"] if item["value"] is not None},
            known_at=row["known_at"],
        )


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one push did, in rows; ``deferred`` waits for the next cycle (moved, gone or unanswered)."""

    system: str
    created: int = 0
    updated: int = 0
    deleted: int = 0
    refused: int = 0
    deferred: int = 0
    requests: int = 0
    seconds: float = 0.0


def push(hub: Hub, system: System, *, clock: Clock = utc_now) -> Pushed:
    """Send every due intent of the system. An error of the system stops the push; what was answered is recorded."""
    began, requests = monotonic(), system.requests
    counts: Counter[str] = Counter()
    if hub.state().open_intents.get(system.name):
        push_id = new_id()
        gone: list[NativeRow] = []
        intents = (Intent.of(row) for row in hub.stream("pending", system=system.name))
        failure: Exception | None = None
        with staging(hub.engine, f"sync_outcomes_{push_id}", OUTCOMES) as pages:
            try:
                for page in _batched(intents, system.capabilities.write_batch):
                    records = []
                    for intent_id, outcome in _send(system, page):
                        counts[_counted(outcome)] += 1
                        if outcome.status is Status.GONE and outcome.row:
                            gone.append(outcome.row)
                        records.append(outcome_record(intent_id, system.name, outcome, answered_at=clock()))
                    crash_point(f"push.{system.name}.written")
                    pages.append(records)
            except Exception as error:  # noqa: BLE001 - what was answered before is recorded first, then it is raised
                failure = error
        if pages.rows:
            hub.run(
                "acknowledge",
                push=push_id,
                system=system.name,
                requests=str(system.requests - requests),
                milliseconds=str(int(1000 * (monotonic() - began))),
            )
        if gone:
            stage_rows(hub, system, gone, read_at=clock())
        if failure:
            raise failure
    return Pushed(
        system.name,
        created=counts["created"],
        updated=counts["updated"],
        deleted=counts["deleted"],
        refused=counts["refused"],
        deferred=counts["deferred"],
        requests=system.requests - requests,
        seconds=monotonic() - began,
    )


def _counted(outcome: Outcome) -> str:
    match outcome.status:
        case Status.WRITTEN if outcome.message == ALREADY:
            return "already"
        case Status.WRITTEN:
            return {WriteKind.CREATE: "created", WriteKind.DELETE: "deleted"}.get(outcome.write.kind, "updated")
        case Status.REFUSED:
            return "refused"
        case _:
            return "deferred"


ALREADY = "already as wanted"


def _send(system: System, intents: Sequence[Intent]) -> Iterator[tuple[str, Outcome]]:
    """Outcomes of these intents with their ids. The rows are re-read first, in one go."""
    existing = [intent.native_id for intent in intents if intent.kind is not WriteKind.CREATE]
    fresh = {row.native_id: row for page in system.read_by_id(existing) for row in page} if existing else {}
    writes: dict[str, tuple[str, Write]] = {}
    for intent in intents:
        decided = decide_write(intent, fresh.get(intent.native_id))
        if isinstance(decided, Write):
            writes[intent.native_id] = intent.intent_id, decided
        else:
            yield intent.intent_id, decided
    if writes:
        for outcome in system.write([_for_system(write) for _, write in writes.values()]):
            intent_id, write = writes[outcome.write.native_id]
            yield intent_id, replace(outcome, write=write)


def _for_system(write: Write) -> Write:
    """Deleting and restoring are kinds of a write to a system, and a path only to the engine."""
    return replace(write, changes={path: value for path, value in write.changes.items() if path != DELETED})


def _batched(intents: Iterable[Intent], size: int) -> Iterator[tuple[Intent, ...]]:
    remaining = iter(intents)
    while page := tuple(islice(remaining, size)):
        yield page


def decide_write(intent: Intent, row: NativeRow | None) -> Write | Outcome:
    """The write that an intent still needs, given the row as it is right now; or its outcome where it needs none.

    - a path that holds the wanted value already is acknowledged (a write whose answer was lost);
    - a path that holds neither that nor what we knew was edited meanwhile: it is left out;
    - a row that is gone is reported as an observation, so that the next cycle decides about it.
    """
    write = Write(intent.kind, intent.contact_id, intent.native_id, intent.changes, row)
    if intent.kind is WriteKind.CREATE:
        return write
    if row is None:
        return _gone(intent, write)
    values = {**row.values, **({DELETED: PRESENT} if row.deleted else {})}
    held = intent.held
    if intent.kind is WriteKind.DELETE and not row.deleted and _edited(row.values, held):
        return Outcome(write, Status.MOVED)
    if row.deleted and DELETED not in intent.changes:
        return Outcome(write, Status.MOVED)
    untouched = {
        path: wanted
        for path, wanted in intent.changes.items()
        if values.get(path) == wanted or values.get(path) == held.get(path)
    }
    if not untouched:
        return Outcome(write, Status.MOVED)
    write = replace(write, changes=untouched)
    if all(values.get(path) == wanted for path, wanted in untouched.items()):
        return Outcome(write, Status.WRITTEN, row, message=ALREADY)
    return write


def _edited(values: Mapping[str, str], held: Mapping[str, str]) -> bool:
    return any(values.get(path) != value for path, value in held.items() if path != DELETED)


def _gone(intent: Intent, write: Write) -> Outcome:
    """When it went is unknown: not before we last knew it."""
    known_at = intent.known_at or utc_now()
    row = NativeRow(intent.native_id, None, "", known_at, {}, deleted=True, gone=True)
    return Outcome(write, Status.WRITTEN if intent.kind is WriteKind.DELETE else Status.GONE, row)
