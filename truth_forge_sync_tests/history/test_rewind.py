"""Rewinding: what one bad cycle or one bad system did is undone, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from truth_forge_sync.errors import Stop
from truth_forge_sync.history.merge import merge, plan_merge
from truth_forge_sync.history.rewind import Scope, rewind
from truth_forge_sync_tests.history.conftest import Two
from truth_forge_sync_tests.history.people import ANN, ANNIE, assert_holds, contact_of, named
from truth_forge_sync_tests.world import World


def last_cycle(world: World) -> str:
    (row,) = world.sql("SELECT MAX(cycle_id) AS cycle_id FROM identity.sync_change_log WHERE origin IS NULL")
    return str(row["cycle_id"])


def applied(world: World, scope: Scope) -> tuple[dict[str, int], dict[str, int]]:
    """Apply it; how many paths it proposed, and left alone, by verdict."""
    with rewind(world.hub, scope) as found:
        found.apply()
        return (
            {count.verdict: count.paths for count in found.proposed},
            {count.verdict: count.paths for count in found.left_alone},
        )


def edit(world: World, system: str, name: str, values: dict[str, str | None]) -> None:
    world.memories[system].put(named(world.memories[system], name).native_id, values)
    world.settle()


BAD: dict[str, str | None] = {
    "city": "???",
    "notes": None,
    "title": "X",
    "other_emails/al@example.com": None,
    "other_emails/spam@example.com": "true",
    "llm_context/likes": '"spam"',
    "llm_context/more": "1",
}


def test_a_bad_cycle_is_undone_elements_and_keys_included(two: Two) -> None:
    world = two.world
    edit(world, "supabase", "Annie", BAD)
    cycle = last_cycle(world)
    assert applied(world, Scope(cycle=cycle)) == ({"edit": 7}, {})
    assert_holds(world, {two.keep: ANN, two.absorb: ANNIE})
    told = world.sql(
        "SELECT DISTINCT system, change_type FROM identity.sync_change_log WHERE origin = 'rewind/" + cycle + "'"
    )
    assert told == [{"system": "bigquery", "change_type": "UPDATE"}]


def test_by_default_nothing_is_changed(two: Two) -> None:
    world = two.world
    edit(world, "supabase", "Annie", BAD)
    with rewind(world.hub, Scope(cycle=last_cycle(world))) as found:
        details = {(one.field, one.value_now, one.value) for one in found.details()}
    assert ("city", "???", "Rome") in details
    assert ("notes", None, "met in May") in details
    assert ("other_emails", "spam@example.com", None) in details
    assert ("other_emails", None, "al@example.com") in details
    assert ("llm_context/likes", '"spam"', '"tea"') in details
    assert not world.cycle().writes
    assert world.engine.tables("sync_rewind") == set()


def test_what_was_edited_since_is_left_alone(two: Two) -> None:
    world = two.world
    edit(world, "supabase", "Annie", {"city": "???", "title": "X"})
    cycle = last_cycle(world)
    edit(world, "local", "Annie", {"city": "Lima"})
    assert applied(world, Scope(cycle=cycle)) == ({"edit": 1}, {"edited_later": 1})
    assert_holds(world, {two.keep: ANN, two.absorb: {**ANNIE, "city": "Lima"}})


def test_applying_twice_is_applying_once(two: Two) -> None:
    world = two.world
    edit(world, "supabase", "Annie", BAD)
    scope = Scope(cycle=last_cycle(world))
    applied(world, scope)
    applied(world, scope)
    assert world.sql("SELECT COUNT(*) AS n FROM identity.sync_edits") == [{"n": 7}]
    world.settle()
    assert applied(world, scope) == ({}, {"edited_later": 7})
    assert_holds(world, {two.keep: ANN, two.absorb: ANNIE})


def test_a_rewind_can_be_rewound(two: Two) -> None:
    world = two.world
    edit(world, "supabase", "Annie", {"city": "Lima"})
    applied(world, Scope(cycle=last_cycle(world)))
    world.settle()
    (row,) = world.sql("SELECT MAX(cycle_id) AS cycle_id FROM identity.sync_change_log")
    assert applied(world, Scope(cycle=row["cycle_id"])) == ({"edit": 1}, {})
    assert_holds(world, {two.keep: ANN, two.absorb: {**ANNIE, "city": "Lima"}})


def test_a_bad_system_is_undone_since_a_time_and_only_it(two: Two) -> None:
    world = two.world
    edit(world, "supabase", "Ann", {"title": "before"})
    since = datetime.now(UTC)
    edit(world, "supabase", "Ann", {"city": "one", "notes": "spam"})
    edit(world, "supabase", "Ann", {"city": "two", "llm_context/more": "1"})
    edit(world, "local", "Ann", {"department": "Sales"})
    edit(world, "local", "Annie", {"city": "by hand"})
    edit(world, "supabase", "Annie", {"city": "three"})
    assert applied(world, Scope(since=since, system="supabase")) == ({"edit": 4}, {})
    assert_holds(
        world,
        {
            two.keep: {**ANN, "title": "before", "department": "Sales"},
            two.absorb: {**ANNIE, "city": "by hand"},
        },
    )


def test_all_that_happened_since_a_time_is_undone(two: Two) -> None:
    world = two.world
    since = datetime.now(UTC)
    edit(world, "supabase", "Ann", {"city": "one"})
    edit(world, "local", "Ann", {"city": "two", "notes": "x"})
    scope = Scope(since=since)
    assert applied(world, scope) == ({"edit": 2}, {})
    world.settle()
    assert applied(world, scope) == ({}, {}), "what the rewind did is since then, too, and all is as it was"
    assert_holds(world, {two.keep: ANN, two.absorb: ANNIE})


def test_contacts_that_it_created_go_unless_somebody_took_them_up(two: Two) -> None:
    world = two.world
    world.supabase.put("s-8", {"first_name": "Spam", "primary_email": "spam@example.com"})
    world.supabase.put("s-9", {"first_name": "Zoë", "primary_email": "zoe@example.com"})
    world.settle()
    cycle, zoe = last_cycle(world), contact_of(world, "zoe@example.com")
    edit(world, "local", "Zoë", {"city": "Lima"})
    assert applied(world, Scope(cycle=cycle)) == ({"delete": 1}, {"edited_later": 1})
    zoe_now = {"first_name": "Zoë", "primary_email": "zoe@example.com", "city": "Lima"}
    assert_holds(world, {two.keep: ANN, two.absorb: ANNIE, zoe: zoe_now})
    assert world.supabase.rows["s-8"].deleted


def test_a_contact_that_others_held_too_loses_only_what_the_bad_system_gave_it(two: Two) -> None:
    world = two.world
    since = datetime.now(UTC)
    bo = {"first_name": "Bo", "primary_email": "bo@example.com"}
    world.local.put("l-8", bo)
    world.supabase.put("s-8", {"primary_email": "bo@example.com", "notes": "spam"})
    world.settle()
    proposed, _ = applied(world, Scope(since=since, system="supabase"))
    assert "delete" not in proposed
    world.settle()
    assert "notes" not in named(world.local, "Bo").values


def test_contacts_that_it_deleted_come_back(two: Two) -> None:
    world = two.world
    since = datetime.now(UTC)
    edit(world, "supabase", "Ann", {"city": "Lima"})
    world.supabase.hard_delete(named(world.supabase, "Ann").native_id)
    world.twenty.soft_delete(named(world.twenty, "Annie").native_id)
    world.settle()
    assert world.views()["bigquery"] == {}
    assert applied(world, Scope(since=since, system="supabase")) == ({"edit": 1, "restore": 1}, {})
    assert_holds(world, {two.keep: ANN})


def test_a_contact_that_was_deleted_since_is_not_brought_back_by_the_way(two: Two) -> None:
    world = two.world
    edit(world, "supabase", "Ann", {"city": "Lima"})
    cycle = last_cycle(world)
    world.local.soft_delete(named(world.local, "Ann").native_id)
    world.settle()
    assert applied(world, Scope(cycle=cycle)) == ({}, {"deleted_later": 1})
    assert_holds(world, {two.absorb: ANNIE})


def test_more_than_the_brake_would_let_pass_is_undone(two: Two) -> None:
    world = two.world
    for number in range(30):
        world.supabase.put(f"s-{number}", {"first_name": f"Spam {number}", "primary_email": f"{number}@example.com"})
    world.settle()
    cycle = last_cycle(world)
    assert applied(world, Scope(cycle=cycle)) == ({"delete": 30}, {})
    assert_holds(world, {two.keep: ANN, two.absorb: ANNIE})


def test_what_merging_did_is_left_alone_with_the_merge_to_undo(two: Two) -> None:
    world = two.world
    since = datetime.now(UTC)
    edit(world, "supabase", "Annie", {"city": "Lima"})
    done = merge(world.hub, plan_merge(world.hub, two.keep, two.absorb))
    world.settle()
    with rewind(world.hub, Scope(since=since)) as found:
        found.apply()
        assert found.proposed == []
        assert {(count.verdict, count.hint) for count in found.left_alone} == {
            ("absorbed", None), ("merge", done.merge_id),
        }  # fmt: skip
    assert not world.cycle().writes


@pytest.mark.parametrize("cycle", ["20260101T000000_00000000", "'; DROP TABLE x --"])
def test_a_cycle_that_there_was_not_is_wrong_use(two: Two, cycle: str) -> None:
    with pytest.raises(Stop, match="there is no cycle"), rewind(two.world.hub, Scope(cycle=cycle)):
        pass
