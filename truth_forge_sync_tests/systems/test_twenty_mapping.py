"""Fields survive canonical → Twenty's payload → canonical; what a change does not concern is sent as it is stored."""

from __future__ import annotations

from typing import Any

import pytest

from truth_forge_sync.contact import FIELDS, Unread, field_of
from truth_forge_sync.systems.twenty import phones
from truth_forge_sync.systems.twenty.mapping import COLUMNS, COMPOSITES, person_payload, read_person

ALL = frozenset(field.name for field in FIELDS)

ROUND_TRIPS: dict[str, dict[str, str]] = {
    "one name": {"first_name": "Ann"},
    "names": {"first_name": "Zoë", "last_name": "李", "middle_name": "B.", "nickname": "Zo", "name_suffix": "Jr"},
    "title": {"title": "Dr. h. c."},
    "address": {"primary_email": "ann@example.com"},
    "addresses": {"primary_email": "ann@example.com", "other_emails/b@example.org": "true"},
    "only other addresses": {"other_emails/a@example.org": "true", "other_emails/b@example.org": "true"},
    "American number": {"primary_phone": "+12025550123"},
    "Canadian number": {"primary_phone": "+14165550123"},
    "Italian number, whose zero is its own": {"primary_phone": "+390236618300"},
    "number of no country": {"primary_phone": "+80012345678", "other_phones/+80012345679": "true"},
    "possible number of no valid range": {"primary_phone": "+15551234567"},
    "numbers": {
        "primary_phone": "+33612345678",
        "other_phones/+442079460958": "true",
        "other_phones/+4930901820": "true",
    },
    "job": {"job_title": "Engineer, “Sr” (x)", "department": "R&D", "city": "Łódź", "organization": 'A "B" (C), Inc.'},
    "link": {"linkedin_url": "https://www.linkedin.com/in/ann"},
    "date": {"birthday": "2000-02-29"},
    "long text": {"notes": "first\nsecond\n\n🙂 " + "ä" * 9_000 + "."},
    "codes": {"category_code": "X", "subcategory_code": "X1", "relationship_category": "friend"},
    "true": {"is_business": "true", "is_me": "true"},
    "false": {"is_business": "false", "is_me": "false"},
    "objects": {"llm_context/a/b": "1", "llm_context/c": '{"d":[1,null]}', "social_network/x": '"@ann"'},
    "more objects": {"communication_stats/n": "0.1", "ai_insights/s": "true", "recommendations/r": '["call"]'},
    "nothing": {},
}


def company_id(name: str) -> str:
    return f"company of {name}"


def read(person: dict[str, Any], region: str = "US") -> tuple[dict[str, str], tuple[Unread, ...]]:
    organization = (person.get("companyId") or "").removeprefix("company of ") or None
    return read_person(person, organization=organization, fields=ALL, region=region)


def test_every_field_has_one_place() -> None:
    assert sorted([column.field for column in COLUMNS] + list(COMPOSITES)) == sorted(ALL)


@pytest.mark.parametrize("values", ROUND_TRIPS.values(), ids=ROUND_TRIPS.keys())
def test_values_survive_the_way_there_and_back(values: dict[str, str]) -> None:
    touched = {field_of(path) for path in values}
    assert read(person_payload(touched, values, stored={}, company_id=company_id)) == (values, ())
    # The same when every field is sent, most of them empty.
    assert read(person_payload(ALL, values, stored={}, company_id=company_id)) == (values, ())


EMPTY: dict[str, tuple[str, Any]] = {
    "first_name": ("name", {"firstName": ""}),
    "primary_email": ("emails", {"primaryEmail": "", "additionalEmails": []}),
    "linkedin_url": ("linkedinLink", {"primaryLinkLabel": "", "primaryLinkUrl": "", "secondaryLinks": []}),
    "organization": ("companyId", None),
    "job_title": ("jobTitle", ""),
    "birthday": ("birthday", None),
    "category_code": ("categoryCode", None),
    "is_me": ("isMe", None),
    "llm_context": ("llmContext", None),
}


@pytest.mark.parametrize(("field", "sent"), EMPTY.items(), ids=EMPTY.keys())
def test_an_emptied_field_is_cleared_the_way_twenty_accepts(field: str, sent: tuple[str, Any]) -> None:
    assert person_payload({field}, {}, stored={}, company_id=company_id) == dict([sent])


def test_only_touched_fields_are_sent() -> None:
    target = {"first_name": "Ann", "last_name": "B", "job_title": "Baker", "city": "Bern"}
    payload = person_payload({"last_name", "city"}, target, stored={}, company_id=company_id)
    assert payload == {"name": {"lastName": "B"}, "city": "Bern"}


def test_a_json_change_sends_the_whole_object() -> None:
    target = {"llm_context/kept": '{"deep":[1]}', "llm_context/new": "2"}
    payload = person_payload({"llm_context"}, target, stored={}, company_id=company_id)
    assert payload == {"llmContext": {"kept": {"deep": [1]}, "new": 2}}


STORED: dict[str, Any] = {
    "emails": {
        "primaryEmail": "ann@example.com",
        "additionalEmails": ["z@example.com", "not an address", "a@example.com"],
    },
    "phones": {
        "primaryPhoneNumber": "2025550123",
        "primaryPhoneCountryCode": "US",
        "primaryPhoneCallingCode": "1",
        "additionalPhones": [{"number": "0612345678", "callingCode": "33", "countryCode": "FR"}, {}],
    },
    "linkedinLink": {
        "primaryLinkLabel": "Ann on LinkedIn",
        "primaryLinkUrl": "https://linkedin.com/in/ann",
        "secondaryLinks": [{"label": "Site", "url": "https://ann.example.com"}],
    },
}


def test_the_parts_of_a_composite_that_do_not_change_are_sent_as_they_are_stored() -> None:
    target = {
        "primary_email": "new@example.com",
        "primary_phone": "+14165550123",
        "linkedin_url": "https://l.example/b",
    }
    payload = person_payload(target, target, stored=STORED, company_id=company_id)
    assert payload["emails"]["additionalEmails"] == STORED["emails"]["additionalEmails"]
    assert payload["phones"]["additionalPhones"] == STORED["phones"]["additionalPhones"]
    assert payload["phones"]["primaryPhoneCountryCode"] == "CA"
    assert payload["linkedinLink"] == {**STORED["linkedinLink"], "primaryLinkUrl": "https://l.example/b"}

    others = {
        "other_emails/z@example.com": "true",
        "other_phones/+33612345678": "true",
        "other_phones/+4930901820": "true",
    }
    payload = person_payload({"other_emails", "other_phones"}, others, stored=STORED, company_id=company_id)
    # In the stored order and notation, the removed one gone, the unreadable one not ours to remove.
    assert payload["emails"] == {
        "primaryEmail": "ann@example.com",
        "additionalEmails": ["z@example.com", "not an address"],
    }
    assert payload["phones"] == {
        "primaryPhoneNumber": "2025550123",
        "primaryPhoneCountryCode": "US",
        "primaryPhoneCallingCode": "1",
        "additionalPhones": [
            STORED["phones"]["additionalPhones"][0],
            {"number": "30901820", "callingCode": "+49", "countryCode": "DE"},
        ],
    }


FORMS: list[tuple[tuple[Any, Any, Any], str | None]] = [
    (("2025550123", "+1", "US"), "+12025550123"),
    (("2025550123", "1", "US"), "+12025550123"),
    (("2025550123", "+1", ""), "+12025550123"),
    (("2025550123", "", ""), "+12025550123"),
    (("2025550123", None, None), "+12025550123"),
    (("+1 (202) 555-0123", "", ""), "+12025550123"),
    (("4165550123", "+1", None), "+14165550123"),
    (("612345678", "+33", "FR"), "+33612345678"),
    (("06 12 34 56 78", "+33", "FR"), "+33612345678"),
    (("06 12 34 56 78", "", "FR"), "+33612345678"),
    (("612345678", "+33", "US"), "+33612345678"),
    (("7911123456", "+44", "GG"), "+447911123456"),
    (("0236618300", "+39", "IT"), "+390236618300"),
    (("12345678", "+800", ""), "+80012345678"),
    (("", "+1", "US"), None),
    ((None, None, None), None),
]


@pytest.mark.parametrize(("form", "e164"), FORMS)
def test_all_stored_forms_of_a_number_read_as_one(form: tuple[Any, Any, Any], e164: str | None) -> None:
    number, calling_code, country = form
    keys = ("primaryPhoneNumber", "primaryPhoneCallingCode", "primaryPhoneCountryCode")
    values, unread = read({"phones": dict(zip(keys, form, strict=True))})
    assert (values.get("primary_phone"), unread) == (e164, ())
    entry = {"number": number, "callingCode": calling_code, "countryCode": country}
    values, unread = read({"phones": {"additionalPhones": [entry, {}]}})
    assert (list(values), unread) == ([f"other_phones/{e164}"] if e164 else [], ())


def test_an_unreadable_value_leaves_out_its_field_alone() -> None:
    person = {
        "phones": {"primaryPhoneNumber": "12", "primaryPhoneCallingCode": "+1"},
        "jobTitle": "Baker",
        "isMe": True,
    }
    values, unread = read(person)
    assert values == {"job_title": "Baker", "is_me": "true"}
    assert [each.field for each in unread] == ["primary_phone"]


def test_only_the_fields_that_the_workspace_can_hold_are_read() -> None:
    person = {"jobTitle": "Baker", "city": {"of": "another type"}}
    values, unread = read_person(person, organization=None, fields={"job_title"}, region="US")
    assert (values, unread) == ({"job_title": "Baker"}, ())


def test_countries_can_be_left_for_twenty_to_infer() -> None:
    payload = {
        **phones.primary_payload("+447911123456"),
        "additionalPhones": [phones.additional_payload("+12025550123")],
    }
    assert phones.without_country(payload) == {
        "primaryPhoneNumber": "7911123456",
        "primaryPhoneCallingCode": "+44",
        "additionalPhones": [{"number": "2025550123", "callingCode": "+1"}],
    }
