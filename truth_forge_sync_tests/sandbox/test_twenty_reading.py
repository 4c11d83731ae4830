"""What GET on people answers: facts, sections 1 and 2."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from truth_forge_sync.sandbox.twenty import create_twenty_app
from truth_forge_sync.sandbox.twenty.in_process import connect

KEY = "key"
SECOND = 1_000_000


class Ticking:
    """A clock that stands still until it is moved; stamps of one instant still differ by a microsecond."""

    def __init__(self) -> None:
        self.micros = 1_790_000_000 * SECOND

    def __call__(self) -> int:
        return self.micros


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def twenty(clock: Ticking) -> Iterator[httpx.Client]:
    app = create_twenty_app(None, KEY, None, clock=clock)
    with connect(app, KEY) as client:
        yield client


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def people(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["data"]["people"]
    return found


def message(response: httpx.Response) -> str:
    return str(response.json()["messages"][0])


def make(twenty: httpx.Client, *rows: dict[str, Any]) -> None:
    for start in range(0, len(rows), 200):
        response = twenty.post("/batch/people", json=rows[start : start + 200])
        assert response.status_code == 201, response.text


def test_a_person_has_the_sixteen_keys_of_section_2_and_empty_values_in_their_shapes(twenty: httpx.Client) -> None:
    person = twenty.post("/people", json={}).json()["data"]["createPerson"]
    stamps = {"createdAt": person["createdAt"], "updatedAt": person["updatedAt"], "id": person["id"]}
    actor: dict[str, Any] = {"source": "API", "workspaceMemberId": None, "name": "sandbox", "context": {}}
    assert person == stamps | {
        "deletedAt": None,
        "name": {"firstName": "", "lastName": ""},
        "emails": {"primaryEmail": "", "additionalEmails": []},
        "linkedinLink": {"primaryLinkLabel": "", "primaryLinkUrl": "", "secondaryLinks": []},
        "jobTitle": "",
        "phones": {
            "primaryPhoneNumber": "",
            "primaryPhoneCountryCode": "",
            "primaryPhoneCallingCode": "",
            "additionalPhones": [],
        },
        "avatarUrl": "",
        "avatarFile": None,
        "position": 0,
        "createdBy": actor,
        "updatedBy": actor,
        "searchVector": "",
        "companyId": None,
    }
    assert list(person)[:4] == ["id", "createdAt", "updatedAt", "deletedAt"]


LIMITS = [
    # limit, rows, hasNextPage                                  section 1, first bullet
    ("", 60, True),
    ("limit=1", 1, True),
    ("limit=200", 200, True),
    ("limit=500", 200, True),
    ("limit=0", 0, True),
    ("limit=1.5", 2, True),
]


@pytest.mark.parametrize(("query", "rows", "more"), LIMITS)
def test_limit(twenty: httpx.Client, query: str, rows: int, more: bool) -> None:
    make(twenty, *[{"id": uid(n)} for n in range(201)])
    answer = twenty.get(f"/people?{query}").json()
    assert len(answer["data"]["people"]) == rows
    assert answer["totalCount"] == 201
    assert answer["pageInfo"]["hasNextPage"] is more
    assert answer["pageInfo"]["hasPreviousPage"] is False


REFUSED_QUERIES = [
    # query, status, code, part of the message                   section 1
    ("limit=abc", 400, None, "limit 'abc' is invalid. Should be an integer"),
    ("limit=-1", 400, None, "limit '-1' is invalid. Should be an integer"),
    ("depth=2", 400, None, "'depth=2' parameter invalid"),
    ("starting_after=garbage", 400, None, "Invalid cursor: garbage"),
    ("order_by=jobTitle[asc]", 400, None, "'order_by' direction 'asc' invalid"),
    ("order_by=nosuch", 400, "FIELD_NOT_FOUND", "nosuch"),
    ("filter=nosuch[eq]:x", 400, None, 'Object person doesn\'t have any "nosuch" field.'),
    ("filter=emails[eq]:x", 400, None, 'Sub field "eq" not found'),
    (
        "filter=and(jobTitle[eq]:x,or(jobTitle[eq]:y)",
        400,
        None,
        "'filter' invalid. 1 close bracket is missing in the query",
    ),
    ("filter=id[in]:[]", 400, None, "array value expected"),
    ("filter=id[eq]:x", 400, "INVALID_QUERY_INPUT", 'Value "x" is not a valid UUID'),
    ("filter=jobTitle[nosuch]:x", 400, None, "comparator nosuch not in"),
    ("filter=emails.additionalEmails[eq]:x", 400, None, "not supported"),
    ('filter=updatedAt[gte]:"2026-11-22T23:13:20.319103Z"', 400, None, "for date-time field"),
]


@pytest.mark.parametrize(("query", "status", "code", "text"), REFUSED_QUERIES)
def test_refused_queries(twenty: httpx.Client, query: str, status: int, code: str | None, text: str) -> None:
    response = twenty.get(f"/people?{query}")
    assert (response.status_code, response.json().get("code")) == (status, code)
    assert text in message(response)
    assert response.json()["error"] == "BadRequestException"


FILTERS = [
    # filter, numbers of the people that match                   section 1, Filter
    ("jobTitle[eq]:Engineer", [1]),
    ('jobTitle[eq]:"Engineer"', [1]),
    ("jobTitle[eq]:engineer", []),  # case-sensitive
    ("jobTitle[ilike]:ENG%", [1, 2]),
    ("jobTitle[like]:ENG%", []),
    ("jobTitle[startsWith]:Engin", [1, 2]),
    ("jobTitle[endsWith]:(x)", [2]),
    ('jobTitle[eq]:"Engineer, "Sr" (x)"', [2]),  # inner quotes are written raw
    (r'jobTitle[eq]:"Engineer, \"Sr\" (x)"', []),
    ("jobTitle[in]:[Engineer,Cook]", [1, 3]),
    ("jobTitle[neq]:Engineer", [2, 3]),
    ('jobTitle[eq]:""', [4]),  # '' and null are the same
    ("jobTitle[is]:NULL", [4]),
    ("jobTitle[is]:NOT_NULL", [1, 2, 3]),
    ('jobTitle[eq]:"NULL"', [4]),  # the literal means SQL null
    ("name.firstName[eq]:Ann,jobTitle[eq]:Cook", [3]),  # a bare list is and
    ("and(name.firstName[eq]:Ann,not(jobTitle[eq]:Cook))", [1]),
    ("or(jobTitle[eq]:Cook,and(name.firstName[eq]:Ben,jobTitle[is]:NULL))", [3, 4]),
    ("emails.primaryEmail[eq]:ann@example.com", [1]),
    ("emails.additionalEmails[like]:%25other%25", [3]),
    ("emails.additionalEmails[is]:NULL", [1, 2, 4]),
    ("company.name[eq]:Acme", [2]),
    ("companyId[is]:NOT_NULL", [2]),
    (f"id[in]:[{uid(1)},{uid(4)},{uid(9)}]", [1, 4]),
    (f"id[gt]:{uid(2)}", [3, 4]),
    ("createdBy.source[eq]:IMPORT", [4]),
    ("position[lt]:-1", [3, 4]),
]


@pytest.mark.parametrize(("text", "numbers"), FILTERS)
def test_filters(twenty: httpx.Client, text: str, numbers: list[int]) -> None:
    twenty.post("/companies", json={"id": uid(50), "name": "Acme"})
    make(
        twenty,
        {
            "id": uid(1),
            "name": {"firstName": "Ann"},
            "jobTitle": "Engineer",
            "emails": {"primaryEmail": "Ann@Example.com"},
        },
        {"id": uid(2), "name": {"firstName": "Ben"}, "jobTitle": 'Engineer, "Sr" (x)', "companyId": uid(50)},
        {
            "id": uid(3),
            "name": {"firstName": "Ann"},
            "jobTitle": "Cook",
            "emails": {"additionalEmails": ["other@x.com"]},
        },
        {"id": uid(4), "name": {"firstName": "Ben"}, "createdBy": {"source": "IMPORT"}},
    )
    answer = twenty.get(f"/people?filter={text}")
    assert [row["id"] for row in people(answer)] == [uid(number) for number in numbers]
    assert answer.json()["totalCount"] == len(numbers)


STAMP = "2026-11-22T23:13:20.807Z"
INSTANT_FILTERS = [
    # the row's stamp has 807 ms and a remainder of microseconds   section 1, updatedAt
    (f'updatedAt[eq]:"{STAMP}"', True),
    (f'updatedAt[gte]:"{STAMP}"', True),
    (f'updatedAt[gt]:"{STAMP}"', False),
    (f'updatedAt[lte]:"{STAMP}"', True),
    (f'updatedAt[lt]:"{STAMP}"', False),
    (f'updatedAt[neq]:"{STAMP}"', False),
    (f"updatedAt[in]:[{STAMP}]", True),
    ('updatedAt[gt]:"2026-11-22T23:13:20.806Z"', True),
    ('updatedAt[lt]:"2026-11-22T23:13:20.808Z"', True),
    ("updatedAt[gte]:2026-11-22", True),
    ("updatedAt[gte]:2026-11-23", False),
    ('updatedAt[gte]:"2026-11-22 23:13:20"', True),
    ('updatedAt[gte]:"2026-11-22T23:13:20%2B00:00"', True),
]


@pytest.mark.parametrize(("text", "matches"), INSTANT_FILTERS)
def test_instants_compare_by_the_millisecond(twenty: httpx.Client, clock: Ticking, text: str, matches: bool) -> None:
    clock.micros = 1_795_389_200_807_319
    person = twenty.post("/people", json={}).json()["data"]["createPerson"]
    assert person["updatedAt"] == STAMP
    assert bool(people(twenty.get(f"/people?filter={text}"))) is matches


def walk(twenty: httpx.Client, query: str) -> list[str]:
    """Ids seen by following endCursor to the end."""
    seen: list[str] = []
    cursor = ""
    for _ in range(50):
        page = twenty.get(f"/people?{query}{cursor}").json()
        seen += [row["id"] for row in page["data"]["people"]]
        if not page["pageInfo"]["hasNextPage"]:
            return seen
        cursor = f"&starting_after={page['pageInfo']['endCursor']}"
    raise AssertionError("the list has no end")


def test_the_default_order_is_by_id_and_its_cursor_misses_nothing(twenty: httpx.Client) -> None:
    make(twenty, *[{"id": uid(n)} for n in reversed(range(25))])
    assert walk(twenty, "limit=4") == [uid(n) for n in range(25)]
    page = twenty.get("/people?limit=4").json()
    assert json.loads(base64.b64decode(page["pageInfo"]["endCursor"])) == {"id": uid(3)}


TRAP = [
    # limit, rows seen, distinct rows of six                      section 1, DANGER
    (1, 1, 1),
    (2, 3, 2),
    (3, 5, 3),
]


@pytest.mark.parametrize(("limit", "seen", "distinct"), TRAP)
def test_order_by_updated_at_skips_rows_of_one_millisecond(
    twenty: httpx.Client, limit: int, seen: int, distinct: int
) -> None:
    for number in reversed(range(6)):
        twenty.post("/people", json={"id": uid(number)})
    found = walk(twenty, f"order_by=updatedAt&limit={limit}")
    assert (len(found), len(set(found))) == (seen, distinct)


def test_order_by_updated_at_is_right_for_rows_of_one_microsecond(twenty: httpx.Client) -> None:
    """Section 1: 1,200 ties, 1,200 rows seen."""
    make(twenty, *[{"id": uid(n)} for n in range(30)])
    assert len(set(walk(twenty, "order_by=updatedAt&limit=7"))) == 30


def test_a_closed_lower_bound_in_id_order_misses_nothing(twenty: httpx.Client) -> None:
    """Section 1: the way to read changes."""
    for number in reversed(range(6)):
        twenty.post("/people", json={"id": uid(number)})
    stamp = people(twenty.get("/people"))[0]["updatedAt"]
    assert walk(twenty, f'filter=updatedAt[gte]:"{stamp}"&limit=2') == [uid(n) for n in range(6)]


ORDERS = [
    ("order_by=name.firstName", [3, 1, 2]),  # AscNullsFirst is the default
    ("order_by=name.firstName[AscNullsLast]", [1, 2, 3]),
    ("order_by=name.firstName[DescNullsFirst]", [3, 2, 1]),
    ("order_by=name.firstName[DescNullsLast],id", [2, 1, 3]),
    ("order_by=id[DescNullsLast]", [3, 2, 1]),
]


@pytest.mark.parametrize(("query", "numbers"), ORDERS)
def test_order_by(twenty: httpx.Client, query: str, numbers: list[int]) -> None:
    make(twenty, {"id": uid(1), "name": {"firstName": "A"}}, {"id": uid(2), "name": {"firstName": "B"}}, {"id": uid(3)})
    expected = [uid(number) for number in numbers]
    assert [row["id"] for row in people(twenty.get(f"/people?{query}"))] == expected
    assert walk(twenty, f"{query}&limit=1") == expected


def test_the_total_does_not_depend_on_the_cursor(twenty: httpx.Client) -> None:
    make(twenty, *[{"id": uid(n)} for n in range(5)])
    cursor = twenty.get("/people?limit=3").json()["pageInfo"]["endCursor"]
    page = twenty.get(f"/people?limit=3&starting_after={cursor}").json()
    assert (page["totalCount"], len(page["data"]["people"])) == (5, 2)


def test_a_cursor_that_is_json_but_no_object_is_ignored(twenty: httpx.Client) -> None:
    make(twenty, {"id": uid(1)})
    assert len(people(twenty.get(f"/people?starting_after={base64.b64encode(b'2026').decode()}"))) == 1


def test_ending_before_answers_the_page_before_with_swapped_cursors(twenty: httpx.Client) -> None:
    make(twenty, *[{"id": uid(n)} for n in range(6)])
    cursor = base64.b64encode(json.dumps({"id": uid(4)}).encode()).decode()
    page = twenty.get(f"/people?limit=2&ending_before={cursor}").json()
    ends = [json.loads(base64.b64decode(page["pageInfo"][name]))["id"] for name in ("startCursor", "endCursor")]
    assert [row["id"] for row in page["data"]["people"]] == [uid(2), uid(3)]
    assert ends == [uid(3), uid(2)]
    assert page["pageInfo"]["hasNextPage"] is False


def test_depth_one_adds_the_company_and_lists(twenty: httpx.Client) -> None:
    twenty.post("/companies", json={"id": uid(50), "name": "Acme"})
    make(twenty, {"id": uid(1), "companyId": uid(50)}, {"id": uid(2)})
    with_company, without = people(twenty.get("/people?depth=1"))
    assert with_company["company"]["name"] == "Acme"
    assert with_company["noteTargets"] == []
    assert without["company"] is None
    assert "company" not in people(twenty.get("/people"))[0]
    assert twenty.get(f"/people/{uid(1)}?depth=1").json()["data"]["person"]["company"]["id"] == uid(50)


ONE = [
    # path, status, message                                       section 1, GET one
    (f"/people/{uid(1)}", 200, None),
    (f"/people/{uid(9)}", 404, "Record not found"),
    ("/people/x", 400, "'x' is not a valid UUID"),
    ("/nosuch", 400, "object 'nosuch' not found. eg: companies"),
    (f"/restore/people/{uid(1)}", 400, f"Query path '/rest/restore/people/{uid(1)}' invalid"),
]


@pytest.mark.parametrize(("path", "status", "text"), ONE)
def test_get_one(twenty: httpx.Client, path: str, status: int, text: str | None) -> None:
    make(twenty, {"id": uid(1)})
    response = twenty.get(path)
    assert response.status_code == status
    if text is None:
        assert response.json()["data"]["person"]["id"] == uid(1)
    else:
        assert text in message(response)


def test_a_filter_takes_200_ids_and_not_500(twenty: httpx.Client) -> None:
    """Section 1: Node's limit of 16 KB for request line and headers."""
    make(twenty, *[{"id": uid(n)} for n in range(200)])
    ids = list(itertools.islice(map(uid, itertools.count()), 500))
    assert len(people(twenty.get(f"/people?limit=200&filter=id[in]:[{','.join(ids[:200])}]"))) == 200
    assert twenty.get(f"/people?filter=id[in]:[{','.join(ids)}]").status_code == 431
