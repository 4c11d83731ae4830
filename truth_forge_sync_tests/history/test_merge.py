"""Merging: two contacts become one, with the next cycle in every system and in the hub's own table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.history.merge import MergePlan, finish, merge, merges, plan_merge
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.systems.memory import Fault
from truth_forge_sync_tests.history.conftest import Two
from truth_forge_sync_tests.history.interrupting import Crash, Dying
from truth_forge_sync_tests.history.people import ANN, ANNIE, BOTH, assert_holds, contact_of, living, named
from truth_forge_sync_tests.world import World


def merged(world: World, keep: str, absorb: str) -> str:
    """The merge's id."""
    return merge(world.hub, plan_merge(world.hub, keep, absorb, world.rules.authorities)).merge_id


# -- what a merge does ------------------------------------------------------------------------------------------------


def test_two_contacts_become_one_living_row_everywhere(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    kept_rows = {name: named(memory, "Ann").native_id for name, memory in world.memories.items()}
    merged(world, keep, absorb)
    assert_holds(world, {keep: BOTH})
    for name, memory in world.memories.items():
        assert [row.native_id for row in living(memory)] == [kept_rows[name]]
        assert len(memory.rows) == 2, "the other one is deleted, softly"


def test_the_values_that_lost_are_conflicts_and_the_changes_are_told(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    merge_id = merged(world, keep, absorb)
    lost = world.sql(
        "SELECT contact_id, field, losing_value, winning_value, reason, status FROM identity.sync_conflicts"
    )
    assert sorted((row["field"], row["losing_value"], row["winning_value"]) for row in lost) == [
        ("city", "Oslo", "Rome"),
        ("first_name", "Ann", "Annie"),
    ]
    assert {(row["contact_id"], row["reason"], row["status"]) for row in lost} == {(keep, "merged", "open")}
    told = world.sql(
        "SELECT contact_id, change_type, field, old_value, new_value, system FROM identity.sync_change_log "
        f"WHERE origin = 'merge/{merge_id}' AND cycle_id = '{merge_id}' ORDER BY contact_id = '{keep}' DESC, path"
    )
    assert [(row["change_type"], row["field"], row["old_value"], row["new_value"]) for row in told] == [
        ("UPDATE", "city", "Oslo", "Rome"),
        ("UPDATE", "first_name", "Ann", "Annie"),
        ("UPDATE", "llm_context/likes", None, '"tea"'),
        ("UPDATE", "notes", None, "met in May"),
        ("UPDATE", "other_emails", None, "al@example.com"),
        ("UPDATE", "other_emails", None, "ann@example.com"),
        ("UPDATE", "primary_email", "ann@example.com", "annie@example.com"),
        ("DELETE", "deleted", None, "true"),
    ]
    assert {row["system"] for row in told[:5]} == {"local"}
    assert (told[-1]["contact_id"], told[0]["contact_id"]) == (absorb, keep)
    world.settle()
    assert (
        len(
            world.sql(
                f"SELECT * FROM identity.sync_change_log WHERE contact_id = '{absorb}' AND change_type = 'DELETE'"
            )
        )
        == 1
    )


def test_a_system_that_wants_its_emails_unique_takes_the_email_of_the_absorbed_row(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    for memory in world.memories.values():
        memory.unique_emails = True
    merged(world, keep, absorb)
    assert_holds(world, {keep: BOTH})
    assert world.sql("SELECT COUNT(*) AS n FROM identity.sync_errors") == [{"n": 0}]


def test_the_kept_contact_gets_a_row_where_only_the_absorbed_one_had_one(world: World) -> None:
    world.supabase.unique_emails = True
    world.supabase.down = True
    world.twenty.put("t-1", ANN)
    world.settle()
    world.supabase.down = False
    world.supabase.put("s-2", ANNIE, contact_id="annie")
    world.supabase.faults.append(Fault.WRITE_BEFORE)
    world.cycle()
    assert set(world.supabase.rows) == {"s-2"}
    keep, absorb = contact_of(world, "ann@example.com"), contact_of(world, "annie@example.com")
    merged(world, keep, absorb)
    assert_holds(world, {keep: BOTH})
    assert world.supabase.rows["s-2"].deleted


def test_an_edit_of_the_absorbed_row_before_it_is_deleted_counts(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    world.local.put("l-2", {"job_title": "Chair", "city": "Lima"})
    merged(world, keep, absorb)
    world.supabase.put(named(world.supabase, "Annie").native_id, {"llm_context/likes": '"coffee"'})
    assert_holds(world, {keep: {**BOTH, "job_title": "Chair", "city": "Lima", "llm_context/likes": '"coffee"'}})


def test_erasing_or_deleting_the_absorbed_row_says_nothing_about_the_kept_contact(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    world.local.put("l-2", {"notes": None})
    world.supabase.soft_delete(named(world.supabase, "Annie").native_id)
    world.twenty.hard_delete(named(world.twenty, "Annie").native_id)
    merged(world, keep, absorb)
    assert_holds(world, {keep: BOTH})


def test_a_deleted_row_that_somebody_restores_is_deleted_again(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    merged(world, keep, absorb)
    world.settle()
    world.local.restore("l-2")
    assert_holds(world, {keep: BOTH})


def test_a_row_with_an_email_of_the_absorbed_contact_is_the_kept_one(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    merged(world, keep, absorb)
    assert {
        (row["contact_id"], row["identifier_value"], row["is_primary"])
        for row in world.sql("SELECT * FROM identity.contact_identifiers")
    } == {
        (keep, "annie@example.com", True), (keep, "ann@example.com", False), (keep, "al@example.com", False),
    }  # fmt: skip


def test_a_system_that_is_down_deletes_the_row_when_it_is_back(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    world.supabase.down = True
    merged(world, keep, absorb)
    world.settle()
    assert len(living(world.supabase)) == 2
    world.supabase.down = False
    assert_holds(world, {keep: BOTH})


def test_a_row_whose_creation_was_never_answered_is_deleted_too(world: World) -> None:
    world.twenty.put("t-1", ANN)
    world.settle()
    world.local.put("l-2", ANNIE)
    world.supabase.faults.append(Fault.WRITE_AFTER)
    world.cycle()
    assert len(living(world.supabase)) == 2, "it was made, and nobody heard of it"
    keep, absorb = contact_of(world, "ann@example.com"), contact_of(world, "annie@example.com")
    merged(world, keep, absorb)
    assert_holds(world, {keep: BOTH})
    assert world.sql("SELECT * FROM identity.sync_match_review") == []


def test_a_write_that_was_never_sent_is_never_sent(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    world.supabase.down = True
    world.local.put("l-2", {"city": "Lima"})
    world.settle()
    merged(world, keep, absorb)
    world.supabase.down = False
    assert_holds(world, {keep: {**BOTH, "city": "Lima"}})


def test_a_chain_of_merges_ends_in_one_contact(two: Two) -> None:
    world, one, other = two.world, two.keep, two.absorb
    world.supabase.put("s-3", {"first_name": "Anna", "primary_email": "anna@example.com"})
    world.settle()
    three = contact_of(world, "anna@example.com")
    merged(world, other, one)
    merged(world, three, other)
    world.settle()
    world.assert_aligned()
    assert set(world.views()["bigquery"]) == {three}
    assert all(len(living(memory)) == 1 and len(memory.rows) == 3 for memory in world.memories.values())
    assert not world.cycle().writes


def test_what_was_open_about_the_absorbed_contact_is_the_kept_ones(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    for name, city in (("local", "Lima"), ("supabase", "Suva")):
        memory = world.memories[name]
        memory.put(named(memory, "Annie").native_id, {"city": city})
    world.supabase.put("s-9", {"primary_email": "ann@example.com", "other_emails/annie@example.com": "true"})
    world.cycle()
    (review,) = world.sql("SELECT candidate_contact_ids AS who, status FROM identity.sync_match_review")
    assert set(review["who"]) == {keep, absorb}
    assert world.sql("SELECT DISTINCT contact_id FROM identity.sync_conflicts") == [{"contact_id": absorb}]
    merged(world, keep, absorb)
    assert world.sql("SELECT DISTINCT contact_id FROM identity.sync_conflicts") == [{"contact_id": keep}]
    assert world.sql("SELECT candidate_contact_ids AS who, status FROM identity.sync_match_review") == [
        {"who": [keep], "status": "open"}
    ]


def test_refusals_of_the_absorbed_contact_are_over(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    world.supabase.refuses = lambda path, value: "no" if value == "Lima" else None
    world.local.put("l-2", {"city": "Lima"})
    world.cycle()
    assert world.sql("SELECT status FROM identity.sync_errors") == [{"status": "parked"}]
    world.supabase.refuses = lambda path, value: None
    merged(world, keep, absorb)
    assert world.sql("SELECT status FROM identity.sync_errors") == [{"status": "resolved"}]
    assert_holds(world, {keep: {**BOTH, "city": "Lima"}})


# -- what a merge needs -----------------------------------------------------------------------------------------------


def test_contacts_are_named_by_email_or_by_the_beginning_of_an_id(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    plan = plan_merge(world.hub, "ANN@example.com ", absorb[:13])
    assert (plan.kept.contact_id, plan.absorbed.contact_id) == (keep, absorb)
    assert (plan.kept.name, plan.absorbed.name) == ("Ann Lee", "Annie Lee")


@pytest.mark.parametrize(
    ("keep", "absorb", "says"),
    [
        ("ann@example.com", "ann@example.com", "the same contact"),
        ("ann@example.com", "nobody@example.com", "no contact 'nobody@example.com'"),
        ("ann@example.com", " ", "no contact ' '"),
    ],
)
def test_two_contacts_that_exist_are_needed(two: Two, keep: str, absorb: str, says: str) -> None:
    with pytest.raises(Stop, match=says):
        plan_merge(two.world.hub, keep, absorb)


def test_a_deleted_contact_is_not_merged(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    world.local.soft_delete("l-2")
    world.settle()
    for pair in ((keep, absorb), (absorb, keep)):
        with pytest.raises(Stop, match="is deleted"):
            plan_merge(world.hub, *pair)


def test_a_contact_that_was_merged_says_where_to(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    merge_id = merged(world, keep, absorb)
    with pytest.raises(Stop, match=f"was merged into {keep}.*unmerge {merge_id}"):
        plan_merge(world.hub, keep, absorb)


def test_a_cycle_that_was_interrupted_goes_first(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    world.edit_hub("UPDATE identity.sync_cycles SET status = 'planned' WHERE TRUE")
    with pytest.raises(Stop, match="run a cycle first"):
        plan_merge(Hub(world.engine), keep, absorb)


def test_an_edit_by_sql_of_the_absorbed_row_counts_and_the_row_goes(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    world.edit_hub(f"UPDATE identity.contacts_master SET city = 'Lima' WHERE contact_id = '{absorb}'")
    merged(world, keep, absorb)
    world.edit_hub(f"UPDATE identity.contacts_master SET job_title = 'Chair' WHERE contact_id = '{absorb}'")
    assert_holds(world, {keep: {**BOTH, "city": "Lima", "job_title": "Chair"}})


def test_a_pipeline_that_inserts_the_absorbed_row_again_edits_the_kept_contact(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    merged(world, keep, absorb)
    world.settle()
    world.edit_hub(f"INSERT INTO identity.contacts_master (contact_id, city) VALUES ('{absorb}', 'Lima')")
    assert_holds(world, {keep: {**BOTH, "city": "Lima"}})


def test_a_row_that_calls_itself_the_absorbed_contact_is_the_kept_one(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    merged(world, keep, absorb)
    world.settle()
    world.local.put("l-9", {"first_name": "Anne"}, contact_id=absorb)
    world.settle()
    (review,) = world.sql("SELECT candidate_contact_ids AS who, rule FROM identity.sync_match_review")
    assert review == {"who": [keep], "rule": "duplicate_in_system"}
    assert set(world.views()["bigquery"]) == {keep}


def test_nothing_is_done_where_a_contact_changed_meanwhile(two: Two) -> None:
    world, keep, absorb = two.world, two.keep, two.absorb
    plan = plan_merge(world.hub, keep, absorb)
    world.local.put("l-2", {"city": "Lima"})
    world.settle()
    with pytest.raises(Retry, match="nothing was done"):
        merge(world.hub, plan)
    assert merges(world.hub) == []
    assert not world.cycle().writes
    merged(world, keep, absorb)
    assert_holds(world, {keep: {**BOTH, "city": "Lima"}})


# -- interrupted ------------------------------------------------------------------------------------------------------


def dying_merge(world: World, plan: MergePlan, after: int) -> None:
    with pytest.raises(Crash):
        merge(Dying(world, "merge_apply", after), plan)


STATEMENTS = 17

# Left out: ids of cycles and merges, and times.
KEPT = {
    "contacts_master": "contact_id, first_name, version",
    "contact_identifiers": "contact_id, identifier_value, is_primary, match_key",
    "sync_links": "system, native_id, contact_id",
    "sync_bases": "system, native_id, contact_id, version, gone, retired, held",
    "sync_registers": "contact_id, version, registers",
    "sync_intents": "system, native_id, contact_id, status",
    "sync_edits": "contact_id, path, value",
    "sync_change_log": "contact_id, system, change_type, path, old_value, new_value",
    "sync_conflicts": "contact_id, path, winning_value, losing_value, status",
    "sync_merges": "kept_contact_id, absorbed_contact_id, merged, links, status",
}


def test_an_interrupted_merge_is_finished_wherever_it_was(another: Callable[..., Two]) -> None:
    whole = another()
    merged(whole.world, whole.keep, whole.absorb)
    wanted = whole.world.snapshot(KEPT)
    assert len(whole.world.hub._render("merge_apply", merge="m1")) == STATEMENTS
    for after in range(STATEMENTS + 1):
        two = another()
        dying_merge(two.world, plan_merge(two.world.hub, two.keep, two.absorb), after)
        finish(two.world.hub)
        assert two.world.snapshot(KEPT) == wanted, f"after {after} statements"
        assert finish(two.world.hub) == []


@pytest.mark.parametrize("after", [1, 5, STATEMENTS - 1])
def test_an_idle_cycle_may_come_before_it_is_finished(two: Two, after: int) -> None:
    dying_merge(two.world, plan_merge(two.world.hub, two.keep, two.absorb), after)
    two.world.cycle()
    finish(two.world.hub)
    assert_holds(two.world, {two.keep: BOTH})


def test_a_finished_merge_carried_out_again_changes_nothing(two: Two) -> None:
    merge_id = merged(two.world, two.keep, two.absorb)
    two.world.settle()
    two.world.hub.run("merge_apply", merge=merge_id)
    assert not two.world.cycle().writes
