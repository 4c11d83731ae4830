"""Reconcile: decide all staged batches in one plan, then carry it out (DESIGN section 4).

A cycle that was decided before a crash is carried out first; one that was not gives its batches back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from truth_forge_sync.contact import FIELD
from truth_forge_sync.hub.hand_edits import HUB
from truth_forge_sync.hub.hub import SYSTEMS_MANIFEST, Hub, HubState, Registered, Waiting, day_before, new_id
from truth_forge_sync.sync.crash import crash_point
from truth_forge_sync.sync.pull import Clock, utc_now
from truth_forge_sync.sync.rules import Rules

DECIDING = ("match", "compare", "decide", "writes", "plan")
"""The files of hub/sql/cycle that make a decision of the rows that are news, in order."""

CYCLE_TABLES = (
    "rows",
    "keys",
    "named",
    "match",
    "native",
    "scope",
    "seen",
    "cells",
    "accepted",
    "claims",
    "settled",
    "lacking",
    "writes",
    "learnt",
    "plan",
    "wide",
)
"""What they and the others make for one cycle, named ``sync_…_{cycle}``."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one reconcile did.

    ``changed`` counts, per system, the contacts whose accepted changes came from it; ``changes`` all accepted changes;
    ``held``, per system, the contacts with losses that wait (law 14); ``contacts`` the living ones (None: nothing was
    decided, not counted).
    """

    cycle_id: str | None = None
    created: int = 0
    updated: int = 0
    deleted: int = 0
    conflicts: int = 0
    review: int = 0
    changed: Mapping[str, int] = field(default_factory=dict)
    changes: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    contacts: int | None = None
    seconds: float = 0.0


def reconcile(
    hub: Hub, rules: Rules, *, run_id: str = "none", trigger: str = "manual", clock: Clock = utc_now
) -> Reconciled:
    """Take every staged batch, and whatever else is due, into one cycle."""
    with hub.engine.session():
        began = monotonic()
        state = hub.state()
        if state.unfinished or state.merges or due_now(hub, rules):
            hub.claim()
        for cycle in hub.state().unfinished:
            _resume(hub, cycle, clock)
        finish_merges(hub, hub.state().merges)
        due = due_now(hub, rules)
        if due is None:
            return Reconciled(held=_held(hub), seconds=monotonic() - began)
        cycle = begin(hub, due, run_id=run_id, trigger=trigger)
        if due.beyond_rows or (due.rows and has_news(hub, cycle)):
            decide(hub, cycle, rules, due)
            crash_point("reconcile.decided")
            _carry_out(hub, cycle, clock, everything=due.everything)
        else:
            hub.run("unmoved", cycle=cycle)
            hub.engine.drop([*due.staged_tables, *cycle_tables(cycle)])
        return _told(hub, cycle, began)


@dataclass(frozen=True, slots=True)
class Due:
    """What a cycle is to decide about. ``everything``: all contacts; ``release``: what the brake holds, too; ``waits``:
    something else whose time has come; ``edits``: made by command; ``holds``: changes are held back."""

    batches: Sequence[Waiting]
    everything: bool
    release: bool
    waits: bool
    edits: bool
    holds: bool

    @property
    def staged_tables(self) -> list[str]:
        return [f"sync_staged_{batch.batch_id}" for batch in self.batches if batch.row_count]

    @property
    def rows(self) -> bool:
        """Whether any were staged: a batch may be empty, and only move its cursor."""
        return bool(self.staged_tables)

    @property
    def beyond_rows(self) -> bool:
        """Whether there is something to decide even where all that was staged is as we know it."""
        return self.everything or self.release or self.waits


def due_now(hub: Hub, rules: Rules) -> Due | None:
    """None where there is nothing to decide."""
    more_to_hold = register(hub, rules.order)
    state = hub.state()
    everything = more_to_hold or any(batch.complete for batch in state.batches)
    ceiling = max(rules.loss_limit_count, rules.allowed_losses)
    release = any(held.rejected or 0 < held.contacts <= ceiling for held in state.holds.values())
    waits = bool(state.edits or state.refusals_due or any(held.releases for held in state.holds.values()))
    due = Due(state.batches, everything, release, waits, edits=bool(state.edits), holds=bool(state.holds))
    return due if due.batches or due.beyond_rows else None


def begin(hub: Hub, due: Due, *, run_id: str = "none", trigger: str = "manual", preview: bool = False) -> str:
    """Begin a cycle with the rows that are news; its id. A ``preview`` takes nothing."""
    cycle = new_id()
    wanted = {"begin": not preview, "rows": preview or due.rows or due.beyond_rows}
    hub.run(
        *filter(wanted.get, wanted),
        cycle=cycle,
        batches=[batch.batch_id for batch in due.batches],
        edits=due.edits,
        batch_tables=due.staged_tables,
        complete_batches=[batch.batch_id for batch in due.batches if batch.complete],
        holds=due.holds,
        run=run_id,
        trigger=trigger,
    )
    return cycle


def has_news(hub: Hub, cycle: str) -> bool:
    (row,) = hub.rows("news", cycle=cycle)
    return bool(row["news"])


def decide(hub: Hub, cycle: str, rules: Rules, due: Due, *, preview: bool = False) -> None:
    """Make the plan of a cycle that began."""
    hub.run(
        *DECIDING,
        cycle=cycle,
        everything=due.everything,
        release=due.release,
        preview=preview,
        **rules.placeholders,
    )


def cycle_tables(cycle: str) -> list[str]:
    return [f"sync_{name}_{cycle}" for name in CYCLE_TABLES]


def _carry_out(hub: Hub, cycle: str, clock: Clock, *, everything: bool = False) -> None:
    (todo,) = hub.rows("todo", cycle=cycle)
    now = int(clock().timestamp() * 1_000_000)
    if todo["contacts"] or todo["reviews"] or todo["unread"]:
        wide = ("wide",) if todo["hub_rows"] else ()
        hub.run(*wide, "apply", cycle=cycle, now=str(now), since=day_before(cycle), todo=todo)
        crash_point("reconcile.applied")
    hub.run("finish", cycle=cycle, everything=everything, todo=todo)
    hub.engine.drop([*todo["staged_tables"], *cycle_tables(cycle)])


def _told(hub: Hub, cycle: str, began: float) -> Reconciled:
    results = hub.rows("result", cycle=cycle, since=day_before(cycle))
    first = results[0]
    return Reconciled(
        cycle_id=cycle,
        created=first["contacts_created"],
        updated=first["contacts_updated"],
        deleted=first["contacts_deleted"],
        conflicts=first["conflicts"],
        review=first["reviews"],
        changed={row["system"]: row["changed"] for row in results if row["system"]},
        changes=sum(row["changes"] or 0 for row in results),
        held=_held(hub),
        contacts=first["contacts"],
        seconds=monotonic() - began,
    )


def _held(hub: Hub) -> dict[str, int]:
    return {name: held.contacts for name, held in hub.state().holds.items() if held.contacts}


def _resume(hub: Hub, cycle: str, clock: Clock) -> None:
    plan = f"sync_plan_{cycle}"
    if plan in hub.engine.tables(plan):
        _carry_out(hub, cycle, clock)
    else:
        hub.run("abandon", cycle=cycle)


def finish_merges(hub: Hub, begun: Mapping[str, str]) -> None:
    """Carry out the merges and unmerges that were decided and interrupted. ``begun``: how far each is, by its id."""
    for merge, status in begun.items():
        hub.run("unmerge" if status == "unmerging" else "merge_apply", merge=merge)


def register(hub: Hub, order: Sequence[str]) -> bool:
    """Bring ``sync_systems`` up to date. True where a system can hold more than before: then every contact is due, and
    stays so until a cycle has decided about all of them."""
    known = hub.state().systems
    wanted = _wanted(hub.state(), order)
    if wanted != known:
        records = [
            {
                "system": name,
                "rank": system.rank,
                "fields": sorted(system.fields),
                "active": system.active,
                "due": system.due,
            }
            for name, system in wanted.items()
        ]
        hub.record("systems", SYSTEMS_MANIFEST, records, batch=new_id())
    return any(system.due for system in wanted.values())


def _wanted(state: HubState, order: Sequence[str]) -> dict[str, Registered]:
    """A system is known from its first batch on: only then do we know what it can hold. The hub holds everything."""
    fields = {HUB: frozenset(FIELD)} | {name: system.fields for name, system in state.systems.items()}
    fields |= {batch.system: batch.fields for batch in state.batches}
    ranks = {name: rank for rank, name in enumerate(order, start=1)}
    nothing = Registered(0, frozenset(), active=False)
    wanted = {}
    for name, held in fields.items():
        before = state.systems.get(name, nothing)
        active = name in ranks
        more = active and (not before.active or not held <= before.fields)
        wanted[name] = Registered(ranks.get(name, 99), held, active, due=before.due or more)
    return wanted
