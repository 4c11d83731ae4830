"""Showing a contact: who set each field, when and from where, and what it was before."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from truth_forge_sync.errors import Stop
from truth_forge_sync.history.show import contact, contacts
from truth_forge_sync.systems.memory import Fault
from truth_forge_sync_tests.history.conftest import Two
from truth_forge_sync_tests.history.people import named

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_each_value_tells_who_set_it_when_and_what_it_was_before(two: Two) -> None:
    world = two.world
    later = datetime.now(UTC)
    world.supabase.clock = lambda: later
    world.supabase.put(named(world.supabase, "Annie").native_id, {"city": "Lima", "other_emails/al@example.com": None})
    world.settle()
    shown = contact(world.hub, two.absorb)
    assert (shown.name, shown.is_deleted, shown.label) == ("Annie Lee", False, f"Annie Lee ({two.absorb})")
    register = shown.registers["city"]
    assert (register.value, register.system, register.changed_at) == ("Lima", "supabase", later)
    assert [
        (change.change_type, change.old_value, change.new_value, change.system, change.origin)
        for change in shown.changes_of("city")
    ] == [("INSERT", None, "Rome", "local", None), ("UPDATE", "Rome", "Lima", "supabase", None)]
    first, second = shown.changes_of("other_emails/al@example.com")
    assert (first.new_value, second.old_value, second.new_value) == ("al@example.com", "al@example.com", None)
    assert first.cycle_id < second.cycle_id
    assert {(row.system, row.state) for row in shown.native_rows} == {
        ("bigquery", "living"), ("twenty", "living"), ("supabase", "living"), ("local", "living"),
    }  # fmt: skip


def test_what_is_open_about_a_contact_is_shown(two: Two) -> None:
    world = two.world
    world.supabase.refuses = lambda path, value: "not a city" if value == "Suva" else None
    world.local.put("l-2", {"city": "Lima"})
    world.twenty.put(named(world.twenty, "Annie").native_id, {"city": "Suva"})
    world.local.faults.append(Fault.WRITE_BEFORE)
    world.cycle()
    shown = contact(world.hub, two.absorb)
    assert [(item["system"], item["kind"], list(item["paths"])) for item in shown.intents] == [
        ("local", "patch", ["city"])
    ]
    assert [(item["system"], item["field"], item["message"]) for item in shown.errors] == [
        ("supabase", "city", "not a city")
    ]
    assert [(item["field"], item["losing_value"], item["winning_value"]) for item in shown.conflicts] == [
        ("city", "Lima", "Suva")
    ]


def test_an_email_is_looked_up_whatever_its_case(two: Two) -> None:
    assert contact(two.world.hub, " Annie@Example.com").contact_id == two.absorb
    assert contact(two.world.hub, "al@example.com").contact_id == two.absorb


def test_an_email_that_several_have_lists_them(two: Two) -> None:
    world = two.world
    for name in ("Ann", "Annie"):
        world.local.put(named(world.local, name).native_id, {"other_emails/info@example.com": "true"})
    world.settle()
    found = contacts(world.hub, "info@example.com")
    assert {one.contact_id for one in found} == {two.keep, two.absorb}
    with pytest.raises(Stop, match=r"may be 2 contacts.*Ann Lee"):
        contact(world.hub, "info@example.com")


def test_a_contact_that_there_is_not_is_wrong_use(two: Two) -> None:
    assert contacts(two.world.hub, "nobody@example.com") == []
    with pytest.raises(Stop, match=r"there is no contact 'nobody@example.com'"):
        contact(two.world.hub, "nobody@example.com")


def test_a_row_that_was_deleted_for_good_is_gone(two: Two) -> None:
    world = two.world
    world.supabase.hard_delete(named(world.supabase, "Annie").native_id)
    world.twenty.faults.append(Fault.WRITE_BEFORE)
    world.cycle()
    shown = contact(world.hub, two.absorb)
    assert shown.is_deleted
    assert {row.system: row.state for row in shown.native_rows} == {
        "bigquery": "deleted", "supabase": "gone", "local": "deleted", "twenty": "living",
    }  # fmt: skip
