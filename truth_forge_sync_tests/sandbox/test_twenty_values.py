"""What Twenty makes of the values that it is sent: facts, sections 3 (normalisation, composites), 4 (errors) and 7."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from truth_forge_sync.sandbox.twenty import create_twenty_app
from truth_forge_sync.sandbox.twenty.in_process import connect

KEY = "key"
PERSON = "00000000-0000-4000-8000-000000000001"

FULL = {
    "name": {"firstName": "Ann", "lastName": "Lee"},
    "emails": {"primaryEmail": "ann@example.com", "additionalEmails": ["lee@example.com"]},
    "phones": {
        "primaryPhoneNumber": "2025550123",
        "primaryPhoneCountryCode": "US",
        "primaryPhoneCallingCode": "+1",
        "additionalPhones": [{"number": "2025550124", "callingCode": "+1", "countryCode": "US"}],
    },
    "linkedinLink": {
        "primaryLinkLabel": "In",
        "primaryLinkUrl": "https://linkedin.com/in/ann",
        "secondaryLinks": [{"url": "https://example.com/ann", "label": "Site"}],
    },
    "jobTitle": "Engineer",
}
CUSTOM: dict[str, dict[str, Any]] = {
    "text": {"type": "TEXT"},
    "flag": {"type": "BOOLEAN"},
    "day": {"type": "DATE"},
    "moment": {"type": "DATE_TIME"},
    "figure": {"type": "NUMBER"},
    "category": {"type": "SELECT", "options": [{"value": value, "label": value} for value in ("A", "B")]},
    "tags": {"type": "MULTI_SELECT", "options": [{"value": value, "label": value} for value in ("RED", "BLUE")]},
    "data": {"type": "RAW_JSON"},
    "words": {"type": "ARRAY"},
    "token": {"type": "UUID"},
}


@pytest.fixture
def twenty() -> Iterator[httpx.Client]:
    with connect(create_twenty_app(None, KEY, None), KEY) as client:
        yield client


@pytest.fixture(scope="module")
def custom() -> Iterator[httpx.Client]:
    """A workspace whose people have one custom field of each type, and one person."""
    with connect(create_twenty_app(None, KEY, None), KEY) as client:
        objects = client.get("/metadata/objects").json()["data"]["objects"]
        person = next(item["id"] for item in objects if item["nameSingular"] == "person")
        for name, definition in CUSTOM.items():
            body = {"objectMetadataId": person, "name": name, "label": name, **definition}
            assert client.post("/metadata/fields", json=body).status_code == 201
        client.post("/people", json={"id": PERSON})
        yield client


def part(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value[name]
    return value


PARTIAL = [
    # what a PATCH sends, what it leaves                         section 3, the table of composites
    ({"name": {"firstName": "Bea"}}, {"name.firstName": "Bea", "name.lastName": "Lee"}),
    (
        {"emails": {"primaryEmail": "new@example.com"}},
        {"emails.primaryEmail": "new@example.com", "emails.additionalEmails": ["lee@example.com"]},
    ),
    (
        {"emails": {"additionalEmails": ["x@example.com"]}},
        {"emails.primaryEmail": "", "emails.additionalEmails": ["x@example.com"]},
    ),
    ({"emails": {}}, {"emails.primaryEmail": "", "emails.additionalEmails": ["lee@example.com"]}),
    (
        {"phones": {"primaryPhoneNumber": "2025550199", "primaryPhoneCountryCode": "US"}},
        {"phones.primaryPhoneNumber": "2025550199", "phones.additionalPhones": []},
    ),
    (
        {"phones": {"primaryPhoneCallingCode": "+1"}},
        {"phones.primaryPhoneNumber": "2025550123", "phones.additionalPhones": []},
    ),
    ({"phones": {}}, {"phones.primaryPhoneNumber": "2025550123", "phones.additionalPhones": []}),
    (
        {"phones": {"additionalPhones": []}},
        {"phones.primaryPhoneNumber": "2025550123", "phones.additionalPhones": []},
    ),
    (
        {"phones": {"primaryPhoneNumber": "", "primaryPhoneCountryCode": None, "primaryPhoneCallingCode": ""}},
        {
            "phones.primaryPhoneNumber": "",
            "phones.primaryPhoneCountryCode": "",
            "phones.primaryPhoneCallingCode": "",
        },
    ),
    (
        {"linkedinLink": {"primaryLinkUrl": "https://linkedin.com/in/bea"}},
        {
            "linkedinLink.primaryLinkUrl": "https://linkedin.com/in/bea",
            "linkedinLink.primaryLinkLabel": "",
            "linkedinLink.secondaryLinks": [],
        },
    ),
    ({"linkedinLink": {"primaryLinkLabel": "x"}}, {"linkedinLink.primaryLinkUrl": ""}),
    ({"linkedinLink": {"secondaryLinks": []}}, {"linkedinLink.primaryLinkUrl": ""}),
    ({"name": None, "emails": None, "phones": None, "linkedinLink": None}, FULL),
    ({"jobTitle": None}, {"jobTitle": ""}),
    ({"jobTitle": ""}, {"jobTitle": ""}),
]


@pytest.mark.parametrize("way", ["patch", "upsert"])
@pytest.mark.parametrize(("sent", "left"), PARTIAL)
def test_a_partial_composite_erases_by_its_own_rule(
    twenty: httpx.Client, way: str, sent: dict[str, Any], left: dict[str, Any]
) -> None:
    twenty.post("/people", json={"id": PERSON, **FULL}).raise_for_status()
    if way == "patch":
        person = twenty.patch(f"/people/{PERSON}", json=sent).json()["data"]["updatePerson"]
    else:
        person = twenty.post("/people?upsert=true", json={"id": PERSON, **sent}).json()["data"]["createPerson"]
    assert {path: part(person, path) for path in left} == left


NORMALISED = [
    # sent, path, stored                                         section 3, Normalisation
    ({"emails": {"primaryEmail": "Ann@Example.COM"}}, "emails.primaryEmail", "ann@example.com"),
    ({"emails": {"primaryEmail": "a@b"}}, "emails.primaryEmail", "a@b"),
    ({"emails": {"additionalEmails": ["X@Y.com"]}}, "emails.additionalEmails", ["x@y.com"]),
    ({"phones": {"primaryPhoneNumber": "+1 (202) 555-0123"}}, "phones.primaryPhoneNumber", "2025550123"),
    ({"phones": {"primaryPhoneNumber": "+1 (202) 555-0123"}}, "phones.primaryPhoneCountryCode", "US"),
    ({"phones": {"primaryPhoneNumber": "+1 (202) 555-0123"}}, "phones.primaryPhoneCallingCode", "+1"),
    (
        {"phones": {"primaryPhoneNumber": "06 12 34 56 78", "primaryPhoneCountryCode": "FR"}},
        "phones.primaryPhoneNumber",
        "612345678",
    ),
    (
        {"phones": {"primaryPhoneNumber": "7911123456", "primaryPhoneCallingCode": "+44"}},
        "phones.primaryPhoneCountryCode",
        "GG",
    ),
    (
        {"phones": {"primaryPhoneNumber": "2025550123", "primaryPhoneCallingCode": "1"}},
        "phones.primaryPhoneCallingCode",
        "1",
    ),
    (
        {"phones": {"additionalPhones": [{"number": "+33 6 12 34 56 78"}]}},
        "phones.additionalPhones",
        [{"number": "612345678", "callingCode": "+33", "countryCode": "FR"}],
    ),
    ({"phones": {"additionalPhones": ["+33612345678"]}}, "phones.additionalPhones", [{}]),
    (
        {"linkedinLink": {"primaryLinkUrl": "HTTPS://www.LinkedIn.com/in/Foo/"}},
        "linkedinLink.primaryLinkUrl",
        "https://www.linkedin.com/in/Foo",
    ),
    ({"jobTitle": "  kept \r\n é 🙂 "}, "jobTitle", "  kept \r\n é 🙂 "),
    ({"updatedAt": "2020-01-02T03:04:05.678Z"}, "updatedAt", "2020-01-02T03:04:05.678Z"),  # section 6
    ({"createdAt": "2020-01-02T03:04:05+02:00"}, "createdAt", "2020-01-02T01:04:05.000Z"),  # section 6
    ({"createdBy": {"source": "IMPORT", "name": "x"}}, "createdBy.source", "IMPORT"),  # section 6
    ({"updatedBy": {"source": "MANUAL", "name": "x"}}, "updatedBy.source", "API"),  # section 6
]


@pytest.mark.parametrize(("sent", "path", "stored"), NORMALISED)
def test_normalisation(twenty: httpx.Client, sent: dict[str, Any], path: str, stored: Any) -> None:
    response = twenty.post("/people", json=sent)
    assert response.status_code == 201, response.text
    assert part(response.json()["data"]["createPerson"], path) == stored


REFUSED = [
    # sent, status, code, part of the message                    section 4
    ({"phones": {"primaryPhoneNumber": "123"}}, 400, "INVALID_PHONE_NUMBER", "Provided phone number is invalid 123"),
    (
        {"phones": {"primaryPhoneNumber": "2025550123", "primaryPhoneCountryCode": "ZZ"}},
        400,
        "INVALID_PHONE_COUNTRY_CODE",
        "Invalid country code ZZ",
    ),
    (
        {"phones": {"primaryPhoneNumber": "2025550123", "primaryPhoneCountryCode": "us"}},
        400,
        "INVALID_PHONE_COUNTRY_CODE",
        "Invalid country code us",
    ),
    (
        {"phones": {"primaryPhoneNumber": "+33612345678", "primaryPhoneCountryCode": "US"}},
        400,
        "CONFLICTING_PHONE_COUNTRY_CODE",
        "conflicting",
    ),
    (
        {"phones": {"primaryPhoneCountryCode": "US", "primaryPhoneCallingCode": "+33"}},
        400,
        "CONFLICTING_PHONE_CALLING_CODE_AND_COUNTRY_CODE",
        "conflicting",
    ),
    (
        {"emails": {"primaryEmail": "x"}},
        400,
        None,
        "Invalid string value 'x' for email field \"emails.primaryEmail\"",
    ),
    ({"emails": {"primaryEmail": " a@b.com"}}, 400, None, "for email field"),
    ({"id": "x"}, 400, "INVALID_QUERY_INPUT", 'Value "x" is not a valid UUID'),
    ({"companyId": "x"}, 400, "INVALID_QUERY_INPUT", "Invalid UUID value 'x' for field \"companyId\""),
    ({"companyId": PERSON}, 400, None, 'insert or update on table "person" violates foreign key constraint "FK_'),
    ({"nosuch": 1}, 400, None, 'Object person doesn\'t have any "nosuch" field.'),
    ({"city": "Rome"}, 400, None, 'Object person doesn\'t have any "city" field.'),  # section 2
    ({"emails": {"nosuch": 1}}, 400, None, 'Invalid subfield nosuch for emails field "emails"'),
    ({"jobTitle": 5}, 400, None, 'Invalid string value 5 for text field "jobTitle"'),
    ({"linkedinLink": {"primaryLinkUrl": "no url"}}, 400, "INVALID_URL", ""),
    ({"searchVector": "x"}, 400, None, "searchVector TS_VECTOR-typed field does not support write operations"),
    ({"jobTitle": "a\x00b"}, 500, None, "Data validation error."),
]


@pytest.mark.parametrize("way", ["post", "batch", "patch"])
@pytest.mark.parametrize(("sent", "status", "code", "text"), REFUSED)
def test_refused_values_change_nothing(
    twenty: httpx.Client, way: str, sent: dict[str, Any], status: int, code: str | None, text: str
) -> None:
    if way == "post":
        response = twenty.post("/people", json=sent)
    elif way == "batch":
        response = twenty.post("/batch/people", json=[{"jobTitle": "fine"}, sent])
    else:
        twenty.post("/people", json={"id": PERSON})
        response = twenty.patch(f"/people/{PERSON}", json=sent)
        # An unknown company or a bad value leaves the row as it was.
        assert twenty.get(f"/people/{PERSON}").json()["data"]["person"]["jobTitle"] == ""
    body = response.json()
    assert (response.status_code, body["statusCode"], body.get("code")) == (status, status, code)
    assert text in body["messages"][0]
    assert twenty.get("/people").json()["totalCount"] == (1 if way == "patch" else 0)


def test_a_national_number_needs_its_country_sent_along(twenty: httpx.Client) -> None:
    """Section 3: the country that the row holds is not used."""
    twenty.post("/people", json={"id": PERSON, **FULL})
    response = twenty.patch(f"/people/{PERSON}", json={"phones": {"primaryPhoneNumber": "2025550177"}})
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_PHONE_NUMBER")


def test_malformed_json_is_refused_in_the_other_shape(twenty: httpx.Client) -> None:
    """Section 4."""
    response = twenty.post("/people", content=b"{nope")
    assert response.status_code == 400
    assert set(response.json()) == {"message", "error", "statusCode"}


def test_a_body_above_ten_megabytes_is_a_bare_string(twenty: httpx.Client) -> None:
    """Section 4: 500, not 413."""
    response = twenty.post("/people", content=b'{"jobTitle":"' + b"x" * (10 * 1024 * 1024) + b'"}')
    assert (response.status_code, response.json()) == (500, "request entity too large")


CUSTOM_VALUES = [
    # field, sent, stored                                        section 7, Values
    ("text", None, ""),
    ("text", "", ""),
    ("flag", True, True),
    ("flag", None, None),
    ("day", "1990-02-03", "1990-02-03"),
    ("day", "03/02/1990", "1990-03-02"),
    ("day", None, None),
    ("moment", "2020-01-02T03:04:05.678912+02:00", "2020-01-02T01:04:05.678Z"),
    ("figure", 1.5, 1.5),
    ("figure", 2.0, 2),
    ("figure", 12345678901234567, 12345678901234568),
    ("category", "A", "A"),
    ("category", None, None),
    ("tags", "RED", ["RED"]),
    ("tags", ["RED", "BLUE"], ["RED", "BLUE"]),
    ("tags", None, []),
    ("words", "one", ["one"]),
    ("words", [], []),
    ("data", {"bb": 1, "a": [1.5, None]}, {"a": [1.5, None], "bb": 1}),
    ("data", [1], [1]),
    ("data", '{"a": 1}', {"a": 1}),
    ("data", {}, None),
    ("token", "AAAAAAAA-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000001"),
]


@pytest.mark.parametrize(("name", "sent", "stored"), CUSTOM_VALUES)
def test_values_of_custom_fields(custom: httpx.Client, name: str, sent: Any, stored: Any) -> None:
    response = custom.patch(f"/people/{PERSON}", json={name: sent})
    assert response.status_code == 200, response.text
    assert response.json()["data"]["updatePerson"][name] == stored
    assert custom.get(f"/people/{PERSON}").json()["data"]["person"][name] == stored


CUSTOM_REFUSED = [
    ("text", 5),
    ("flag", "true"),
    ("flag", 1),
    ("day", ""),
    ("day", "someday"),
    ("figure", "1.5"),
    ("category", ""),
    ("category", "a"),
    ("category", "C"),
    ("tags", ["GREEN"]),
    ("data", "text"),
    ("data", 5),
    ("token", "x"),
]


@pytest.mark.parametrize(("name", "sent"), CUSTOM_REFUSED)
def test_refused_values_of_custom_fields(custom: httpx.Client, name: str, sent: Any) -> None:
    response = custom.patch(f"/people/{PERSON}", json={name: sent})
    assert response.status_code == 400
    assert name in response.json()["messages"][0]


def test_the_key_order_of_json_is_not_kept(custom: httpx.Client) -> None:
    """Section 3: jsonb sorts keys by length, then by bytes."""
    response = custom.patch(f"/people/{PERSON}", json={"data": {"long": 1, "b": 2, "a": 3}})
    assert list(response.json()["data"]["updatePerson"]["data"]) == ["a", "b", "long"]


CUSTOM_FILTERS = [
    # filter, does it match                                      section 1, Filter
    ("category[eq]:A", True),
    ("category[in]:[A,B]", True),
    ("category[eq]:B", False),
    ("tags[containsAny]:[BLUE]", True),
    ("tags[containsAny]:[RED]", False),
    ("flag[eq]:true", True),
    ("day[gte]:1990-01-01", True),
    ("figure[gt]:2.5", True),
    ("data[is]:NOT_NULL", True),
    ("data[like]:%25needle%25", True),
    ("words[is]:NULL", True),
]


@pytest.mark.parametrize(("text", "matches"), CUSTOM_FILTERS)
def test_filters_on_custom_fields(custom: httpx.Client, text: str, matches: bool) -> None:
    values = {"category": "A", "tags": ["BLUE"], "flag": True, "day": "1990-02-03", "figure": 3}
    custom.patch(f"/people/{PERSON}", json=values | {"data": {"a": "needle"}, "words": []}).raise_for_status()
    assert custom.get(f"/people?filter={text}").json()["totalCount"] == int(matches)
