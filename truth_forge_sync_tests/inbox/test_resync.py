"""Rows that a person wants read again are compared anew, whatever the systems' change markers say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.hub.hand_edits import HandEdits
from truth_forge_sync.inbox.resync import ask_again, read_again
from truth_forge_sync.systems.memory import Memory
from truth_forge_sync.systems.protocol import System
from truth_forge_sync_tests.sync.people import crowd, living, named
from truth_forge_sync_tests.world import World


@pytest.fixture
def world(world: World) -> World:
    for native_id, person in crowd(3).items():
        world.twenty.put(native_id, person)
    world.settle()
    return world


def edit_unseen(memory: Memory, name: str, department: str) -> None:
    """An edit that no marker and no stamp tells of, such as one made while triggers were off."""
    row = named(memory, name)
    memory.rows[row.native_id] = replace(row, values={**row.values, "department": department}, version="unseen")


def contact_of(world: World, name: str) -> str:
    (row,) = world.sql(f"SELECT contact_id FROM identity.contacts_master WHERE canonical_name = '{name}'")
    return str(row["contact_id"])


def resync(world: World, contact_id: str | None = None) -> dict[str, int]:
    whole = ask_again(world.hub, contact_id) if contact_id else None
    systems: list[System] = [HandEdits(world.hub, region="US"), *world.memories.values()]
    return {system.name: read_again(world.hub, system, whole) for system in systems}


def test_an_edit_that_nothing_tells_of_is_found_in_the_contact_that_was_named(world: World) -> None:
    edit_unseen(world.local, "Person 0", "Sales")
    edit_unseen(world.local, "Person 1", "Legal")
    world.settle()
    assert "department" not in named(world.twenty, "Person 0").values
    assert resync(world, contact_of(world, "Person 0")) == {"bigquery": 0, "twenty": 1, "supabase": 1, "local": 1}
    world.settle()
    assert named(world.twenty, "Person 0").values["department"] == "Sales"
    assert "department" not in named(world.twenty, "Person 1").values, "only the contact that was named is read"


def test_all_rows_are_read_where_no_contact_is_named(world: World) -> None:
    edit_unseen(world.local, "Person 0", "Sales")
    edit_unseen(world.supabase, "Person 1", "Legal")
    assert resync(world) == {"bigquery": 0, "twenty": 3, "supabase": 3, "local": 3}
    world.settle()
    world.assert_aligned()
    assert named(world.twenty, "Person 1").values["department"] == "Legal"


def test_a_row_that_vanished_without_a_trace_is_found_and_one_that_is_back_as_well(world: World) -> None:
    row = named(world.local, "Person 0")
    world.local.hard_delete(row.native_id)
    world.local.tombstones.clear()
    contact = contact_of(world, "Person 0")
    resync(world, contact)
    world.settle()
    assert "Person 0" not in living(world.twenty) | living(world.supabase)
    world.local.rows[row.native_id] = replace(row, changed_at=world.local.clock(), version="back")
    resync(world, contact)
    world.settle()
    assert "Person 0" in living(world.twenty) & living(world.supabase)


def test_a_contact_that_is_as_it_was_known_comes_to_rest(world: World) -> None:
    resync(world, contact_of(world, "Person 0")[:8])
    cycle = world.cycle()
    assert cycle.reconciled.cycle_id
    assert not cycle.writes
    assert not world.cycle().writes
    assert world.sql("SELECT * FROM identity.sync_edits") == []


def test_a_system_that_does_not_answer_leaves_nothing_staged(world: World) -> None:
    world.local.down = True
    with pytest.raises(Retry):
        read_again(world.hub, world.local)
    with pytest.raises(Retry):
        read_again(world.hub, world.local, contact_of(world, "Person 0"))
    assert world.sql("SELECT * FROM identity.sync_batches WHERE cycle_id IS NULL") == []


def test_a_contact_that_nobody_knows_is_refused_with_the_way_to_find_it(world: World) -> None:
    with pytest.raises(Stop, match=r"there is no contact 'nobody'.*contacts_master"):
        ask_again(world.hub, "nobody")
