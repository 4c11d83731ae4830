"""What the brake holds waits for a person, who may have it brought back (law 14)."""

from __future__ import annotations

from dataclasses import replace

from truth_forge_sync.inbox.holds import held_changes, holds, reject
from truth_forge_sync.systems.memory import Memory
from truth_forge_sync_tests.world import World

MANY = 4


def people(world: World) -> None:
    """The brake holds more than one contact at once, which is also more than 10 %."""
    world.rules = replace(world.rules, loss_limit_count=1)
    for number in range(MANY):
        world.twenty.put(f"t-{number}", {"first_name": f"P{number}", "city": "Oslo", "job_title": "Clerk"})
    world.settle()


def lose(memory: Memory) -> None:
    """Two rows are deleted softly, one for good, and one field is emptied."""
    soft, other, hard, emptied = memory.rows
    memory.soft_delete(soft)
    memory.soft_delete(other)
    memory.hard_delete(hard)
    memory.put(emptied, {"city": None})


def living(memory: Memory) -> int:
    return sum(not row.deleted for row in memory.rows.values())


def test_what_is_held_is_counted_by_system_and_reason(world: World) -> None:
    people(world)
    assert holds(world.hub) == []
    lose(world.local)
    world.settle()
    (held,) = holds(world.hub)
    assert (held.system, held.reason, held.status, held.awaits_a_word) == ("local", "brake", "held", True)
    assert (held.contacts, held.deletes, held.emptied, held.changes, held.until) == (MANY, 3, 1, MANY, None)
    changes = held_changes(world.hub)
    assert {change.name for change in changes} == {f"P{number}" for number in range(MANY)}
    (emptied,) = [change for change in changes if change.field != "deleted"]
    assert (emptied.field, emptied.value, emptied.accepted_value) == ("city", None, "Oslo")
    assert [change.value for change in changes if change.field == "deleted"] == ["true"] * 3
    assert living(world.twenty) == MANY, "and the others lose nothing"


def test_what_is_rejected_comes_back(world: World) -> None:
    people(world)
    lose(world.local)
    world.settle()
    assert reject(world.hub, system="supabase") == []
    assert [held.contacts for held in reject(world.hub)] == [MANY]
    assert [held.status for held in holds(world.hub)] == ["rejected"]
    assert reject(world.hub) == [], "once is enough"
    world.settle()
    world.assert_aligned()
    assert not world.cycle().writes
    assert living(world.local) == living(world.twenty) == MANY
    assert all(row.values["city"] == "Oslo" for row in world.local.rows.values() if not row.deleted)
    assert holds(world.hub) == []


def test_one_system_may_be_rejected_alone(world: World) -> None:
    people(world)
    for memory in (world.local, world.supabase):
        for native_id in list(memory.rows)[:3]:
            memory.soft_delete(native_id)
    world.settle()
    assert {held.system for held in holds(world.hub)} == {"local", "supabase"}
    reject(world.hub, system="local")
    world.settle()
    assert [(held.system, held.status) for held in holds(world.hub)] == [("supabase", "held")]
    assert living(world.local) == MANY
    assert living(world.supabase) == 1


def test_what_goes_to_and_fro_is_no_matter_of_rejecting(world: World) -> None:
    people(world)
    world.rules = replace(world.rules, flip_limit=1)
    for city in ("Rome", "Oslo", "Rome"):
        world.twenty.put("t-0", {"city": city})
        world.cycle()
    (held,) = holds(world.hub)
    assert (held.reason, held.awaits_a_word, held.contacts, held.deletes) == ("flip_flop", False, 1, 0)
    assert held.until is not None
    assert reject(world.hub) == []
    assert [one.status for one in holds(world.hub)] == ["held"]
