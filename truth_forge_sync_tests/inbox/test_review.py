"""A row that may be one of several contacts does what a person says, in the next cycle (law 15)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.hub.hand_edits import HandEdits
from truth_forge_sync.inbox.review import Review, link, open_review, reviews, separate, target
from truth_forge_sync.systems.memory import Memory
from truth_forge_sync_tests.world import World

ANN = {"first_name": "Ann", "last_name": "Lee", "primary_email": "ann@example.com"}
BO = {"first_name": "Bo", "primary_email": "bo@example.com"}


def only(world: World) -> Review:
    (review,) = reviews(world.hub)
    return review


def ambiguous(world: World) -> Review:
    """A row of Supabase that has the e-mails of both Ann and Bo, whom Supabase does not have."""
    world.supabase.down = True
    world.twenty.put("t-1", ANN)
    world.twenty.put("t-2", BO)
    world.cycle()
    world.supabase.down = False
    world.supabase.put(
        "s-1", {"primary_email": "ann@example.com", "other_emails/bo@example.com": "true", "city": "Oslo"}
    )
    world.settle()
    return only(world)


def surplus(world: World) -> Review:
    """A second row of Ann in Supabase, with a city."""
    world.supabase.put("s-1", ANN)
    world.cycle()
    world.supabase.put("s-2", {**ANN, "city": "Oslo"})
    world.settle()
    return only(world)


def rest(world: World) -> None:
    """Everything is equal everywhere, and another cycle writes nothing."""
    world.settle()
    world.assert_aligned()
    assert not world.cycle().writes
    assert world.sql("SELECT * FROM identity.sync_edits") == []
    assert world.sql("SELECT * FROM identity.sync_intents") == []


def statuses(world: World) -> list[str]:
    return [review.status for review in reviews(world.hub, everything=True)]


def living(memory: Memory) -> dict[str, dict[str, str]]:
    return {native_id: dict(row.values) for native_id, row in memory.rows.items() if not row.deleted}


def contact_named(review: Review, name: str) -> str:
    return next(candidate.contact_id for candidate in review.candidates if candidate.name == name)


# -- linking ----------------------------------------------------------------------------------------------------------


def test_a_review_names_the_row_and_whom_it_may_be(world: World) -> None:
    review = ambiguous(world)
    assert (review.system, review.native_id, review.rule, review.status) == ("supabase", "s-1", "email", "open")
    assert {candidate.name for candidate in review.candidates} == {"Ann Lee", "Bo"}


def test_a_linked_row_is_the_contact_and_the_other_candidate_gets_a_row_of_its_own(world: World) -> None:
    review = ambiguous(world)
    ann = contact_named(review, "Ann Lee")
    chosen = target(world.hub, open_review(world.hub, review.review_id[:6]), ann[:6])
    assert (chosen.contact.contact_id, chosen.occupied_by) == (ann, None)
    assert link(world.hub, world.supabase, review, chosen)
    rest(world)
    assert statuses(world) == ["linked"]
    assert len(world.supabase.rows) == len(world.twenty.rows) == 2
    assert world.supabase.rows["s-1"].values["first_name"] == "Ann"
    assert world.twenty.rows["t-1"].values["city"] == "Oslo"
    assert "other_emails/bo@example.com" in world.twenty.rows["t-1"].values
    (bo,) = [values for native_id, values in living(world.supabase).items() if native_id != "s-1"]
    assert bo == BO
    assert world.sql(
        "SELECT system, new_value FROM identity.sync_change_log WHERE field = 'city' AND change_type = 'UPDATE'"
    ) == [{"system": "supabase", "new_value": "Oslo"}]


def test_a_row_may_be_linked_to_a_contact_that_was_no_candidate(world: World) -> None:
    world.twenty.put("t-3", {"first_name": "Cy", "organization": "Acme"}, contact_id="cy")
    review = ambiguous(world)
    chosen = target(world.hub, review, "cy")
    assert chosen.occupied_by is not None
    link(world.hub, world.supabase, review, chosen)
    rest(world)
    assert world.twenty.rows["t-3"].values["city"] == "Oslo"
    assert world.supabase.rows["s-1"].deleted


def test_a_surplus_row_is_merged_into_its_contact_and_deleted_and_nothing_else_is(world: World) -> None:
    review = surplus(world)
    chosen = target(world.hub, review)
    assert chosen.occupied_by == "s-1"
    assert link(world.hub, world.supabase, review, chosen)
    rest(world)
    assert {native_id: row.deleted for native_id, row in world.supabase.rows.items()} == {"s-1": False, "s-2": True}
    for memory in world.memories.values():
        (values,) = living(memory).values()
        assert values == {**ANN, "city": "Oslo"}
    assert world.sql("SELECT deleted_at FROM identity.contacts_master") == [{"deleted_at": None}]


def test_a_surplus_row_gives_up_its_unique_email(world: World) -> None:
    review = surplus(world)
    world.supabase.unique_emails = True
    world.supabase.rows["s-2"] = replace(
        world.supabase.rows["s-2"], values={**ANN, "primary_email": "lee@example.com", "city": "Oslo"}
    )
    link(world.hub, world.supabase, review, target(world.hub, review))
    rest(world)
    assert living(world.supabase) == {"s-1": {**ANN, "primary_email": "lee@example.com", "city": "Oslo"}}


def test_two_rows_are_not_linked_to_one_contact_in_one_cycle(world: World) -> None:
    """Neither would be the surplus one."""
    review = ambiguous(world)
    world.supabase.put("s-2", {"primary_email": "ann@example.com", "other_emails/bo@example.com": "true"})
    world.cycle()
    (other,) = [one for one in reviews(world.hub) if one.native_id == "s-2"]
    ann = contact_named(review, "Ann Lee")
    link(world.hub, world.supabase, review, target(world.hub, review, ann))
    with pytest.raises(Stop, match="a moment ago"):
        target(world.hub, other, ann)
    world.cycle()
    chosen = target(world.hub, other, ann)
    assert chosen.occupied_by == "s-1"
    link(world.hub, world.supabase, other, chosen)
    rest(world)
    assert world.supabase.rows["s-2"].deleted
    assert not world.supabase.rows["s-1"].deleted


# -- separating -------------------------------------------------------------------------------------------------------


def test_a_separate_row_is_a_contact_of_its_own_and_stays_one(world: World) -> None:
    review = ambiguous(world)
    assert separate(world.hub, world.supabase, review)
    rest(world)
    assert statuses(world) == ["separate"]
    for memory in world.memories.values():
        assert len(living(memory)) == 3
    world.supabase.put("s-1", {"city": "Rome"})
    rest(world)
    assert {values.get("city") for values in living(world.twenty).values()} == {"Rome", None}


def test_a_surplus_row_may_be_another_person_with_the_same_email(world: World) -> None:
    review = surplus(world)
    world.twenty.unique_emails = True
    separate(world.hub, world.supabase, review)
    world.settle()
    assert not world.cycle().writes
    assert len(living(world.supabase)) == len(living(world.local)) == len(living(world.twenty)) == 2
    assert sorted(values.get("primary_email", "") for values in living(world.twenty).values()) == [
        "",
        "ann@example.com",
    ]
    assert world.sql("SELECT system, field, kind FROM identity.sync_errors") == [
        {"system": "twenty", "field": "primary_email", "kind": "refused"}
    ]


# -- what may come between --------------------------------------------------------------------------------------------


def test_the_row_is_taken_as_it_is_when_the_person_decides(world: World) -> None:
    review = surplus(world)
    world.supabase.put("s-2", {"city": "Rome"})
    separate(world.hub, world.supabase, review)
    rest(world)
    assert "Rome" in {values.get("city") for values in living(world.twenty).values()}


@pytest.mark.parametrize("word", ["link", "separate"])
def test_a_row_that_is_gone_needs_no_word_and_the_candidates_get_rows(world: World, word: str) -> None:
    review = ambiguous(world)
    world.supabase.hard_delete("s-1")
    if word == "link":
        done = link(world.hub, world.supabase, review, target(world.hub, review, contact_named(review, "Bo")))
    else:
        done = separate(world.hub, world.supabase, review)
    assert not done
    assert statuses(world) == ["gone"]
    rest(world)
    assert sorted(values["first_name"] for values in living(world.supabase).values()) == ["Ann", "Bo"]


@pytest.mark.parametrize("softly", [True, False])
def test_a_row_that_a_sweep_finds_deleted_leaves_the_inbox_and_the_candidates_get_rows(
    world: World, softly: bool
) -> None:
    ambiguous(world)
    (world.supabase.soft_delete if softly else world.supabase.hard_delete)("s-1")
    world.sweep()
    assert statuses(world) == ["gone"]
    rest(world)
    assert sorted(values["first_name"] for values in living(world.supabase).values()) == ["Ann", "Bo"]


def test_a_soft_delete_closes_the_review_in_the_next_cycle(world: World) -> None:
    ambiguous(world)
    world.supabase.soft_delete("s-1")
    world.cycle()
    assert statuses(world) == ["gone"]
    rest(world)


def test_a_row_in_review_that_is_seen_again_goes_on_waiting(world: World) -> None:
    review = ambiguous(world)
    world.supabase.put("s-1", {"city": "Rome"})
    world.cycle()
    world.twenty.put("t-1", {"city": "Bergen"})  # a batch of another system says nothing of this one
    world.cycle()
    world.sweep()
    assert only(world) == review


def test_a_row_that_comes_back_is_reviewed_again(world: World) -> None:
    review = surplus(world)
    world.supabase.soft_delete("s-2")
    assert not separate(world.hub, world.supabase, review)
    world.cycle()
    world.supabase.restore("s-2")
    world.cycle()
    assert only(world).native_id == "s-2"
    separate(world.hub, world.supabase, only(world))
    rest(world)
    assert len(living(world.twenty)) == 2


def test_a_system_that_does_not_answer_leaves_the_row_in_review(world: World) -> None:
    review = surplus(world)
    world.supabase.down = True
    with pytest.raises(Retry):
        separate(world.hub, world.supabase, review)
    assert statuses(world) == ["open"]


def test_a_word_that_was_not_recorded_can_be_said_again(world: World) -> None:
    review = surplus(world)
    chosen = target(world.hub, review)
    link(world.hub, world.supabase, review, chosen)
    world.edit_hub("UPDATE identity.sync_match_review SET status = 'open', contact_id = NULL WHERE TRUE")
    world.cycle()
    assert only(world) == review
    link(world.hub, world.supabase, review, chosen)
    rest(world)
    assert world.supabase.rows["s-2"].deleted


def test_a_person_must_say_which_contact_where_there_are_several(world: World) -> None:
    review = ambiguous(world)
    with pytest.raises(Stop, match="several candidates"):
        target(world.hub, review)
    with pytest.raises(Stop, match="no contact 'zzz'"):
        target(world.hub, review, "zzz")
    with pytest.raises(Stop, match="review list"):
        open_review(world.hub, "zzz")


def test_a_deleted_contact_is_no_target_since_its_delete_would_take_the_row_along(world: World) -> None:
    review = surplus(world)
    world.twenty.soft_delete(next(iter(world.twenty.rows)))
    world.cycle()
    with pytest.raises(Stop, match="is deleted"):
        target(world.hub, review)


def test_a_review_is_decided_once(world: World) -> None:
    review = surplus(world)
    separate(world.hub, world.supabase, review)
    with pytest.raises(Stop, match="is separate already"):
        open_review(world.hub, review.review_id)


# -- rows that somebody entered in the hub ----------------------------------------------------------------------------


def entered_in_the_hub(world: World) -> tuple[Review, Any]:
    world.supabase.put("s-1", ANN)
    world.cycle()
    world.edit_hub(
        "INSERT INTO identity.contacts_master (first_name, last_name, primary_email, city, updated_at) "
        "VALUES ('Ann', 'Lee', 'ann@example.com', 'Oslo', CURRENT_TIMESTAMP())"
    )
    world.settle()
    return only(world), HandEdits(world.hub, region="US")


def test_a_surplus_row_of_the_hub_is_merged_into_its_contact_and_deleted(world: World) -> None:
    review, hub = entered_in_the_hub(world)
    assert (review.system, review.rule) == ("bigquery", "duplicate_in_system")
    chosen = target(world.hub, review)
    assert chosen.occupied_by == chosen.contact.contact_id
    assert link(world.hub, hub, review, chosen)
    rest(world)
    assert [values["city"] for values in living(world.twenty).values()] == ["Oslo"]
    assert world.sql("SELECT contact_id, city FROM identity.contacts_master") == [
        {"contact_id": chosen.contact.contact_id, "city": "Oslo"}
    ]


def test_a_row_of_the_hub_that_is_gone_needs_no_word(world: World) -> None:
    review, hub = entered_in_the_hub(world)
    world.edit_hub("DELETE FROM identity.contacts_master WHERE city = 'Oslo'")
    assert not separate(world.hub, hub, review)
    assert statuses(world) == ["gone"]
    rest(world)


def test_a_row_of_the_hub_that_is_gone_leaves_the_inbox(world: World) -> None:
    entered_in_the_hub(world)
    world.edit_hub("DELETE FROM identity.contacts_master WHERE city = 'Oslo'")
    world.settle()
    assert statuses(world) == ["gone"]
    rest(world)


def test_a_row_of_the_hub_becomes_a_contact_under_its_own_id(world: World) -> None:
    review, hub = entered_in_the_hub(world)
    assert separate(world.hub, hub, review)
    rest(world)
    assert {values.get("city") for values in living(world.twenty).values()} == {"Oslo", None}
    world.local.put(next(iter(world.local.rows)), {"notes": "one"})
    world.edit_hub("UPDATE identity.contacts_master SET notes = 'two' WHERE city = 'Oslo'")
    rest(world)
    assert {values["notes"] for values in living(world.twenty).values()} == {"one", "two"}
