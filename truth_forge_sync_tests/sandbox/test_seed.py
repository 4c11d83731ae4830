"""The seed contacts are as varied as promised, readable, and tell apart who is who."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from datetime import UTC, datetime
from itertools import combinations

import phonenumbers
import pytest

from truth_forge_sync.contact import FIELD, to_paths
from truth_forge_sync.sandbox.seed import LATEST, PEOPLE, REGION, SPAN, SYSTEMS, SeedRow, SystemName, seed_contacts
from truth_forge_sync.sandbox.seed_people import MOST_PEOPLE

Rows = dict[SystemName, tuple[SeedRow, ...]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    return dict(seed_contacts())


@pytest.fixture(scope="module")
def known(rows: Rows) -> dict[int, dict[SystemName, dict[str, str]]]:
    """Person → system → canonical paths."""
    found: dict[int, dict[SystemName, dict[str, str]]] = defaultdict(dict)
    for system, held in rows.items():
        for row in held:
            found[row.person][system] = to_paths(row.fields, region=REGION)[0]
    return found


def _identities(paths: dict[str, str]) -> set[str]:
    """What says who a row is: each address, and phone with name."""
    addresses = {path.partition("/")[2] for path in paths if path.startswith("other_emails/")}
    if "primary_email" in paths:
        addresses.add(paths["primary_email"])
    if "primary_phone" in paths:
        addresses.add(f"{paths['primary_phone']} {paths['first_name']} {paths['last_name']}")
    return addresses


def test_they_are_the_same_every_time(rows: Rows) -> None:
    assert seed_contacts() == rows
    assert seed_contacts(seed=1) != rows


def test_there_are_three_hundred_people_in_every_combination_of_systems(
    known: dict[int, dict[SystemName, dict[str, str]]],
) -> None:
    assert sorted(known) == list(range(PEOPLE))
    combinations_seen = {frozenset(systems) for systems in known.values()}
    assert len(combinations_seen) == 2 ** len(SYSTEMS) - 1


def test_every_value_is_readable(rows: Rows) -> None:
    for held in rows.values():
        for row in held:
            assert row.fields.keys() <= FIELD.keys()
            assert to_paths(row.fields, region=REGION)[1] == ()


def test_one_person_s_rows_share_an_address_or_else_phone_and_name(
    known: dict[int, dict[SystemName, dict[str, str]]],
) -> None:
    for systems in known.values():
        for one, other in combinations(systems.values(), 2):
            assert one.get("primary_email") == other.get("primary_email")
            if "primary_email" not in one:
                assert _identities(one) & _identities(other)


def test_two_people_share_neither_address_nor_phone(known: dict[int, dict[SystemName, dict[str, str]]]) -> None:
    owners: dict[str, set[int]] = defaultdict(set)
    for person, systems in known.items():
        for paths in systems.values():
            phones = {value for path, value in paths.items() if path == "primary_phone"}
            phones |= {path.partition("/")[2] for path in paths if path.startswith("other_phones/")}
            for identity in _identities(paths) | phones:
                owners[identity].add(person)
    assert {identity for identity, people in owners.items() if len(people) > 1} == set()


def test_systems_disagree_about_the_same_person(known: dict[int, dict[SystemName, dict[str, str]]]) -> None:
    disputed: dict[str, int] = defaultdict(int)
    for systems in known.values():
        for one, other in combinations(systems.values(), 2):
            for path in one.keys() & other.keys():
                disputed[path] += one[path] != other[path]
    assert all(disputed[field] >= 10 for field in ("job_title", "city", "primary_phone", "notes"))


def test_phones_are_valid_in_several_countries_and_notations(rows: Rows) -> None:
    written = [row.fields["primary_phone"] for held in rows.values() for row in held if "primary_phone" in row.fields]
    parsed = [phonenumbers.parse(text, REGION) for text in written]
    assert all(phonenumbers.is_valid_number(number) for number in parsed)
    assert len({phonenumbers.region_code_for_number(number) for number in parsed}) >= 5
    for mark in ("(", ".", " ", "-"):
        assert sum(mark in text for text in written) >= 10
    assert sum(text.lstrip("+").isdigit() for text in written) >= 10


def test_names_come_in_several_scripts(rows: Rows) -> None:
    letters = "".join(str(value) for held in rows.values() for row in held for value in row.fields.values())
    names = {unicodedata.name(letter, "").split()[0] for letter in set(letters) if letter.isalpha()}
    assert {"LATIN", "CJK", "ARABIC"} <= names
    assert any("WITH" in unicodedata.name(letter, "") for letter in letters if letter.isalpha())
    assert any(unicodedata.category(letter) == "So" for letter in letters)
    assert any(unicodedata.combining(letter) for letter in letters)


def test_every_field_is_used_somewhere_in_every_system(rows: Rows) -> None:
    for held in rows.values():
        assert {name for row in held for name in row.fields} == FIELD.keys()


def test_some_people_have_no_address_some_rows_are_businesses_and_one_is_me(rows: Rows) -> None:
    for held in rows.values():
        assert sum("primary_email" not in row.fields for row in held) >= 5
        assert sum(bool(row.fields.get("is_me")) for row in held) == 1
    businesses = [row for held in rows.values() for row in held if row.fields["is_business"]]
    assert len(businesses) >= 8
    # A shared mailbox identifies nobody: in two systems it would be two contacts.
    assert len({row.person for row in businesses}) == len(businesses)


def test_organizations_are_shared(rows: Rows) -> None:
    members: dict[str, set[int]] = defaultdict(set)
    for held in rows.values():
        for row in held:
            if "organization" in row.fields:
                members[row.fields["organization"]].add(row.person)
    assert sum(len(people) >= 3 for people in members.values()) >= 20


def test_somebody_has_another_s_name(known: dict[int, dict[SystemName, dict[str, str]]]) -> None:
    people: dict[tuple[str, str], set[int]] = defaultdict(set)
    for person, systems in known.items():
        for paths in systems.values():
            people[paths["first_name"], paths["last_name"]].add(person)
    assert any(len(found) > 1 for found in people.values())


def test_stamps_are_the_past_and_as_fine_as_their_system_s(rows: Rows) -> None:
    latest = datetime(2030, 1, 1, 12, tzinfo=UTC)
    assert all(latest - SPAN <= row.updated_at <= latest for row in seed_contacts(5, latest=latest)["twenty"])
    assert all(row.updated_at <= LATEST for held in rows.values() for row in held)
    assert all(row.updated_at.microsecond % 1000 == 0 for row in rows["twenty"])
    assert any(row.updated_at.microsecond % 1000 for row in rows["supabase"])
    with pytest.raises(ValueError, match="aware"):
        seed_contacts(1, latest=datetime(2030, 1, 1))  # noqa: DTZ001 - that is the point


def test_only_the_hub_has_contact_ids_and_nothing_is_held_twice(rows: Rows) -> None:
    for system, held in rows.items():
        assert len({row.native_id for row in held}) == len({row.person for row in held}) == len(held)
        assert all((row.contact_id == row.native_id) is (system == "bigquery") for row in held)
        assert all(row.contact_id is None for row in held) is (system != "bigquery")


def test_there_are_only_so_many_made_up_numbers() -> None:
    with pytest.raises(ValueError, match=str(MOST_PEOPLE)):
        seed_contacts(MOST_PEOPLE + 1)
