"""How the stand-in refuses: the codes that the official client shows, and the HTTP statuses that it hides."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from postgrest.exceptions import APIError
from postgrest.types import CountMethod
from supabase import Client

from truth_forge_sync.sandbox.faults import Drop, Hang
from truth_forge_sync_tests.sandbox.supabase_project import KEY, Project

Query = Callable[[Client], Any]

REFUSALS: list[tuple[str, Query, int, str]] = [
    # what, query, HTTP status, code: all from the facts' list of errors unless said otherwise
    ("unique", lambda c: c.table("visits").insert({"id": 1, "place": "x"}), 409, "23505"),
    (
        "foreign key",
        lambda c: c.table("visits").insert({"id": 2, "place": "x", "contact": str(uuid.uuid4())}),
        409,
        "23503",
    ),
    ("not null", lambda c: c.table("visits").insert({"id": 2}), 400, "23502"),
    ("unknown column on write", lambda c: c.table("visits").insert({"id": 2, "nope": 1}), 400, "PGRST204"),
    ("unknown column on update", lambda c: c.table("visits").update({"nope": 1}).eq("id", 1), 400, "PGRST204"),
    ("unknown column on read", lambda c: c.table("visits").select("nope"), 400, "42703"),
    ("unknown column in a filter", lambda c: c.table("visits").select("*").eq("nope", 1), 400, "42703"),
    ("bad uuid", lambda c: c.table("contacts_master").select("*").eq("id", "x"), 400, "22P02"),
    ("bad timestamp", lambda c: c.table("contacts_master").select("*").gt("updated_at", "x"), 400, "22007"),
    ("bad date", lambda c: c.table("contacts_master").insert({"birthday": "1990-02-31"}), 400, "22008"),
    ("U+0000", lambda c: c.table("contacts_master").insert({"notes": "a\0b"}), 400, "22P05"),
    ("unknown table", lambda c: c.table("nope").select("*"), 404, "PGRST205"),
    ("unknown function", lambda c: c.rpc("nope", {}), 404, "PGRST202"),
    (
        "range past the end",
        lambda c: c.table("visits").select("*", count=CountMethod.exact).range(10, 19),
        416,
        "PGRST103",
    ),
    ("single of none", lambda c: c.table("visits").select("*").eq("id", 9).single(), 406, "PGRST116"),
    ("aggregate", lambda c: c.table("visits").select("stars.max()"), 400, "PGRST123"),
    ("update of all", lambda c: c.table("visits").update({"stars": 1}), 400, "21000"),
    ("delete of all", lambda c: c.table("visits").delete(), 400, "21000"),
    (
        "a key twice in one upsert",
        lambda c: c.table("visits").upsert([{"id": 5, "place": "a"}, {"id": 5, "place": "b"}]),
        500,
        "21000",
    ),
    ("unparsable filter", lambda c: c.table("visits").select("*").filter("id", "nope", "1"), 400, "PGRST100"),
    ("unparsable logic", lambda c: c.table("visits").select("*").or_("id"), 400, "PGRST100"),
    ("no such conflict target", lambda c: c.table("visits").upsert({"id": 1, "place": "x"}, on_conflict="place"), 400,
     "42P10"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "status", "code"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_refusals(project: Project, query: Query, status: int, code: str) -> None:
    project.sql("INSERT INTO visits (id, place) VALUES (1, 'here')")
    answers: list[httpx.Response] = []
    with (
        httpx.Client(event_hooks={"response": [answers.append]}) as http,
        pytest.raises(APIError) as refused,
    ):
        query(project.client(http=http)).execute()
    assert (answers[-1].status_code, refused.value.code) == (status, code)
    assert refused.value.message
    assert project.sql("SELECT id, place, stars FROM visits") == [(1, "here", 3)]


@pytest.mark.parametrize("wrong", ["sb_secret_wrong", "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2ln"])
def test_a_wrong_key_of_either_kind_is_refused_without_a_code(project: Project, wrong: str) -> None:
    """Facts: 401 with `code=None` and message "Invalid API key"."""
    with pytest.raises(APIError) as refused:
        project.client(wrong).table("visits").select("*").execute()
    assert (refused.value.code, refused.value.message) == (None, "Invalid API key")
    assert httpx.get(f"{project.url}/rest/v1/visits").status_code == 401
    assert httpx.get(f"{project.url}/rest/v1/visits", headers={"apikey": KEY}).status_code == 200


@pytest.mark.parametrize(("ids", "passes"), [(400, True), (600, False)])
def test_a_long_list_of_ids_exceeds_the_headers(project: Project, ids: int, passes: bool) -> None:
    """Facts: "`in_()` with 400 uuids passes, 600 gives 431"."""
    query = project.client().table("contacts_master").select("id").in_("id", [str(uuid.uuid4()) for _ in range(ids)])
    if passes:
        assert query.execute().data == []
    else:
        with pytest.raises(APIError) as refused:
            query.execute()
        assert refused.value.code == "431"


def test_a_fault_before_has_no_effect_and_a_fault_after_has(project: Project) -> None:
    table = project.client().table("visits")
    project.faults.before(Drop())
    with pytest.raises(httpx.RemoteProtocolError):
        table.insert({"id": 1, "place": "x"}).execute()
    project.faults.after(Drop())
    with pytest.raises(httpx.RemoteProtocolError):
        table.insert({"id": 2, "place": "x"}).execute()
    assert project.sql("SELECT id FROM visits") == [(2,)]


def test_a_database_that_restarts_answers_again(project: Project) -> None:
    table = project.client().table("visits")
    table.insert({"id": 1, "place": "x"}).execute()
    project.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid()")  # fmt: skip
    with pytest.raises(APIError) as refused:
        table.select("id").execute()
    assert refused.value.code in ("57P01", "PGRST001")
    assert table.select("id").execute().data == [{"id": 1}]


def test_the_client_gives_up_on_a_slow_answer(project: Project) -> None:
    project.faults.before(Hang(seconds=30))
    with httpx.Client(timeout=0.2) as http, pytest.raises(httpx.ReadTimeout):
        project.client(http=http).table("visits").insert({"id": 1, "place": "x"}).execute()
    assert project.sql("SELECT id FROM visits") == []
