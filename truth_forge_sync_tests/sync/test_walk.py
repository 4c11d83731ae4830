"""One field of one contact, the whole way: read, staged, decided, applied, pushed, acknowledged, quiet."""

from __future__ import annotations

from truth_forge_sync_tests.world import World


def test_a_new_contact_arrives_in_every_system_once_and_then_nothing_moves(world: World) -> None:
    world.twenty.put("t-1", {"first_name": "Ann", "primary_email": "ann@example.com", "other_emails/b@x.com": "true"})
    first = world.cycle()
    assert first.reconciled.created == 1
    assert {name: pushed.created for name, pushed in first.pushed.items()} == {"twenty": 0, "supabase": 1, "local": 1}
    world.assert_aligned()
    assert len(world.local.rows) == len(world.supabase.rows) == len(world.twenty.rows) == 1

    second = world.cycle()
    assert second.writes == 0
    assert world.sql("SELECT COUNT(*) AS n FROM identity.sync_intents") == [{"n": 0}]


def test_an_edit_in_one_system_reaches_the_others(world: World) -> None:
    world.twenty.put("t-1", {"first_name": "Ann", "primary_email": "ann@example.com"})
    world.settle()
    (native_id,) = world.local.rows
    world.local.put(native_id, {"job_title": "Chair"})
    world.settle()
    world.assert_aligned()
    assert world.twenty.rows["t-1"].values["job_title"] == "Chair"


def test_two_people_editing_two_fields_of_one_contact_both_win(world: World) -> None:
    world.twenty.put("t-1", {"first_name": "Ann", "primary_email": "ann@example.com"})
    world.settle()
    world.local.put(next(iter(world.local.rows)), {"job_title": "Chair"})
    world.supabase.put(next(iter(world.supabase.rows)), {"city": "Oslo"})
    world.settle()
    world.assert_aligned()
    assert {"job_title": "Chair", "city": "Oslo"}.items() <= world.twenty.rows["t-1"].values.items()


def test_an_edit_by_sql_arrives_everywhere_without_a_stamp(world: World) -> None:
    world.twenty.put("t-1", {"first_name": "Ann", "primary_email": "ann@example.com"})
    world.settle()
    world.edit_hub("UPDATE identity.contacts_master SET city = 'Bergen', other_phones = ['+12025550123'] WHERE TRUE")
    world.settle()
    world.assert_aligned()
    assert world.local.rows[next(iter(world.local.rows))].values["city"] == "Bergen"


def test_a_row_inserted_by_sql_without_an_id_becomes_a_contact(world: World) -> None:
    world.edit_hub("INSERT INTO identity.contacts_master (first_name, primary_email) VALUES ('Bo', 'Bo@Example.com')")
    world.settle()
    world.assert_aligned()
    (row,) = world.twenty.rows.values()
    assert row.values == {"first_name": "Bo", "primary_email": "bo@example.com"}


def test_the_same_person_in_all_systems_becomes_one_contact_and_later_stamps_win(world: World) -> None:
    world.local.put("l-1", {"first_name": "Anna", "primary_email": "ann@example.com", "city": "Oslo"})
    world.supabase.put("s-1", {"first_name": "Annie", "primary_email": "ann@example.com"})
    world.twenty.put("t-1", {"first_name": "Ann", "primary_email": "ann@example.com", "notes": "x"})
    world.settle()
    world.assert_aligned()
    assert world.twenty.rows["t-1"].values == {
        "first_name": "Ann", "primary_email": "ann@example.com", "city": "Oslo", "notes": "x",
    }  # fmt: skip
    lost = world.sql("SELECT losing_value, winning_value FROM identity.sync_conflicts ORDER BY losing_value")
    assert lost == [
        {"losing_value": "Anna", "winning_value": "Ann"},
        {"losing_value": "Annie", "winning_value": "Ann"},
    ]


def test_erasing_a_field_erases_it_everywhere(world: World) -> None:
    world.twenty.put("t-1", {"first_name": "Ann", "primary_email": "ann@example.com", "notes": "old"})
    world.settle()
    world.supabase.put(next(iter(world.supabase.rows)), {"notes": None})
    world.settle()
    world.assert_aligned()
    assert "notes" not in world.twenty.rows["t-1"].values


def test_a_deleted_contact_is_deleted_everywhere_and_comes_back_when_restored(world: World) -> None:
    world.twenty.put("t-1", {"first_name": "Ann", "primary_email": "ann@example.com"})
    world.settle()
    world.twenty.soft_delete("t-1")
    world.settle()
    assert all(not view for view in world.views().values())
    assert next(iter(world.local.rows.values())).deleted
    world.edit_hub("UPDATE identity.contacts_master SET deleted_at = NULL WHERE TRUE")
    world.settle()
    world.assert_aligned()
    assert all(len(view) == 1 for view in world.views().values())


def test_a_system_that_stores_another_value_than_it_was_sent_causes_no_loop(world: World) -> None:
    world.local.normalise = lambda path, value: value.upper() if path == "city" else value
    world.twenty.put("t-1", {"first_name": "Ann", "primary_email": "ann@example.com", "city": "Oslo"})
    world.settle()
    assert world.twenty.rows["t-1"].values["city"] == "Oslo"
    assert next(iter(world.local.rows.values())).values["city"] == "OSLO"
