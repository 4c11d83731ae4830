"""A change that lost can be made after all, and then it is an edit like any other (law 7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from truth_forge_sync.errors import Stop
from truth_forge_sync.inbox.conflicts import (
    CHOSEN_CONFLICTS,
    Conflict,
    conflict,
    conflicts,
    dismiss,
    dismiss_all,
    restore,
)
from truth_forge_sync.sync.rules import Rules
from truth_forge_sync.systems.memory import Memory
from truth_forge_sync.systems.protocol import NativeRow
from truth_forge_sync_tests.world import World

ANN = {"first_name": "Ann", "last_name": "Lee", "primary_email": "ann@example.com"}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def only(memory: Memory) -> NativeRow:
    (row,) = memory.rows.values()
    return row


def edit(memory: Memory, minute: int, **values: str | None) -> None:
    """A person edits the one contact, so many minutes past noon."""
    memory.clock = lambda: NOON + timedelta(minutes=minute)
    memory.put(next(iter(memory.rows), f"{memory.name}-1"), values)


def two_cities(world: World) -> Conflict:
    """Suva won over Lima, which was typed a minute earlier."""
    edit(world.local, 0, **ANN, city="Lima")
    edit(world.supabase, 1, **ANN, city="Suva")
    world.settle()
    (one,) = conflicts(world.hub).shown
    return one


@pytest.fixture(autouse=True)
def noon(world: World) -> None:
    for memory in world.memories.values():
        memory.clock = lambda: NOON


def lost(world: World, *, field: str, path: str, value: str | None, conflict_id: str = "c1") -> None:
    """A conflict as apply.sql tells it: the local database lost this value."""
    losing = "NULL" if value is None else f"'{value}'"
    world.edit_hub(
        "INSERT INTO identity.sync_conflicts (conflict_id, cycle_id, contact_id, field, path, winning_system, "
        "winning_changed_at, losing_system, losing_value, losing_changed_at, reason, status, created_at) "
        f"SELECT '{conflict_id}', 'c', contact_id, '{field}', '{path}', 'twenty', CURRENT_TIMESTAMP(), 'local', "
        f"{losing}, CURRENT_TIMESTAMP(), 'older', 'open', CURRENT_TIMESTAMP() FROM identity.sync_registers"
    )


def told(world: World, origin: str) -> list[dict[str, object]]:
    columns = "system, change_type, field, old_value, new_value"
    return [
        {name: value for name, value in row.items() if name != "origin"}
        for row in world.sql(f"SELECT {columns}, origin FROM identity.sync_change_log")
        if row["origin"] == origin
    ]


def rest(world: World) -> None:
    """Everything is equal everywhere, and another cycle writes nothing."""
    world.settle()
    world.assert_aligned()
    assert not world.cycle().writes
    assert world.sql("SELECT * FROM identity.sync_edits") == []


# -- listing ----------------------------------------------------------------------------------------------------------


def test_a_conflict_tells_who_lost_what_to_whom_and_what_is_there_now(world: World) -> None:
    one = two_cities(world)
    assert (one.name, one.field, one.reason, one.status, one.contact) == ("Ann Lee", "city", "older", "open", "living")
    assert (one.losing_system, one.losing_value) == ("local", "Lima")
    assert (one.winning_system, one.winning_value) == ("supabase", "Suva")
    assert one.value_now == "Suva"
    edit(world.twenty, 2, city="Oslo")
    world.settle()
    assert conflict(world.hub, one.conflict_id).value_now == "Oslo"


def test_the_newest_come_first_and_all_are_counted(world: World) -> None:
    first = two_cities(world)
    edit(world.local, 2, city="Rome", job_title="Chair")
    edit(world.supabase, 3, city="Bern", job_title="Clerk")
    world.settle()
    assert conflicts(world.hub).shown[-1] == conflict(world.hub, first.conflict_id)
    newest = conflicts(world.hub, limit=1)
    assert (len(newest.shown), newest.total) == (1, 3)
    assert newest.shown[0].field in ("city", "job_title")
    assert newest.shown[0].losing_value in ("Rome", "Chair")


def test_the_conflicts_of_one_contact_are_found_by_the_beginning_of_its_id(world: World) -> None:
    one = two_cities(world)
    assert conflicts(world.hub, contact_id=one.contact_id[:4]).shown == [one]
    edit(world.twenty, 5, first_name="Ann")
    world.local.put("l-2", {"first_name": "Bo"}, contact_id="someone else")
    world.settle()
    assert conflicts(world.hub, contact_id="someone").shown == []
    with pytest.raises(Stop, match="no contact 'nobody'"):
        conflicts(world.hub, contact_id="nobody")


@pytest.mark.parametrize("typed", ["", "zzz", "%", "' OR 1=1 --"])
def test_an_id_that_is_none_is_refused_with_where_to_find_them(world: World, typed: str) -> None:
    two_cities(world)
    with pytest.raises(Stop, match="conflicts list"):
        conflict(world.hub, typed)


def test_the_beginning_of_two_ids_is_not_enough(world: World) -> None:
    one = two_cities(world)
    lost(world, field="city", path="city", value="Rome", conflict_id=f"{one.conflict_id}ab")
    with pytest.raises(Stop, match="beginning of several"):
        conflict(world.hub, one.conflict_id[:6])
    assert conflict(world.hub, one.conflict_id) == one, "an id that is whole is meant, whatever else begins so"


# -- restoring --------------------------------------------------------------------------------------------------------


def test_a_restored_value_travels_everywhere_and_stands_in_the_change_log(world: World) -> None:
    one = two_cities(world)
    restore(world.hub, one.conflict_id[:8])
    rest(world)
    assert {only(memory).values["city"] for memory in world.memories.values()} == {"Lima"}
    assert told(world, f"conflict/{one.conflict_id}") == [
        {"system": "bigquery", "change_type": "UPDATE", "field": "city", "old_value": "Suva", "new_value": "Lima"}
    ]
    assert conflict(world.hub, one.conflict_id).status == "restored"
    assert conflicts(world.hub).shown == []


def test_an_erasure_that_lost_can_be_restored(world: World) -> None:
    edit(world.local, 0, **ANN, city="Lima")
    world.settle()
    edit(world.supabase, 1, city=None)
    edit(world.twenty, 2, city="Oslo")
    world.settle()
    (one,) = conflicts(world.hub).shown
    assert (one.losing_system, one.losing_value, one.value_now) == ("supabase", None, "Oslo")
    restore(world.hub, one.conflict_id)
    rest(world)
    assert all("city" not in only(memory).values for memory in world.memories.values())


@pytest.mark.parametrize("held", [True, False], ids=["removal", "addition"])
def test_an_element_of_a_list_is_restored_alone(world: World, held: bool) -> None:
    element = {"other_emails/a@x.com": "true" if held else None}
    edit(world.twenty, 0, **ANN, **{"other_emails/b@x.com": "true"}, **element)
    world.settle()
    lost(world, field="other_emails", path="other_emails/a@x.com", value=None if held else "a@x.com")
    assert conflict(world.hub, "c1").value_now == ("a@x.com" if held else None)
    restore(world.hub, "c1")
    rest(world)
    left = {"other_emails/b@x.com"} if held else {"other_emails/a@x.com", "other_emails/b@x.com"}
    for memory in world.memories.values():
        assert {path for path in only(memory).values if path.startswith("other_emails/")} == left
    old, new = ("a@x.com", None) if held else (None, "a@x.com")
    change = {"system": "bigquery", "change_type": "UPDATE", "field": "other_emails"}
    assert told(world, "conflict/c1") == [change | {"old_value": old, "new_value": new}]


def test_the_removal_of_an_element_loses_to_a_row_that_brings_it_later(tmp_path: Path) -> None:
    world = World.embedded(tmp_path / "later", ("twenty", "local"))
    with world.engine.session():
        edit(world.twenty, 0, **ANN, **{"other_emails/a@x.com": "true"})
        world.local.clock = lambda: NOON
        world.settle()
        world.memories["supabase"] = Memory("supabase")
        world.rules = Rules(("bigquery", "twenty", "supabase", "local"))
        edit(world.local, 1, **{"other_emails/a@x.com": None})
        edit(world.supabase, 2, **ANN, **{"other_emails/a@x.com": "true"})
        world.settle()
        (one,) = conflicts(world.hub).shown
        assert (one.field, one.losing_system, one.losing_value) == ("other_emails", "local", None)
        assert (one.winning_value, one.value_now) == ("a@x.com", "a@x.com")
        restore(world.hub, one.conflict_id)
        rest(world)
        assert all("other_emails/a@x.com" not in only(memory).values for memory in world.memories.values())


def test_a_key_of_an_object_that_lost_can_be_restored_and_the_other_keys_stay(world: World) -> None:
    edit(world.local, 0, **ANN, **{"llm_context/k": '{"a":1}', "llm_context/mine": "1"})
    edit(world.supabase, 1, **ANN, **{"llm_context/k": "[2]", "llm_context/yours": "2"})
    world.settle()
    (one,) = conflicts(world.hub).shown
    assert (one.field, one.losing_value) == ("llm_context/k", '{"a":1}')
    restore(world.hub, one.conflict_id)
    rest(world)
    wanted = {"llm_context/k": '{"a":1}', "llm_context/mine": "1", "llm_context/yours": "2"}
    for memory in world.memories.values():
        assert wanted.items() <= only(memory).values.items()


def test_a_delete_that_lost_deletes_everywhere_when_it_is_restored(world: World) -> None:
    edit(world.twenty, 0, **ANN)
    world.settle()
    world.twenty.soft_delete(only(world.twenty).native_id)
    edit(world.local, 1, city="Oslo")
    world.settle()
    (one,) = conflicts(world.hub).shown
    assert (one.reason, one.path, one.contact, one.revives) == ("edited_later", "deleted", "living", False)
    restore(world.hub, one.conflict_id)
    rest(world)
    assert all(only(memory).deleted for memory in world.memories.values())
    assert [change["change_type"] for change in told(world, f"conflict/{one.conflict_id}")] == ["DELETE"]


def test_a_value_restored_to_a_deleted_contact_brings_it_back(world: World) -> None:
    one = two_cities(world)
    world.twenty.soft_delete(only(world.twenty).native_id)
    world.settle()
    assert only(world.local).deleted
    assert restore(world.hub, one.conflict_id).revives
    rest(world)
    assert not only(world.local).deleted
    assert only(world.local).values["city"] == "Lima"


def test_a_conflict_is_restored_once(world: World) -> None:
    one = two_cities(world)
    restore(world.hub, one.conflict_id)
    with pytest.raises(Stop, match="was restored before"):
        restore(world.hub, one.conflict_id)
    with pytest.raises(Stop, match="was restored before"):
        dismiss(world.hub, [one.conflict_id])


@pytest.mark.parametrize("cycle_between", [False, True])
def test_the_script_that_restores_may_run_twice(world: World, cycle_between: bool) -> None:
    one = two_cities(world)
    for _ in range(2):
        world.hub.record("conflicts_restore", CHOSEN_CONFLICTS, [{"conflict_id": one.conflict_id}], batch="b1")
        if cycle_between:
            world.cycle()
    rest(world)
    assert len(told(world, f"conflict/{one.conflict_id}")) == 1


def test_a_restore_that_broke_off_halfway_is_finished_when_it_is_said_again(world: World) -> None:
    one = two_cities(world)
    restore(world.hub, one.conflict_id)
    world.edit_hub("UPDATE identity.sync_conflicts SET status = 'open' WHERE TRUE")
    restore(world.hub, one.conflict_id)
    rest(world)
    assert len(told(world, f"conflict/{one.conflict_id}")) == 1


def test_the_conflict_of_a_contact_that_is_no_more_cannot_be_restored(world: World) -> None:
    one = two_cities(world)
    world.edit_hub("DELETE FROM identity.sync_registers WHERE TRUE")
    with pytest.raises(Stop, match="no longer exists"):
        restore(world.hub, one.conflict_id)
    assert world.sql("SELECT * FROM identity.sync_edits") == []
    assert conflict(world.hub, one.conflict_id).contact == "none"


# -- dismissing -------------------------------------------------------------------------------------------------------


def test_a_dismissed_conflict_changes_nothing_and_stays_on_record(world: World) -> None:
    one = two_cities(world)
    before = world.sql("SELECT COUNT(*) AS n FROM identity.sync_change_log")
    assert dismiss(world.hub, [one.conflict_id[:8], one.conflict_id]) == [one]
    assert not world.cycle().writes
    world.assert_aligned()
    assert conflicts(world.hub).shown == []
    assert [found.status for found in conflicts(world.hub, everything=True).shown] == ["dismissed"]
    assert world.sql("SELECT COUNT(*) AS n FROM identity.sync_change_log") == before


def test_one_wrong_id_dismisses_none(world: World) -> None:
    one = two_cities(world)
    with pytest.raises(Stop):
        dismiss(world.hub, [one.conflict_id, "zzz"])
    assert conflicts(world.hub).total == 1


def test_all_are_dismissed_but_those_that_were_restored(world: World) -> None:
    first = two_cities(world)
    restore(world.hub, first.conflict_id)
    edit(world.local, 2, job_title="Chair")
    edit(world.supabase, 3, job_title="Clerk")
    world.settle()
    assert dismiss_all(world.hub) == 1
    assert dismiss_all(world.hub) == 0
    assert {found.status for found in conflicts(world.hub, everything=True).shown} == {"restored", "dismissed"}
