"""Law 5, policy authority: some systems have the say over a field, whoever edits it later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truth_forge_sync.fields import Field, Policy
from truth_forge_sync.sync.rules import declared_authorities
from truth_forge_sync_tests.sync.people import ANN, only
from truth_forge_sync_tests.world import World


@pytest.fixture
def world(world: World) -> World:
    """Twenty has the say over the city, then the local database; the notes are anybody's."""
    world.rules = replace(world.rules, authorities=(("city", ("twenty", "local")),))
    world.twenty.put("t-1", {**ANN, "city": "Oslo", "notes": "first"})
    world.settle()
    return world


def test_a_later_edit_of_a_system_with_less_say_is_written_back(world: World) -> None:
    world.local.put(only(world.local).native_id, {"city": "Rome", "notes": "second"})
    world.settle()
    world.assert_aligned()
    assert only(world.supabase).values["city"] == "Oslo"
    assert only(world.supabase).values["notes"] == "second"
    conflict = world.sql(
        "SELECT field, winning_system, losing_system, losing_value, reason FROM identity.sync_conflicts"
    )
    assert conflict == [
        {
            "field": "city", "winning_system": "twenty", "losing_system": "local", "losing_value": "Rome",
            "reason": "authority",
        }
    ]  # fmt: skip


def test_the_system_with_the_say_may_change_and_erase_it(world: World) -> None:
    world.twenty.put("t-1", {"city": "Rome"})
    world.settle()
    assert only(world.local).values["city"] == "Rome"
    world.twenty.put("t-1", {"city": None})
    world.settle()
    world.assert_aligned()
    assert "city" not in only(world.local).values


def test_among_the_others_those_named_go_first(world: World) -> None:
    person = {"first_name": "Bo", "primary_email": "bo@example.com"}
    world.local.put("l-2", {**person, "city": "Lima"})
    world.supabase.put("s-2", {**person, "city": "Suva"})
    world.settle()
    world.assert_aligned()
    assert world.local.rows["l-2"].values["city"] == "Lima"
    world.twenty.put(
        next(key for key, row in world.twenty.rows.items() if row.values["first_name"] == "Bo"), {"city": "Bonn"}
    )
    world.settle()
    assert world.local.rows["l-2"].values["city"] == "Bonn"


def test_a_person_at_the_command_line_has_the_last_word(world: World) -> None:
    world.edit_hub(
        "INSERT INTO identity.sync_edits (edit_id, contact_id, path, value, origin, created_at) "
        "SELECT 'e1', contact_id, 'city', 'Paris', 'conflict/1', CURRENT_TIMESTAMP() "
        "FROM identity.contacts_master WHERE TRUE"
    )
    world.settle()
    world.assert_aligned()
    assert only(world.twenty).values["city"] == "Paris"
    told = world.sql("SELECT system, new_value, origin FROM identity.sync_change_log WHERE origin IS NOT NULL")
    assert told == [{"system": "bigquery", "new_value": "Paris", "origin": "conflict/1"}]


def test_a_declared_authority_reaches_the_rules() -> None:
    fields = (Field("notes"), Field("city", policy=Policy.AUTHORITY, authority=("local", "twenty")))
    assert declared_authorities(fields) == (("city", ("local", "twenty")),)
