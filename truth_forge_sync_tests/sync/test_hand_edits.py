"""What people and pipelines do to contacts_master by SQL, and what the hub makes of it."""

from __future__ import annotations

from truth_forge_sync_tests.sync.people import ANN, only
from truth_forge_sync_tests.world import World


def test_a_hard_delete_by_sql_deletes_everywhere(world: World) -> None:
    world.twenty.put("t-1", ANN)
    world.settle()
    world.edit_hub("DELETE FROM identity.contacts_master WHERE TRUE")
    world.settle()
    assert world.twenty.rows["t-1"].deleted
    assert only(world.local).deleted
    assert world.sql("SELECT * FROM identity.contacts_master") == []


def test_a_contact_id_inserted_twice_by_sql_is_not_an_edit(world: World) -> None:
    world.twenty.put("t-1", ANN)
    world.settle()
    world.edit_hub(
        "INSERT INTO identity.contacts_master (contact_id, first_name) "
        "SELECT contact_id, 'Copy' FROM identity.contacts_master WHERE TRUE"
    )
    world.settle()
    assert world.twenty.rows["t-1"].values["first_name"] == "Ann"


def test_a_row_inserted_by_sql_is_completed(world: World) -> None:
    world.edit_hub(
        "INSERT INTO identity.contacts_master (contact_id, first_name, last_name) VALUES ('c1', 'Ann', 'Lee')"
    )
    world.settle()
    assert world.sql("SELECT canonical_name, version, updated_by, source_systems FROM identity.contacts_master") == [
        {"canonical_name": "Ann Lee", "version": 1, "updated_by": "bigquery", "source_systems": ["bigquery"]}
    ]
    world.assert_aligned()
    assert not world.cycle().writes


def test_a_row_edited_by_sql_is_told_as_such(world: World) -> None:
    world.twenty.put("t-1", ANN)
    world.settle()
    world.edit_hub("UPDATE identity.contacts_master SET last_name = 'Lie' WHERE TRUE")
    world.settle()
    assert world.sql("SELECT canonical_name, version, updated_by FROM identity.contacts_master") == [
        {"canonical_name": "Ann Lie", "version": 2, "updated_by": "bigquery"}
    ]
    assert only(world.local).values["last_name"] == "Lie"
    assert not world.cycle().writes


def test_what_cannot_be_read_stays_when_another_field_of_the_row_changes(world: World) -> None:
    world.twenty.put("t-1", {**ANN, "primary_phone": "+12025550123"})
    world.settle()
    world.edit_hub("UPDATE identity.contacts_master SET primary_phone = 'ask Bo' WHERE TRUE")
    world.settle()
    world.twenty.put("t-1", {"city": "Oslo"})
    world.settle()
    assert world.sql("SELECT city, primary_phone FROM identity.contacts_master") == [
        {"city": "Oslo", "primary_phone": "ask Bo"}
    ]
    assert only(world.local).values["primary_phone"] == "+12025550123"
    world.edit_hub("UPDATE identity.contacts_master SET primary_phone = '+12025550199' WHERE TRUE")
    world.settle()
    assert only(world.local).values["primary_phone"] == "+12025550199"


def test_a_row_that_is_there_twice_stops_nothing(world: World) -> None:
    world.twenty.put("t-1", ANN)
    world.settle()
    world.edit_hub("INSERT INTO identity.contacts_master SELECT * FROM identity.contacts_master WHERE TRUE")
    world.settle()
    world.twenty.put("t-1", {"city": "Oslo"})
    world.settle()
    assert only(world.local).values["city"] == "Oslo"
    assert {row["city"] for row in world.sql("SELECT city FROM identity.contacts_master")} == {"Oslo"}
    world.edit_hub("UPDATE identity.contacts_master SET city = 'Rome' WHERE TRUE")
    world.settle()
    assert only(world.local).values["city"] == "Rome"
    assert not world.cycle().writes
