"""Unmerging: what was made one is two again, with what each was and what was edited since."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from truth_forge_sync.errors import Stop
from truth_forge_sync.history.merge import Merge, finish, merge, plan_merge, plan_unmerge, unmerge
from truth_forge_sync_tests.history.conftest import Two
from truth_forge_sync_tests.history.interrupting import Crash, Dying
from truth_forge_sync_tests.history.people import ANN, ANNIE, BOTH, assert_holds, contact_of, living, named
from truth_forge_sync_tests.world import World

ANNA = {"first_name": "Anna", "primary_email": "anna@example.com"}


def merged(two: Two) -> Merge:
    done = merge(two.world.hub, plan_merge(two.world.hub, two.keep, two.absorb))
    two.world.settle()
    return done


def unmerged(world: World, asked: str) -> Merge:
    return unmerge(world.hub, plan_unmerge(world.hub, asked))


def test_both_are_back_everywhere_with_the_values_they_had(two: Two) -> None:
    world = two.world
    rows = {name: named(memory, "Annie").native_id for name, memory in world.memories.items()}
    (before,) = world.sql(f"SELECT created_at FROM identity.contacts_master WHERE contact_id = '{two.absorb}'")
    done = merged(two)
    assert unmerged(world, done.merge_id).status == "unmerged"
    assert_holds(world, {two.keep: ANN, two.absorb: ANNIE})
    for name, memory in world.memories.items():
        assert named(memory, "Annie").native_id == rows[name], "the same rows as before"
        assert len(memory.rows) == 2
    assert world.sql(f"SELECT created_at FROM identity.contacts_master WHERE contact_id = '{two.absorb}'") == [before]


def test_before_any_cycle_it_is_as_if_nothing_had_been(two: Two) -> None:
    merge(two.world.hub, plan_merge(two.world.hub, two.keep, two.absorb))
    unmerged(two.world, two.absorb)
    assert_holds(two.world, {two.keep: ANN, two.absorb: ANNIE})


def test_what_was_edited_since_stays(two: Two) -> None:
    world = two.world
    merged(two)
    row = living(world.supabase)[0].native_id
    world.supabase.put(row, {"city": "Lima", "job_title": "Chair", "other_emails/al@example.com": None})
    world.settle()
    unmerged(world, two.absorb)
    assert_holds(world, {two.keep: {**ANN, "city": "Lima", "job_title": "Chair"}, two.absorb: ANNIE})
    told = world.sql("SELECT DISTINCT origin FROM identity.sync_change_log WHERE contact_id = '" + two.keep + "'")
    assert len([row for row in told if (row["origin"] or "").startswith("unmerge/")]) == 1


def test_a_row_that_is_gone_by_now_is_made_anew(two: Two) -> None:
    world = two.world
    gone = named(world.supabase, "Annie").native_id
    merged(two)
    world.supabase.hard_delete(gone)
    world.settle()
    unmerged(world, two.absorb)
    assert_holds(world, {two.keep: ANN, two.absorb: ANNIE})


def test_a_kept_contact_that_was_deleted_since_stays_deleted(two: Two) -> None:
    world = two.world
    merged(two)
    world.local.soft_delete(living(world.local)[0].native_id)
    world.settle()
    unmerged(world, two.absorb)
    assert_holds(world, {two.absorb: ANNIE})


def test_a_deletion_that_was_not_sent_yet_is_never_sent(two: Two) -> None:
    world = two.world
    world.supabase.down = True
    merged(two)
    unmerged(world, two.absorb)
    world.supabase.down = False
    version = named(world.supabase, "Annie").version
    assert_holds(world, {two.keep: ANN, two.absorb: ANNIE})
    assert named(world.supabase, "Annie").version == version


def test_a_system_that_wants_its_emails_unique_takes_them_back(two: Two) -> None:
    for memory in two.world.memories.values():
        memory.unique_emails = True
    merged(two)
    unmerged(two.world, two.absorb)
    assert_holds(two.world, {two.keep: ANN, two.absorb: ANNIE})
    assert two.world.sql("SELECT * FROM identity.sync_errors") == []


def test_conflicts_between_the_two_are_none_any_more(two: Two) -> None:
    world = two.world
    for name, city in (("local", "Lima"), ("supabase", "Suva")):
        memory = world.memories[name]
        memory.put(named(memory, "Annie").native_id, {"city": city})
    world.settle()
    merged(two)
    unmerged(world, two.absorb)
    told = world.sql("SELECT contact_id, reason, status FROM identity.sync_conflicts ORDER BY reason, status")
    assert [(row["contact_id"], row["reason"], row["status"]) for row in told] == [
        (two.keep, "merged", "dismissed"),
        (two.keep, "merged", "dismissed"),
        (two.absorb, "older", "open"),
    ]


def test_they_can_be_merged_again_the_other_way_round(two: Two) -> None:
    """What went back to Ann was an edit of today, so it is later than what Annie has."""
    world = two.world
    merged(two)
    unmerged(world, two.absorb)
    world.settle()
    merge(world.hub, plan_merge(world.hub, two.absorb, two.keep))
    assert_holds(world, {two.absorb: {**ANNIE, **ANN, "other_emails/annie@example.com": "true"}})


def test_a_chain_of_merges_is_taken_apart_from_its_end(two: Two) -> None:
    world = two.world
    world.supabase.put("s-3", ANNA)
    world.settle()
    third = contact_of(world, "anna@example.com")
    first = merged(two)
    second = merge(world.hub, plan_merge(world.hub, third, two.keep))
    world.settle()
    with pytest.raises(Stop, match=f"unmerge {second.merge_id}"):
        plan_unmerge(world.hub, first.merge_id)
    unmerged(world, second.merge_id)
    assert_holds(world, {third: ANNA, two.keep: BOTH})
    unmerged(world, first.merge_id)
    assert_holds(world, {third: ANNA, two.keep: ANN, two.absorb: ANNIE})


def test_a_merge_that_there_was_not_is_wrong_use(two: Two) -> None:
    with pytest.raises(Stop, match="contacts merges"):
        plan_unmerge(two.world.hub, two.keep)
    merged(two)
    unmerged(two.world, two.absorb)
    with pytest.raises(Stop, match="unmerged before"):
        plan_unmerge(two.world.hub, two.absorb)


# -- interrupted ------------------------------------------------------------------------------------------------------


KEPT = {
    "contact_identifiers": "contact_id, identifier_value, is_primary, match_key",
    "sync_links": "system, native_id, contact_id",
    "sync_bases": "system, native_id, contact_id, gone, retired, held",
    "sync_intents": "system, native_id, contact_id, status",
    "sync_edits": "contact_id, path, value",
    "sync_change_log": "contact_id, system, change_type, path, old_value, new_value",
    "sync_conflicts": "contact_id, path, winning_value, losing_value, status",
    "sync_merges": "kept_contact_id, absorbed_contact_id, merged, links, status",
}


def test_an_interrupted_unmerge_is_finished_wherever_it_was(
    two_of_them: Two, another: Callable[..., Two], tmp_path: Path
) -> None:
    start = two_of_them.copied(tmp_path)
    with start.world.engine.session():
        done = merged(start)
    whole = another(start)
    unmerge(whole.world.hub, done)
    wanted = whole.world.snapshot(KEPT)
    for after in range(1, len(whole.world.hub._render("unmerge", merge="m1")) + 1):
        two = another(start)
        with pytest.raises(Crash):
            unmerge(Dying(two.world, "unmerge", after), done)
        finish(two.world.hub)
        assert two.world.snapshot(KEPT) == wanted, f"after {after} statements"
        assert finish(two.world.hub) == []


@pytest.mark.parametrize("after", [2, 5])
def test_an_idle_cycle_may_come_before_it_is_finished(two: Two, after: int) -> None:
    done = merged(two)
    with pytest.raises(Crash):
        unmerge(Dying(two.world, "unmerge", after), done)
    two.world.cycle()
    finish(two.world.hub)
    assert_holds(two.world, {two.keep: ANN, two.absorb: ANNIE})
