"""Laws 3 and 12: a cycle decides about what is news, and ends where nothing is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truth_forge_sync_tests.world import World

ANN = {"first_name": "Ann", "primary_email": "ann@example.com", "other_emails/a@example.com": "true"}


def test_our_own_writes_coming_back_end_the_cycle_before_anything_is_decided(
    world: World, statements: list[str]
) -> None:
    world.local.put("l-1", ANN)
    world.settle()
    world.local.put("l-1", {"city": "Oslo"})
    world.cycle()
    assert any("sync_plan_" in statement for statement in statements)
    statements.clear()
    echo = world.cycle()
    assert [echo.pulled[name].rows for name in ("twenty", "supabase")] == [1, 1]
    assert echo.reconciled.cycle_id
    assert not any("sync_plan_" in statement for statement in statements)
    (last,) = world.sql("SELECT cycle_id, status FROM identity.sync_cycles ORDER BY cycle_id DESC LIMIT 1")
    assert last == {"cycle_id": echo.reconciled.cycle_id, "status": "applied"}
    assert world.cycle().reconciled.cycle_id is None, "the cursors have moved"
    assert not world.engine.tables("sync_staged_")
    assert not world.engine.tables("sync_rows_")


def test_an_edit_among_our_own_writes_is_decided_about(world: World) -> None:
    for name in ("ann", "bo", "cy"):
        world.local.put(name, {"first_name": name, "primary_email": f"{name}@example.com"})
    world.cycle()
    (edited,) = [native_id for native_id, row in world.twenty.rows.items() if row.values["first_name"] == "bo"]
    world.twenty.put(edited, {"city": "Oslo"})
    done = world.cycle()
    assert (done.pulled["twenty"].rows, done.reconciled.updated) == (3, 1)
    world.settle()
    world.assert_aligned()


def test_a_value_that_changed_while_its_version_stood_still_is_found_by_a_sweep(world: World) -> None:
    world.local.put("l-1", ANN)
    world.settle()
    (row,) = world.twenty.rows.values()
    world.twenty.rows[row.native_id] = replace(row, values={**row.values, "city": "Oslo"})
    world.sweep()
    world.settle()
    world.assert_aligned()
    assert world.local.rows["l-1"].values["city"] == "Oslo"


def test_rows_of_a_hub_that_kept_no_digests_are_decided_about(world: World) -> None:
    world.local.put("l-1", ANN)
    world.settle()
    world.edit_hub("UPDATE identity.sync_bases SET held_digest = NULL WHERE TRUE")
    assert world.sweep().writes == 0
    world.local.put("l-1", {"city": "Oslo"})
    world.settle()
    world.assert_aligned()
    assert world.sql("SELECT system FROM identity.sync_bases WHERE held_digest IS NULL") == []


def test_a_batch_without_rows_only_moves_its_cursor(
    world: World, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.local.put("l-1", ANN)
    world.settle()
    statements.clear()
    monkeypatch.setattr(world.twenty, "marker", lambda: "moved")
    monkeypatch.setattr(world.twenty, "read_changed", lambda _window: iter(()))
    assert world.cycle().reconciled.cycle_id
    assert not any("sync_rows_" in statement for statement in statements)
    assert world.hub.state().cursors["twenty"].marker == "moved"
    assert world.cycle().reconciled.cycle_id is None
