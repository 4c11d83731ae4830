"""Who a row is (law 15): by what identifies a person, and never by a guess."""

from __future__ import annotations

import pytest

from truth_forge_sync_tests.sync.people import ANN
from truth_forge_sync_tests.world import World


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"primary_email": "a@x.com"}, {"primary_email": "a@x.com"}, True),
        ({"primary_email": "a@x.com"}, {"primary_email": "b@x.com", "other_emails/a@x.com": "true"}, True),
        ({"primary_email": "a@x.com"}, {"primary_email": "b@x.com"}, False),
        ({"primary_email": "info@x.com"}, {"primary_email": "info@x.com"}, False),
        ({"primary_phone": "+12025550123"}, {"primary_phone": "+12025550123"}, True),
        ({"primary_phone": "+12025550123"}, {"primary_phone": "+12025550123", "first_name": "Bo"}, False),
        ({"primary_phone": "+12025550123", "is_business": "true"}, {"primary_phone": "+12025550123"}, False),
    ],
    ids=["e-mail", "other e-mail", "two e-mails", "shared mailbox", "phone and name", "phone, other name", "business"],
)
@pytest.mark.parametrize("apart", [False, True], ids=["in one cycle", "one after the other"])
def test_rows_are_linked_by_what_identifies_a_person(
    world: World, one: dict[str, str], other: dict[str, str], same: bool, apart: bool
) -> None:
    name = {"first_name": "Ann", "last_name": "Lee"}
    world.twenty.put("t-1", {**name, **one})
    if apart:
        world.supabase.down = world.local.down = True
        world.cycle()
        world.supabase.down = world.local.down = False
    world.local.put("l-1", {**name, **other})
    world.settle()
    assert world.sql("SELECT COUNT(*) AS n FROM identity.contacts_master") == [{"n": 1 if same else 2}]
    world.assert_aligned()


def test_a_row_that_two_contacts_claim_waits_for_a_person(world: World) -> None:
    world.twenty.put("t-1", {"first_name": "Ann", "primary_email": "ann@example.com"})
    world.twenty.put("t-2", {"first_name": "Bo", "primary_email": "bo@example.com"})
    world.supabase.down = True
    world.settle()
    world.supabase.down = False
    world.supabase.put("s-1", {"primary_email": "ann@example.com", "other_emails/bo@example.com": "true"})
    world.cycle()
    (review,) = world.sql(
        "SELECT system, native_id, rule, status, candidate_contact_ids AS who FROM identity.sync_match_review"
    )
    contacts = {row["contact_id"] for row in world.sql("SELECT contact_id FROM identity.contacts_master")}
    assert {**review, "who": set(review["who"])} == {
        "system": "supabase", "native_id": "s-1", "rule": "email", "status": "open", "who": contacts,
    }  # fmt: skip
    assert len(world.supabase.rows) == 1, "nothing is created for the candidates meanwhile"


def test_a_second_row_of_one_person_in_one_system_waits_for_a_person(world: World) -> None:
    world.supabase.put("s-1", ANN)
    world.settle()
    world.supabase.put("s-2", {**ANN, "city": "Oslo"})
    world.settle()
    assert world.sql("SELECT native_id, rule FROM identity.sync_match_review") == [
        {"native_id": "s-2", "rule": "duplicate_in_system"}
    ]
    assert len(world.twenty.rows) == 1


def test_everybody_that_a_row_might_be_is_named_and_who_turns_up_later_too(world: World) -> None:
    emails = [f"{name}@example.com" for name in ("ann", "bo", "cy", "di")]
    for email in emails[:3]:
        world.twenty.put(email, {"first_name": email, "primary_email": email})
    world.supabase.down = True
    world.settle()
    world.supabase.down = False
    shared = {f"other_emails/{email}": "true" for email in emails[1:]}
    world.supabase.put("s-1", {"primary_email": emails[0], **shared})
    for known in (3, 4):
        world.cycle()
        (review,) = world.sql("SELECT candidate_contact_ids AS who FROM identity.sync_match_review")
        contacts = {row["contact_id"] for row in world.sql("SELECT contact_id FROM identity.contacts_master")}
        assert set(review["who"]) == contacts
        assert len(contacts) == known
        world.twenty.put(emails[3], {"first_name": "Di", "primary_email": emails[3]})
        world.cycle()
        world.supabase.put("s-1", {"city": "Oslo"})


def test_a_row_of_the_hub_under_another_id_is_never_a_second_one_of_its_contact(world: World) -> None:
    world.twenty.put("t-1", ANN)
    world.settle()
    world.edit_hub("UPDATE identity.contacts_master SET contact_id = 'another' WHERE primary_email = 'ann@example.com'")
    world.cycle()
    (review,) = world.sql("SELECT system, native_id, rule FROM identity.sync_match_review")
    assert review == {"system": "bigquery", "native_id": "another", "rule": "duplicate_in_system"}
