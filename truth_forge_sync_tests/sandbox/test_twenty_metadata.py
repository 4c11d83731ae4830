"""Custom fields: made, changed and dropped while people are there: facts, section 7."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from truth_forge_sync.sandbox.twenty import create_twenty_app
from truth_forge_sync.sandbox.twenty.in_process import connect

KEY = "key"


@pytest.fixture
def twenty() -> Iterator[httpx.Client]:
    with connect(create_twenty_app(None, KEY, None), KEY) as client:
        yield client


def person_object(twenty: httpx.Client) -> dict[str, Any]:
    objects = twenty.get("/metadata/objects").json()["data"]["objects"]
    found: dict[str, Any] = next(item for item in objects if item["nameSingular"] == "person")
    return found


def make_field(twenty: httpx.Client, **body: Any) -> httpx.Response:
    defaults = {"objectMetadataId": person_object(twenty)["id"], "label": "Label", "type": "TEXT"}
    return twenty.post("/metadata/fields", json=defaults | body)


def made(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 201, response.text
    field: dict[str, Any] = response.json()["data"]["createOneField"]
    return field


def test_the_objects_have_their_fields_inline(twenty: httpx.Client) -> None:
    person = person_object(twenty)
    assert {"id", "emails", "phones", "company"} <= {field["name"] for field in person["fields"]}
    emails = next(field for field in person["fields"] if field["name"] == "emails")
    assert (emails["type"], emails["isUnique"], emails["isCustom"]) == ("EMAILS", True, False)


def test_a_new_field_is_usable_at_once_also_on_rows_that_exist(twenty: httpx.Client) -> None:
    twenty.post("/people", json={"jobTitle": "old"})
    field = made(make_field(twenty, name="externalId", isUnique=True))
    assert {"id", "name", "label", "type", "isUnique", "isNullable"} <= set(field)
    assert twenty.get("/people").json()["data"]["people"][0]["externalId"] == ""
    assert field["id"] in {item["id"] for item in person_object(twenty)["fields"]}


def test_a_unique_field_is_unique_and_an_upsert_matches_on_it(twenty: httpx.Client) -> None:
    made(make_field(twenty, name="externalId", isUnique=True))
    first = twenty.post("/people", json={"externalId": "x"}).json()["data"]["createPerson"]
    clash = twenty.post("/people", json={"externalId": "x"})
    assert (clash.status_code, clash.json()["messages"]) == (400, ["A duplicate entry was detected"])
    again = twenty.post("/people?upsert=true", json={"externalId": "x", "jobTitle": "new"})
    assert again.json()["data"]["createPerson"]["id"] == first["id"]
    assert twenty.post("/batch/people", json=[{"externalId": ""}, {"externalId": None}, {}]).status_code == 201


def test_a_field_can_become_unique_if_its_values_are(twenty: httpx.Client) -> None:
    field = made(make_field(twenty, name="externalId"))
    twenty.post("/batch/people", json=[{"externalId": "x"}, {"externalId": "x"}])
    assert twenty.patch(f"/metadata/fields/{field['id']}", json={"isUnique": True}).status_code == 400
    twenty.patch("/people?filter=externalId[eq]:x", json={"externalId": ""})
    changed = twenty.patch(f"/metadata/fields/{field['id']}", json={"isUnique": True, "label": "New"})
    assert changed.json()["data"]["updateOneField"]["isUnique"] is True
    twenty.post("/people", json={"externalId": "y"})
    assert twenty.post("/people", json={"externalId": "y"}).status_code == 400


def test_a_dropped_field_is_gone(twenty: httpx.Client) -> None:
    field = made(make_field(twenty, name="externalId", isUnique=True))
    response = twenty.delete(f"/metadata/fields/{field['id']}")
    assert (response.status_code, response.json()["data"]["deleteOneField"]["id"]) == (200, field["id"])
    assert twenty.post("/people", json={"externalId": "x"}).status_code == 400


NAMES = [
    # name, code of the refusal
    ("x" * 64, "INVALID_FIELD_INPUT"),
    ("with_underscore", "INVALID_FIELD_INPUT"),
    ("Capital", "INVALID_FIELD_INPUT"),
    ("with space", "INVALID_FIELD_INPUT"),
    ("accenté", "INVALID_FIELD_INPUT"),
    ("links", "RESERVED_KEYWORD"),
    ("nameFirstName", "RESERVED_KEYWORD"),
    ("jobTitle", "NOT_AVAILABLE"),
    ("company", "NOT_AVAILABLE"),
    ("taken", "NOT_AVAILABLE"),
]


@pytest.mark.parametrize(("name", "code"), NAMES)
def test_refused_names(twenty: httpx.Client, name: str, code: str) -> None:
    made(make_field(twenty, name="taken"))
    body = make_field(twenty, name=name).json()
    assert (body["statusCode"], body["error"]) == (400, "METADATA_VALIDATION_ERROR")
    (error,) = body["errors"]["fieldMetadata"][0]["errors"]
    assert (error["code"], error["value"]) == (code, name)


DEFINITIONS: list[dict[str, Any]] = [
    {"type": "NUMERIC"},
    {"type": "NOSUCH"},
    {"type": "SELECT"},
    {"type": "SELECT", "options": []},
    {"type": "SELECT", "options": [{"value": "lower", "label": "x"}]},
    {"type": "SELECT", "options": [{"value": "A", "label": "x"}, {"value": "A", "label": "y"}]},
    {"objectMetadataId": "00000000-0000-4000-8000-000000000001"},
]


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_refused_definitions(twenty: httpx.Client, definition: dict[str, Any]) -> None:
    response = make_field(twenty, name="fine", **definition)
    assert (response.status_code, response.json()["error"]) == (400, "METADATA_VALIDATION_ERROR")


def test_a_missing_name_is_refused_in_the_frameworks_shape(twenty: httpx.Client) -> None:
    response = make_field(twenty)
    assert response.status_code == 400
    assert set(response.json()) == {"message", "error", "statusCode"}
    assert isinstance(response.json()["message"], list)


def test_fields_come_in_pages(twenty: httpx.Client) -> None:
    names: list[str] = []
    cursor = ""
    while True:
        page = twenty.get(f"/metadata/fields?limit=5{cursor}").json()
        names += [field["id"] for field in page["data"]["fields"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        cursor = f"&starting_after={page['pageInfo']['endCursor']}"
    assert len(names) == len(set(names)) == page["totalCount"]


def test_a_default_value_fills_new_rows(twenty: httpx.Client) -> None:
    options = [{"value": value, "label": value} for value in ("A", "B")]
    made(make_field(twenty, name="category", type="SELECT", options=options, defaultValue="'A'"))
    assert twenty.post("/people", json={}).json()["data"]["createPerson"]["category"] == "A"
    assert twenty.post("/people", json={"category": None}).json()["data"]["createPerson"]["category"] is None


def test_custom_fields_survive_a_restart(tmp_path: Path) -> None:
    database = tmp_path / "twenty.sqlite"
    with connect(create_twenty_app(database, KEY, None), KEY) as twenty:
        field = made(make_field(twenty, name="externalId", isUnique=True))
        twenty.post("/people", json={"externalId": "x"})
    with connect(create_twenty_app(database, KEY, None), KEY) as twenty:
        assert field in person_object(twenty)["fields"]
        assert twenty.get("/people").json()["data"]["people"][0]["externalId"] == "x"
