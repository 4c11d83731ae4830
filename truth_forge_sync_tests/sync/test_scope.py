"""A contact that was settled is decided about field by field, and comes out as if all of it had been looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from truth_forge_sync.systems.memory import Fault
from truth_forge_sync_tests.hub.test_two_engines import a_random_week, snapshot
from truth_forge_sync_tests.world import World


def decide_whole(world: World) -> None:
    """From now on every contact counts as unsettled."""
    script = world.engine.script

    def changed(statements: Sequence[str]) -> None:
        script(
            [
                statement.replace("HAVING LOGICAL_OR(is_new OR", "HAVING TRUE OR LOGICAL_OR(is_new OR")
                for statement in statements
            ]
        )

    world.engine.script = changed  # type: ignore[method-assign]


@pytest.mark.parametrize("seed", range(8))
def test_random_weeks_come_out_alike(tmp_path: Path, seed: int) -> None:
    (tmp_path / "whole").mkdir()
    world, whole = World.embedded(tmp_path), World.embedded(tmp_path / "whole")
    decide_whole(whole)
    with world.engine.session(), whole.engine.session():
        for _ in zip(a_random_week(world, seed), a_random_week(whole, seed), strict=True):
            found, wanted = snapshot(world), snapshot(whole)
            for table, rows in wanted.items():
                assert found[table] == rows, table


def test_only_the_field_that_changed_is_looked_at(world: World) -> None:
    for name in ("ann", "bo"):
        world.local.put(
            name, {"first_name": name, "primary_email": f"{name}@example.com", "other_emails/x@x.com": "true"}
        )
    world.settle()
    looked_at: list[dict[str, object]] = []
    drop = world.engine.drop

    def kept(tables: Iterable[str]) -> None:
        tables = list(tables)
        for table in tables:
            if table.startswith("sync_scope_"):
                looked_at.extend(world.sql(f"SELECT field FROM identity.{table}"))
        drop(tables)

    world.engine.drop = kept  # type: ignore[method-assign]
    world.local.put("ann", {"city": "Oslo"})
    world.cycle()
    assert looked_at == [{"field": "city"}]


def ann(world: World) -> str:
    """A contact that is settled everywhere; its row in Twenty."""
    world.twenty.put("t-1", {"first_name": "Ann", "primary_email": "ann@example.com"})
    world.settle()
    return "t-1"


def test_what_is_on_its_way_stays_so_while_another_field_is_decided_about(world: World) -> None:
    row = ann(world)
    world.supabase.faults.append(Fault.WRITE_BEFORE)
    world.twenty.put(row, {"city": "Oslo"})
    assert "supabase" in world.cycle().down
    world.twenty.put(row, {"notes": "met at a fair"})
    world.settle()
    world.assert_aligned()


def test_what_was_refused_stays_parked_while_another_field_is_decided_about(world: World) -> None:
    row = ann(world)
    world.local.refuses = lambda _path, value: "no" if value == "Oslo" else None
    world.twenty.put(row, {"city": "Oslo"})
    world.settle()
    world.twenty.put(row, {"notes": "met at a fair"})
    world.settle()
    assert world.sql("SELECT path, status FROM identity.sync_errors") == [{"path": "city", "status": "parked"}]


def test_a_field_that_can_be_read_again_is_given_what_it_missed(world: World) -> None:
    row = ann(world)
    world.twenty.garble(row, "city")
    world.settle()
    (other,) = world.local.rows
    world.local.put(other, {"city": "Oslo"})
    world.settle()
    assert "city" not in world.twenty.rows[row].values
    world.twenty.garble(row)
    world.settle()
    world.assert_aligned()


def test_a_system_that_waited_for_a_persons_word_is_given_all_of_the_contact(world: World) -> None:
    world.local.down = True
    world.twenty.put("t-1", {"first_name": "Ann", "primary_email": "ann@example.com"})
    world.twenty.put("t-2", {"first_name": "Bo", "primary_email": "bo@example.com"})
    world.settle()
    world.local.down = False
    world.local.put("l-1", {"primary_email": "ann@example.com", "other_emails/bo@example.com": "true"})
    world.settle()
    assert list(world.local.rows) == ["l-1"], "it may be either"
    world.local.put("l-1", {"primary_email": "bo@example.com", "other_emails/bo@example.com": None})
    world.settle()
    world.twenty.put("t-1", {"city": "Oslo"})
    world.settle()
    world.assert_aligned()
