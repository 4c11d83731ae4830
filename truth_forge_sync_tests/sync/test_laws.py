"""The laws of DESIGN.md, each broken in one way that the rest would not notice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from truth_forge_sync.contact import FIELD
from truth_forge_sync.errors import Retry
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.sync.due import register
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.sync.reconcile import reconcile
from truth_forge_sync.sync.rules import Rules
from truth_forge_sync.systems.memory import Fault, Memory
from truth_forge_sync.systems.protocol import Window
from truth_forge_sync_tests.sync.people import ANN, at, only
from truth_forge_sync_tests.world import World

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


# -- law 1: read completely -------------------------------------------------------------------------------------------


def test_a_read_that_breaks_off_stages_nothing_and_moves_no_cursor(world: World) -> None:
    world.twenty.put("t-1", ANN)
    world.twenty.faults.append(Fault.READ_HALF)
    with pytest.raises(Retry):
        pull(world.hub, world.twenty)
    assert world.hub.state().batches == ()
    world.settle()
    world.assert_aligned()
    assert len(world.local.rows) == 1


def test_the_cursor_moves_with_the_plan_and_not_with_the_pull(world: World) -> None:
    world.twenty.put("t-1", ANN)
    pull(world.hub, world.twenty)
    assert world.hub.state().cursors == {}
    reconcile(world.hub, world.rules)
    assert world.hub.state().cursors["twenty"].watermark == world.twenty.rows["t-1"].changed_at


def test_a_backfill_reads_its_days_again_and_leaves_the_cursor_alone(world: World) -> None:
    at(NOON, world.twenty).put("t-1", ANN)
    world.settle()
    before = world.hub.state().cursors["twenty"]
    done = pull(world.hub, world.twenty, window=Window(NOON - timedelta(days=1), NOON + timedelta(days=1)))
    assert done.rows == 1
    assert not world.cycle().writes
    assert world.hub.state().cursors["twenty"] == before


def test_a_row_that_becomes_visible_late_is_found_with_the_next_change(world: World) -> None:
    """Its stamp lies before the watermark, within the time that the system may take to settle."""
    world.twenty.capabilities = replace(world.twenty.capabilities, settle=timedelta(minutes=5))
    at(NOON, world.twenty).put("t-1", ANN)
    world.settle()
    at(NOON - timedelta(minutes=4), world.twenty).put(
        "t-2", {"first_name": "Late", "primary_email": "late@example.com"}
    )
    world.settle()
    assert {row.values["first_name"] for row in world.local.rows.values()} == {"Ann", "Late"}


# -- law 4: echo, and looks that are older than our own write ---------------------------------------------------------


def test_a_look_that_is_older_than_our_own_write_is_no_edit(world: World) -> None:
    world.twenty.put("t-1", {**ANN, "city": "old"})
    world.settle()
    pull(world.hub, world.local, window=Window())  # sees "old", and waits
    world.twenty.put("t-1", {"city": "new"})
    pull(world.hub, world.twenty)
    state = world.hub.state()
    waiting = [batch for batch in state.batches if batch.system == "local"]
    assert waiting
    # Another process reconciles Twenty's edit and pushes it before the old look is decided about.
    world.edit_hub(
        "UPDATE identity.sync_batches SET cycle_id = 'elsewhere' WHERE system = 'local' AND cycle_id IS NULL"
    )
    world.cycle()
    world.edit_hub("UPDATE identity.sync_batches SET cycle_id = NULL WHERE cycle_id = 'elsewhere'")
    reconcile(Hub(world.engine), world.rules)
    world.settle()
    assert only(world.local).values["city"] == "new"
    assert world.twenty.rows["t-1"].values["city"] == "new"


def test_a_value_of_ours_that_was_typed_again_later_is_an_edit(world: World) -> None:
    world.twenty.put("t-1", {**ANN, "city": "first"})
    world.local.faults.append(Fault.WRITE_AFTER)
    world.settle()
    world.twenty.put("t-1", {"city": "second"})
    world.settle()
    world.local.put(only(world.local).native_id, {"city": "first"})
    world.settle()
    assert world.twenty.rows["t-1"].values["city"] == "first"


def test_a_lost_answer_is_settled_by_the_next_look(world: World) -> None:
    world.twenty.put("t-1", ANN)
    world.local.faults.append(Fault.WRITE_AFTER)
    first = world.cycle()
    assert first.pushed["local"].deferred == 1
    world.settle()
    assert len(world.local.rows) == 1
    assert world.sql("SELECT COUNT(*) AS n FROM identity.sync_intents") == [{"n": 0}]


# -- law 5: resolve per field -----------------------------------------------------------------------------------------


def test_equal_stamps_go_to_the_system_that_comes_first(world: World) -> None:
    at(NOON, world.local).put("l-1", {**ANN, "city": "Lima"})
    at(NOON, world.supabase).put("s-1", {**ANN, "city": "Suva"})
    world.settle()
    assert only(world.local).values["city"] == "Suva"
    assert world.sql("SELECT reason, losing_value FROM identity.sync_conflicts") == [
        {"reason": "tie", "losing_value": "Lima"}
    ]


def test_an_edit_on_top_of_the_accepted_value_wins_however_slow_its_clock(world: World) -> None:
    world.local.clock = lambda: datetime.now(UTC) - timedelta(minutes=2)
    world.twenty.put("t-1", {**ANN, "city": "first"})
    world.settle()
    world.local.put(only(world.local).native_id, {"city": "second"})
    world.settle()
    assert world.twenty.rows["t-1"].values["city"] == "second"


def test_elements_of_a_list_are_added_and_removed_side_by_side(world: World) -> None:
    world.twenty.put("t-1", {**ANN, "other_emails/a@x.com": "true", "other_emails/b@x.com": "true"})
    world.settle()
    world.local.put(only(world.local).native_id, {"other_emails/a@x.com": None})
    world.supabase.put(only(world.supabase).native_id, {"other_emails/c@x.com": "true"})
    world.settle()
    world.assert_aligned()
    assert {path for path in only(world.local).values if path.startswith("other_emails/")} == {
        "other_emails/b@x.com", "other_emails/c@x.com",
    }  # fmt: skip


def test_keys_of_an_object_are_merged_side_by_side(world: World) -> None:
    world.twenty.put("t-1", {**ANN, "llm_context/a": "1"})
    world.settle()
    world.local.put(only(world.local).native_id, {"llm_context/b": "2"})
    world.supabase.put(only(world.supabase).native_id, {"llm_context/a": "3"})
    world.settle()
    world.assert_aligned()
    assert {"llm_context/a": "3", "llm_context/b": "2"}.items() <= world.twenty.rows["t-1"].values.items()


# -- law 6: absence is not an edit ------------------------------------------------------------------------------------


def test_null_never_erases_when_rows_are_first_linked(world: World) -> None:
    at(NOON, world.twenty).put("t-1", {**ANN, "city": "Oslo"})
    at(NOON + timedelta(days=1), world.local).put("l-1", ANN)
    world.settle()
    assert only(world.local).values["city"] == "Oslo"


def test_a_missing_column_never_erases_and_is_filled_when_it_appears(world: World) -> None:
    held = frozenset(FIELD) - {"city"}
    world.local.fields = lambda: held  # type: ignore[method-assign]
    world.twenty.put("t-1", {**ANN, "city": "Oslo"})
    world.settle()
    assert world.twenty.rows["t-1"].values["city"] == "Oslo"
    assert "city" not in only(world.local).values
    world.local.fields = lambda: frozenset(FIELD)  # type: ignore[method-assign]
    world.local.put(only(world.local).native_id, {"notes": "so that it is read"})
    world.settle()
    assert only(world.local).values["city"] == "Oslo"


def test_a_column_that_disappears_erases_nothing(world: World) -> None:
    world.twenty.put("t-1", {**ANN, "city": "Oslo"})
    world.settle()
    world.local.fields = lambda: frozenset(FIELD) - {"city"}  # type: ignore[method-assign]
    world.local.put(only(world.local).native_id, {"city": None, "notes": "so that it is read"})
    world.settle()
    assert world.twenty.rows["t-1"].values["city"] == "Oslo"
    assert world.twenty.rows["t-1"].values["notes"] == "so that it is read"


def test_a_value_that_cannot_be_read_is_reported_and_never_overwritten(world: World) -> None:
    world.twenty.put("t-1", {**ANN, "primary_phone": "+12025550123"})
    world.settle()
    world.local.garble(only(world.local).native_id, "primary_phone")
    world.settle()
    assert world.twenty.rows["t-1"].values["primary_phone"] == "+12025550123", "nothing is erased"
    world.twenty.put("t-1", {"primary_phone": "+12025550199"})
    world.settle()
    assert world.twenty.rows["t-1"].values["primary_phone"] == "+12025550199", "the others go on"
    assert "primary_phone" not in only(world.local).values, "what a person typed there stays as it is"
    (error,) = world.sql("SELECT system, field, kind, status FROM identity.sync_errors")
    assert error == {"system": "local", "field": "primary_phone", "kind": "unreadable", "status": "parked"}


# -- law 7: nothing is lost silently ----------------------------------------------------------------------------------


def test_every_accepted_change_is_told_with_both_values(world: World) -> None:
    world.twenty.put("t-1", {**ANN, "city": "Oslo"})
    world.settle()
    world.local.put(only(world.local).native_id, {"city": "Rome"})
    world.settle()
    told = world.sql(
        "SELECT system, change_type, field, old_value, new_value FROM identity.sync_change_log "
        "WHERE change_type = 'UPDATE'"
    )
    assert told == [
        {"system": "local", "change_type": "UPDATE", "field": "city", "old_value": "Oslo", "new_value": "Rome"}
    ]


# -- law 10: isolation ------------------------------------------------------------------------------------------------


def test_a_system_that_is_down_keeps_nobody_waiting_and_catches_up(world: World) -> None:
    world.supabase.down = True
    world.twenty.put("t-1", ANN)
    cycle = world.cycle()
    assert cycle.down == {"supabase"}
    assert len(world.local.rows) == 1
    world.supabase.down = False
    world.settle()
    world.assert_aligned()
    assert len(world.supabase.rows) == 1


def test_a_system_that_is_connected_later_is_given_everything(tmp_path: Path) -> None:
    world = World.embedded(tmp_path, ("twenty", "local"))
    world.twenty.put("t-1", ANN)
    world.settle()
    world.memories["supabase"] = Memory("supabase")
    world.rules = Rules(("bigquery", "twenty", "supabase", "local"))
    world.settle()
    world.assert_aligned()
    assert len(world.supabase.rows) == 1


def test_a_system_that_was_left_out_for_a_while_is_given_what_it_missed(world: World) -> None:
    world.twenty.put("t-1", ANN)
    world.settle()
    left_out = world.memories.pop("supabase")
    world.rules = Rules(("bigquery", "twenty", "local"))
    world.twenty.put("t-1", {"city": "Oslo"})
    world.settle()
    assert "city" not in only(left_out).values
    world.memories["supabase"] = left_out
    world.rules = Rules(("bigquery", "twenty", "supabase", "local"))
    world.settle()
    assert only(left_out).values["city"] == "Oslo"


def test_a_crash_right_after_a_system_was_connected_does_not_forget_it(tmp_path: Path) -> None:
    world = World.embedded(tmp_path, ("twenty", "local"))
    world.twenty.put("t-1", ANN)
    world.settle()
    world.memories["supabase"] = Memory("supabase")
    world.rules = Rules(("bigquery", "twenty", "supabase", "local"))
    pull(world.hub, world.supabase)
    assert register(world.hub, world.rules.order)  # and here the process dies
    world.settle()
    assert len(world.supabase.rows) == 1


def test_nothing_is_created_in_a_system_that_was_not_read_since_it_moved(world: World) -> None:
    world.cycle()
    world.local.put("l-1", ANN)
    world.twenty.put("t-1", {**ANN, "city": "Oslo"})
    world.twenty.faults.append(Fault.DOWN)  # the pull fails, and it is up again by the time of the push
    assert world.cycle().pushed["twenty"].created == 0
    world.settle()
    world.assert_aligned()
    assert set(world.twenty.rows) == {"t-1"}


# -- law 13: deletes --------------------------------------------------------------------------------------------------


def test_an_edit_later_than_a_delete_brings_the_contact_back(world: World) -> None:
    world.twenty.put("t-1", ANN)
    world.settle()
    world.twenty.soft_delete("t-1")
    world.local.put(only(world.local).native_id, {"city": "Oslo"})
    world.settle()
    world.assert_aligned()
    assert not world.twenty.rows["t-1"].deleted
    assert world.twenty.rows["t-1"].values["city"] == "Oslo"
    assert world.sql("SELECT losing_system, reason FROM identity.sync_conflicts") == [
        {"losing_system": "twenty", "reason": "edited_later"}
    ]
