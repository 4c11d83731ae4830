"""Reconcile: decide all staged batches in one plan, then carry it out (DESIGN section 4).

A cycle that was decided before a crash is carried out first; one that was not gives its batches back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from truth_forge_sync.contact import FIELD
from truth_forge_sync.hub.hand_edits import HUB
from truth_forge_sync.hub.hub import SYSTEMS_MANIFEST, Hub, HubState, Registered, new_id
from truth_forge_sync.sync.crash import crash_point
from truth_forge_sync.sync.pull import Clock, utc_now


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one reconcile did. ``changed`` counts, per system, the contacts whose accepted changes came
    from it; ``changes`` all accepted changes; ``contacts`` the living ones (None: nothing was decided, not counted)."""

    cycle_id: str | None = None
    created: int = 0
    updated: int = 0
    deleted: int = 0
    conflicts: int = 0
    review: int = 0
    changed: Mapping[str, int] = field(default_factory=dict)
    changes: int = 0
    contacts: int | None = None
    seconds: float = 0.0


def reconcile(
    hub: Hub, *, order: Sequence[str], run_id: str = "none", trigger: str = "manual", clock: Clock = utc_now
) -> Reconciled:
    """Take every staged batch into one cycle. ``order``: the configured systems, the first wins ties."""
    with hub.engine.session():
        return _reconcile(hub, order, run_id, trigger, clock)


def _reconcile(hub: Hub, order: Sequence[str], run_id: str, trigger: str, clock: Clock) -> Reconciled:
    began = monotonic()
    for cycle in hub.state().unfinished:
        _resume(hub, cycle, clock)
    everything = register(hub, order)
    if not hub.state().batches and not everything:
        return Reconciled(seconds=monotonic() - began)

    cycle = decide(hub, everything=everything, run_id=run_id, trigger=trigger)
    crash_point("reconcile.decided")
    _carry_out(hub, cycle, clock, everything=everything)

    results = hub.rows("result", cycle=cycle)
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
        contacts=first["contacts"],
        seconds=monotonic() - began,
    )


def decide(hub: Hub, *, everything: bool, run_id: str, trigger: str) -> str:
    """Make the plan of a new cycle out of every waiting batch, for the contacts they touch or for all; its cycle id."""
    cycle = new_id()
    waiting = hub.state().batches
    hub.run(
        "plan",
        "match",
        "decide",
        cycle=cycle,
        batches=[batch.batch_id for batch in waiting],
        batch_tables=[f"sync_staged_{batch.batch_id}" for batch in waiting if batch.row_count],
        run=run_id,
        trigger=trigger,
        everything=everything,
    )
    return cycle


def cycle_tables(cycle: str) -> list[str]:
    """The tables that match.sql and decide.sql make for one cycle."""
    return [f"sync_{name}_{cycle}" for name in ("rows", "keys", "named", "match", "native", "cells", "claims", "plan")]


def _carry_out(hub: Hub, cycle: str, clock: Clock, *, everything: bool = False) -> None:
    (todo,) = hub.rows("todo", cycle=cycle)
    now = int(clock().timestamp() * 1_000_000)
    if todo["actions"]:
        hub.run("apply", cycle=cycle, now=str(now))
        crash_point("reconcile.applied")
    hub.run("finish", cycle=cycle, everything=everything)
    staged = [row["table_name"] for row in hub.rows("taken", cycle=cycle)]
    hub.engine.drop([*staged, *cycle_tables(cycle)])


def _resume(hub: Hub, cycle: str, clock: Clock) -> None:
    plan = f"sync_plan_{cycle}"
    if plan in hub.engine.tables(plan):
        _carry_out(hub, cycle, clock)
    else:
        hub.run("abandon", cycle=cycle)


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
