"""What a cycle is to decide about, if anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from truth_forge_sync.contact import FIELD
from truth_forge_sync.hub.hand_edits import HUB
from truth_forge_sync.hub.hub import SYSTEMS_MANIFEST, Hub, HubState, Registered, Waiting, new_id, staged_tables
from truth_forge_sync.sync.rules import Rules


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
        return staged_tables(self.batches)

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
