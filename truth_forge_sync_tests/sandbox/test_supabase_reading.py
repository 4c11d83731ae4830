"""What the official client reads from the stand-in. "Facts" are measurements of PostgREST over real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from postgrest.types import CountMethod

from truth_forge_sync_tests.sandbox.supabase_project import Project

Query = Callable[[Any], Any]
"""Continues a select() on contacts_master."""

_PEOPLE = """
    INSERT INTO contacts_master (first_name, last_name, city, is_me, birthday, other_emails, llm_context) VALUES
        ('Ann', 'Ōta', 'Köln', true, '1980-02-29', '["a@x.org", "b@x.org"]', '{"mood": "calm", "tags": ["x", "y"]}'),
        ('Ben', 'O"Neil, (Jr.)', NULL, false, NULL, '[]', '{"mood": "brisk"}'),
        ('Cem', 'Uçar', 'köln', NULL, '1999-12-31', NULL, NULL),
        ('Dée', '李', 'Bonn', false, NULL, NULL, NULL);
"""


def _names(answer: Any) -> list[str]:
    return [row["first_name"] for row in answer.data]


FILTERS: list[tuple[str, Query, list[str]]] = [
    ("eq", lambda q: q.eq("city", "Köln"), ["Ann"]),
    ("neq leaves nulls out", lambda q: q.neq("city", "Köln"), ["Cem", "Dée"]),
    ("gt on a date", lambda q: q.gt("birthday", "1980-02-29"), ["Cem"]),
    ("gte on a date", lambda q: q.gte("birthday", "1980-02-29"), ["Ann", "Cem"]),
    ("lt", lambda q: q.lt("first_name", "Ben"), ["Ann"]),
    ("lte", lambda q: q.lte("first_name", "Ben"), ["Ann", "Ben"]),
    ("in", lambda q: q.in_("first_name", ["Ann", "Dée", "Eve"]), ["Ann", "Dée"]),
    ("in with quotes, commas and brackets", lambda q: q.in_("last_name", ['O"Neil, (Jr.)', "x"]), ["Ben"]),
    ("in of nothing", lambda q: q.in_("first_name", []), []),
    ("not in", lambda q: q.not_.in_("first_name", ["Ann", "Ben"]), ["Cem", "Dée"]),
    ("is null", lambda q: q.is_("city", None), ["Ben"]),
    ("is not null", lambda q: q.not_.is_("city", None), ["Ann", "Cem", "Dée"]),
    ("is true", lambda q: q.is_("is_me", True), ["Ann"]),
    ("eq on a boolean", lambda q: q.eq("is_me", False), ["Ben", "Dée"]),
    ("like", lambda q: q.like("city", "K%"), ["Ann"]),
    ("ilike with a star knows accents", lambda q: q.ilike("first_name", "dÉ*"), ["Dée"]),
    ("like any of", lambda q: q.like_any_of("first_name", "A%,B%"), ["Ann", "Ben"]),
    ("filters add up", lambda q: q.ilike("city", "köln").is_("is_me", None), ["Cem"]),
    ("or", lambda q: q.or_("first_name.eq.Ann,city.is.null"), ["Ann", "Ben"]),
    ("or with and inside", lambda q: q.or_("city.eq.Bonn,and(city.eq.Köln,is_me.is.true)"), ["Ann", "Dée"]),
    ("or with not", lambda q: q.or_("city.not.is.null,first_name.eq.Ben"), ["Ann", "Ben", "Cem", "Dée"]),
    ("or with not.and", lambda q: q.or_("not.and(first_name.neq.Ben,first_name.neq.Cem)"), ["Ben", "Cem"]),
    ("or with in", lambda q: q.or_("first_name.in.(Ann,Cem),city.eq.Bonn"), ["Ann", "Cem", "Dée"]),
    ("or with a quoted value", lambda q: q.or_(r'last_name.eq."O\"Neil, (Jr.)",city.eq.Bonn'), ["Ben", "Dée"]),
    ("not or", lambda q: q.not_.or_("first_name.eq.Ann,first_name.eq.Ben"), ["Cem", "Dée"]),
    ("a value in quotes is taken as it is", lambda q: q.eq("city", '"Köln"'), []),
    ("into JSON", lambda q: q.eq("llm_context->>mood", "calm"), ["Ann"]),
    ("JSON contains", lambda q: q.contains("llm_context", {"mood": "brisk"}), ["Ben"]),
    ("a value that looks like SQL", lambda q: q.eq("city", "'; DROP TABLE contacts_master; --"), []),
    ("a value with a percent sign", lambda q: q.eq("city", "100%s"), []),
]


@pytest.mark.parametrize(("query", "expected"), [row[1:] for row in FILTERS], ids=[row[0] for row in FILTERS])
def test_filters(project: Project, query: Query, expected: list[str]) -> None:
    project.sql(_PEOPLE)
    selected = project.client().table("contacts_master").select("first_name").order("first_name")
    assert _names(query(selected).execute()) == expected


ORDERS: list[tuple[str, Query, list[str]]] = [
    ("nulls come last", lambda q: q.order("birthday"), ["Ann", "Cem", "Ben", "Dée"]),
    ("and first when descending", lambda q: q.order("birthday", desc=True), ["Ben", "Dée", "Cem", "Ann"]),
    ("unless asked", lambda q: q.order("birthday", desc=True, nullsfirst=False), ["Cem", "Ann", "Ben", "Dée"]),
    ("nulls first", lambda q: q.order("birthday", nullsfirst=True), ["Ben", "Dée", "Ann", "Cem"]),
    ("two columns", lambda q: q.order("is_me").order("first_name", desc=True), ["Dée", "Ben", "Ann", "Cem"]),
]


@pytest.mark.parametrize(("query", "expected"), [row[1:] for row in ORDERS], ids=[row[0] for row in ORDERS])
def test_orders(project: Project, query: Query, expected: list[str]) -> None:
    project.sql(_PEOPLE)
    selected = query(project.client().table("contacts_master").select("first_name")).order("first_name")
    assert _names(selected.execute()) == expected


def test_selected_columns_may_be_renamed_cast_and_taken_out_of_json(project: Project) -> None:
    project.sql(_PEOPLE)
    select = "name:first_name,birthday::text,llm_context->>mood,second:llm_context->tags->>1,other_emails"
    row = project.client().table("contacts_master").select(select).eq("first_name", "Ann").single().execute().data
    assert row == {
        "name": "Ann",
        "birthday": "1980-02-29",
        "mood": "calm",
        "second": "y",
        "other_emails": ["a@x.org", "b@x.org"],
    }


def test_timestamps_keep_microseconds_in_utc_and_drop_trailing_zeros(project: Project) -> None:
    """Facts: `2026-11-22T23:09:56.78304+00:00`."""
    project.sql("INSERT INTO contacts_master (updated_at) VALUES ('2026-11-23 00:09:56.783040+01')")
    (row,) = project.client().table("contacts_master").select("updated_at").execute().data
    assert row == {"updated_at": "2026-11-22T23:09:56.78304+00:00"}


def test_an_answer_holds_a_thousand_rows_whatever_is_asked(project: Project) -> None:
    """Facts: "A response holds at most 1,000 rows whatever `limit` asks, with no error"."""
    project.sql("INSERT INTO contacts_master (first_name) SELECT n FROM generate_series(1, 1234) AS n")
    table = project.client().table("contacts_master")
    assert len(table.select("id").execute().data) == 1000
    assert len(table.select("id").limit(5000).execute().data) == 1000
    answer = table.select("id", count=CountMethod.exact).limit(10).execute()
    assert (len(answer.data), answer.count) == (10, 1234)
    assert len(table.select("id").range(1200, 1299).execute().data) == 34
    assert table.select("id", count=CountMethod.exact, head=True).execute().count == 1234


def test_keyset_pages_of_the_facts_reach_every_row_once_in_spite_of_ties(project: Project) -> None:
    """Facts: the `or_` of `updated_at.gt` and `and(updated_at.eq,id.gt)`."""
    project.sql(
        "INSERT INTO contacts_master (updated_at)"
        " SELECT timestamptz '2026-01-01' + n / 40 * interval '1 us' FROM generate_series(1, 100) AS n"
    )
    table: Any = project.client().table("contacts_master")
    seen: list[str] = []
    query = table.select("id,updated_at")
    while page := query.order("updated_at").order("id").limit(15).execute().data:
        seen += [row["id"] for row in page]
        stamp, last = page[-1]["updated_at"], page[-1]["id"]
        after = f'updated_at.gt."{stamp}",and(updated_at.eq."{stamp}",id.gt.{last})'
        query = table.select("id,updated_at").gte("updated_at", stamp).or_(after)
    assert len(seen) == len(set(seen)) == 100


def test_a_single_row_and_perhaps_one(project: Project) -> None:
    project.sql(_PEOPLE)
    table = project.client().table("contacts_master")
    assert table.select("first_name").eq("last_name", "李").single().execute().data == {"first_name": "Dée"}
    assert table.select("first_name").eq("last_name", "nobody").maybe_single().execute() is None


def test_functions_are_called_with_json_arguments(project: Project) -> None:
    project.sql("INSERT INTO visits (id, place) VALUES (1, 'Bonn'), (2, 'Köln'), (3, 'Köln')")
    client = project.client()
    assert client.rpc("add", {"a": 1}).execute().data == 11
    assert client.rpc("add", {"a": 1, "b": 2}).execute().data == 3
    visits = client.rpc("visits_to", {"wanted": "Köln"}).select("id").order("id", desc=True).limit(1).execute().data
    assert visits == [{"id": 3}]
    assert client.rpc("nothing", {}).execute().data == []


def test_a_column_added_behind_its_back_is_known_at_once(project: Project) -> None:
    """Hosted projects reload the schema cache on DDL."""
    table: Any = project.client().table("visits")
    table.insert({"id": 1, "place": "here"}).execute()
    project.sql("ALTER TABLE visits ADD COLUMN IF NOT EXISTS mood text")
    assert table.update({"mood": "fine"}).eq("id", 1).execute().data[0]["mood"] == "fine"
