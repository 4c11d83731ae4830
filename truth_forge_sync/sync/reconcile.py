"""Reconcile: decide all staged batches in one plan, then carry it out (DESIGN section 4).

A cycle that was decided before a crash is carried out first; one that was not gives its batches back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from truth_forge_sync.hub.hub import Hub, day_before
from truth_forge_sync.sync.crash import crash_point
from truth_forge_sync.sync.decision import News, begin, decide, drop_cycle, drop_share, news_of
from truth_forge_sync.sync.due import Due, due_now
from truth_forge_sync.sync.leftovers import drop_leftovers
from truth_forge_sync.sync.pull import Clock, utc_now
from truth_forge_sync.sync.reviews import close_departed
from truth_forge_sync.sync.rules import Rules


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
        close_departed(hub)
        due = due_now(hub, rules)
        if due is None:
            return Reconciled(held=_held(hub), seconds=monotonic() - began)
        cycle = begin(hub, due, run_id=run_id, trigger=trigger)
        news = news_of(hub, cycle, due)
        if news:
            _decide_and_carry_out(hub, cycle, rules, due, news, clock)
        else:
            hub.run("unmoved", cycle=cycle)
            drop_cycle(hub, cycle, due.staged_tables)
        if due.everything:
            drop_leftovers(hub, clock())
        return _told(hub, cycle, began)


def _decide_and_carry_out(hub: Hub, cycle: str, rules: Rules, due: Due, news: News, clock: Clock) -> None:
    for share in decide(hub, cycle, rules, due, news):
        crash_point("reconcile.decided")
        todo = _carry_out(hub, cycle, clock)
        if share:
            _tell(hub, cycle, todo, everything=due.everything)
    _finish(hub, cycle, todo, everything=due.everything, is_split=bool(share))


def _carry_out(hub: Hub, cycle: str, clock: Clock) -> Mapping[str, Any]:
    """The plan that is there; what it comes to, and what the cycle has left to finish (todo.sql)."""
    (todo,) = hub.rows("todo", cycle=cycle)
    if todo["contacts"]:
        now = int(clock().timestamp() * 1_000_000)
        wide = ("wide",) if todo["hub_rows"] else ()
        hub.run(*wide, "apply", cycle=cycle, now=str(now), todo=todo)
        crash_point("reconcile.applied")
    return todo


def _finish(hub: Hub, cycle: str, todo: Mapping[str, Any], *, everything: bool = False, is_split: bool = False) -> None:
    hub.run("aside", "finish", cycle=cycle, everything=everything, is_split=is_split, todo=todo)
    drop_cycle(hub, cycle, todo["staged_tables"])


def _tell(hub: Hub, cycle: str, todo: Mapping[str, Any], *, everything: bool = False) -> None:
    hub.run("tell", cycle=cycle, everything=everything, todo=todo)
    drop_share(hub, cycle)


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
    """What was decided is carried out. All else, shares of a large cycle included, waits for the next one, with what
    was staged: rows that were decided about are no news any more."""
    is_decided, is_split = (_is_there(hub, f"sync_{name}_{cycle}") for name in ("plan", "told"))
    if is_decided:
        todo = _carry_out(hub, cycle, clock)
        if is_split:
            _tell(hub, cycle, todo)
        else:
            _finish(hub, cycle, todo)
    if is_split:
        hub.run("give_back", "finish", cycle=cycle, everything=False, is_split=True, todo={"edits": 0})
        drop_cycle(hub, cycle)
    elif not is_decided:
        drop_cycle(hub, cycle)
        hub.run("give_back", "abandon", cycle=cycle)


def _is_there(hub: Hub, table: str) -> bool:
    return table in hub.engine.tables(table)


def finish_merges(hub: Hub, begun: Mapping[str, str]) -> None:
    """Carry out the merges and unmerges that were decided and interrupted. ``begun``: how far each is, by its id."""
    for merge, status in begun.items():
        hub.run("unmerge" if status == "unmerging" else "merge_apply", merge=merge)
