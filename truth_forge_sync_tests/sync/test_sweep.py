"""Laws 13 and 16: a complete read finds what left no trace, and repairs what nobody was seen to change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truth_forge_sync.errors import Retry
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.sync.push import push
from truth_forge_sync.sync.reconcile import reconcile
from truth_forge_sync.systems.memory import Fault, Memory
from truth_forge_sync.systems.protocol import Window
from truth_forge_sync_tests.sync.people import crowd, living, named
from truth_forge_sync_tests.world import World

SIZE = 5


@pytest.fixture
def world(world: World) -> World:
    for native_id, person in crowd(SIZE).items():
        world.twenty.put(native_id, person)
    world.settle()
    return world


def destroy(memory: Memory, native_id: str) -> None:
    """A hard delete that leaves no tombstone."""
    memory.hard_delete(native_id)
    memory.tombstones.clear()


def shares(world: World) -> list[tuple[int, int]]:
    rows = world.sql(
        "SELECT contacts_compared, contacts_aligned FROM identity.sync_cycles "
        "WHERE contacts_compared IS NOT NULL ORDER BY cycle_id"
    )
    return [(row["contacts_compared"], row["contacts_aligned"]) for row in rows]


def test_a_hard_delete_without_a_trace_is_found_by_the_sweep(world: World) -> None:
    destroy(world.twenty, "n-000")
    world.settle()
    assert len(living(world.local)) == SIZE, "nothing tells of it before the sweep"
    world.sweep()
    world.settle()
    world.assert_aligned()
    assert len(living(world.local)) == SIZE - 1


def test_contacts_that_a_sweep_meets_for_the_first_time_did_not_go_astray(world: World) -> None:
    for native_id, person in crowd(SIZE + 2).items():
        world.twenty.put(native_id, person)
    world.sweep()
    assert shares(world)[0] == (0, 0), "the very first cycle knew nobody before"
    assert shares(world)[-1] == (SIZE, SIZE)


def test_an_edit_made_later_than_the_row_was_last_known_outlives_its_disappearance(world: World) -> None:
    destroy(world.twenty, "n-000")
    world.local.put(named(world.local, "Person 0").native_id, {"notes": "still here"})
    world.sweep()
    world.settle()
    world.assert_aligned()
    assert named(world.twenty, "Person 0").values["notes"] == "still here"


def test_a_row_that_was_written_after_the_read_is_not_missing_in_it(world: World) -> None:
    world.local.faults.append(Fault.WRITE_BEFORE)
    world.twenty.put("n-new", {"first_name": "New", "primary_email": "new@example.com"})
    world.cycle()
    pull(world.hub, world.local, window=Window())
    push(world.hub, world.local)
    assert "New" in living(world.local)
    reconcile(world.hub, world.rules)
    world.settle()
    assert "New" in living(world.local) & living(world.twenty)
    assert world.sql("SELECT * FROM identity.sync_change_log WHERE change_type IN ('DELETE', 'RESTORE')") == []


@pytest.mark.parametrize("native_id", ["l-new", None], ids=["a new row", "a row that we know"])
def test_an_older_look_does_not_hide_that_a_row_is_missing(world: World, native_id: str | None) -> None:
    new = {"first_name": "New", "primary_email": "new@example.com"}
    world.twenty.put("n-new", new)
    if native_id is None:
        world.settle()
        native_id = named(world.local, "New").native_id
    world.local.put(native_id, {**new, "city": "Oslo"})
    pull(world.hub, world.local)
    destroy(world.local, native_id)
    world.sweep()
    world.cycle()
    world.assert_aligned()
    assert not world.cycle().writes


def test_a_read_that_breaks_off_is_no_sweep(world: World) -> None:
    world.twenty.capabilities = replace(world.twenty.capabilities, read_page=2)
    world.twenty.faults.append(Fault.READ_HALF)
    with pytest.raises(Retry):
        pull(world.hub, world.twenty, window=Window())
    world.settle()
    assert len(living(world.local)) == SIZE


def test_a_row_that_was_written_after_the_read_is_not_missing(world: World) -> None:
    pull(world.hub, world.local, window=Window())
    waiting = "UPDATE identity.sync_batches SET cycle_id = {} WHERE batch_id = '{}'"
    (batch,) = (batch for batch in world.hub.state().batches if batch.complete)
    world.edit_hub(waiting.format("'elsewhere'", batch.batch_id))
    world.twenty.put("n-new", {"first_name": "New", "primary_email": "new@example.com"})
    world.cycle()
    world.edit_hub(waiting.format("NULL", batch.batch_id))
    world.settle()
    assert "New" in living(world.local)
    assert len(living(world.twenty)) == SIZE + 1


def test_a_system_that_lost_everything_is_stopped_by_the_brake(world: World) -> None:
    world.rules = replace(world.rules, loss_limit_count=2)
    for native_id in list(world.twenty.rows):
        destroy(world.twenty, native_id)
    world.sweep()
    world.settle()
    assert len(living(world.local)) == SIZE
    world.edit_hub("UPDATE identity.sync_holds SET status = 'rejected' WHERE TRUE")
    world.settle()
    world.assert_aligned()
    assert len(living(world.twenty)) == SIZE, "rejected: the rows are made anew"


def test_what_changed_behind_every_marker_is_repaired_and_counted(world: World) -> None:
    world.sweep()
    row = named(world.local, "Person 1")
    world.local.rows[row.native_id] = replace(row, values={**row.values, "city": "Bergen"})  # no stamp, no version
    world.cycle()
    assert named(world.twenty, "Person 1").values["city"] == "Oslo", "nothing tells of it before the sweep"
    world.sweep()
    world.settle()
    world.assert_aligned()
    assert named(world.twenty, "Person 1").values["city"] == "Bergen"
    world.sweep()
    assert shares(world)[-3:] == [(SIZE, SIZE), (SIZE, SIZE - 1), (SIZE, SIZE)]


def test_a_sweep_of_equal_systems_writes_nothing(world: World) -> None:
    assert not world.sweep().writes
    assert world.sql("SELECT COUNT(*) AS n FROM identity.sync_intents") == [{"n": 0}]


def test_an_outdated_base_is_mended(world: World) -> None:
    """Were our record of what a system holds ever wrong, the next sweep would set it right."""
    world.edit_hub("UPDATE identity.sync_bases SET held = [] WHERE system = 'local'")
    world.sweep()
    world.settle()
    world.assert_aligned()
    assert all(row.values["city"] == "Oslo" for row in world.local.rows.values())
