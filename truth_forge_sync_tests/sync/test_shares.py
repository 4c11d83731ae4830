"""A cycle of more contacts than the hub can think about at once is decided share by share, and comes out alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.sync.preview import preview
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.systems.memory import Fault
from truth_forge_sync.systems.protocol import Outcome, Write
from truth_forge_sync_tests.hub.test_two_engines import a_random_week, snapshot
from truth_forge_sync_tests.sync.people import crowd, living
from truth_forge_sync_tests.world import World

SIZE = 12


@pytest.fixture
def world(world: World, statements: list[str]) -> World:
    """Everybody everywhere; two contacts are decided about at once."""
    world.engine.contacts_at_once = 2
    for native_id, person in crowd(SIZE).items():
        world.twenty.put(native_id, person)
    world.settle()
    assert sum("INSERT INTO identity.sync_told_" in one for one in statements) >= SIZE // 2, "that many shares"
    return world


@pytest.mark.parametrize("seed", range(8))
def test_random_weeks_come_out_alike(tmp_path: Path, seed: int) -> None:
    (tmp_path / "split").mkdir()
    whole, split = World.embedded(tmp_path), World.embedded(tmp_path / "split")
    split.engine.contacts_at_once = 1
    with whole.engine.session(), split.engine.session():
        for _ in zip(a_random_week(whole, seed), a_random_week(split, seed), strict=True):
            found, wanted = snapshot(split), snapshot(whole)
            for table, rows in wanted.items():
                assert found[table] == rows, table


def test_a_first_read_is_one_cycle_that_tells_of_all_shares(world: World) -> None:
    world.assert_aligned()
    (first, *_) = world.sql("SELECT cycle_id, status, contacts_created FROM identity.sync_cycles ORDER BY cycle_id")
    assert (first["status"], first["contacts_created"]) == ("applied", SIZE)
    assert {row["cycle_id"] for row in world.sql("SELECT cycle_id FROM identity.sync_change_log")} == {
        first["cycle_id"]
    }
    assert {name for name in world.engine.tables("sync_") if first["cycle_id"] in name} == set()


def test_a_sweep_compares_all_shares(world: World) -> None:
    world.sweep()
    (swept,) = world.sql(
        "SELECT contacts_compared, contacts_aligned FROM identity.sync_cycles ORDER BY cycle_id DESC LIMIT 1"
    )
    assert swept == {"contacts_compared": SIZE, "contacts_aligned": SIZE}


def test_the_brake_counts_the_losses_of_all_shares(world: World) -> None:
    world.rules = replace(world.rules, loss_limit_count=3, loss_limit_percent=25)
    for native_id in list(world.twenty.rows)[:4]:
        world.twenty.soft_delete(native_id)
    assert world.cycle().reconciled.held == {"twenty": 4}
    assert len(living(world.local)) == SIZE
    for native_id in list(world.twenty.rows)[4:8]:
        world.twenty.put(native_id, {"city": None})
    assert world.cycle().reconciled.held == {"twenty": 8}, "what waits already counts, too"


def test_a_preview_counts_all_shares(world: World) -> None:
    for native_id in world.twenty.rows:
        world.twenty.put(native_id, {"city": "Rome"})
    pull(world.hub, world.twenty)
    expected = preview(world.hub, world.rules)
    assert (expected.updated, expected.writes["local"]) == (SIZE, {"patch": SIZE})
    done = world.cycle()
    assert (done.reconciled.updated, done.pushed["local"].updated) == (SIZE, SIZE)


def test_a_push_acknowledges_share_by_share_and_is_told_once(world: World, statements: list[str]) -> None:
    world.local.capabilities = replace(world.local.capabilities, write_batch=3)
    for native_id in world.twenty.rows:
        world.twenty.put(native_id, {"city": "Rome"})
    statements.clear()
    world.cycle()
    assert (
        sum("MERGE INTO identity.sync_bases" in one and "sync_outcomes_" in one for one in statements) == SIZE // 3 + 1
    )
    (told,) = world.sql(
        "SELECT ARRAY(SELECT AS STRUCT s.system, s.updated FROM UNNEST(systems) AS s WHERE s.phase = 'push') AS pushes "
        "FROM identity.sync_cycles ORDER BY cycle_id DESC LIMIT 1"
    )
    assert [push["updated"] for push in told["pushes"] if push["system"] == "local"] == [SIZE]
    world.settle()
    world.assert_aligned()


def test_what_was_answered_before_a_push_broke_off_is_told(world: World) -> None:
    world.local.capabilities = replace(world.local.capabilities, write_batch=3)
    for native_id in world.twenty.rows:
        world.twenty.put(native_id, {"city": "Rome"})
    write, calls = world.local.write, iter(range(99))

    def breaking(writes: Sequence[Write]) -> Iterator[Outcome]:
        if next(calls) == 2:
            world.local.faults.append(Fault.WRITE_BEFORE)
        yield from write(writes)

    world.local.write = breaking  # type: ignore[method-assign]
    assert world.cycle().down == {"local"}
    (told,) = world.sql(
        "SELECT ARRAY("
        "SELECT s.updated FROM UNNEST(systems) AS s WHERE s.phase = 'push' AND s.system = 'local') AS updated "
        "FROM identity.sync_cycles ORDER BY cycle_id DESC LIMIT 1"
    )
    assert told == {"updated": [6]}
    assert Hub(world.engine).state().open_intents["local"] == {"patch": SIZE - 6}
    world.settle()
    world.assert_aligned()
