"""What the official client writes through the stand-in, looked at in the database itself."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from postgrest.exceptions import APIError
from postgrest.types import CountMethod, ReturnMethod

from truth_forge_sync_tests.sandbox.supabase_project import Project


def _table(project: Project) -> Any:
    return project.client().table("contacts_master")


def test_an_insert_answers_the_row_as_stored(project: Project) -> None:
    chosen = str(uuid.uuid4())
    sent = {
        "id": chosen,
        "first_name": "Zoë 🦊",
        "other_emails": ["a@x.org"],
        "llm_context": {"b": 1.0, "a": [True, None]},
        "birthday": "1990-02-03",
        "is_business": False,
    }
    (row,) = _table(project).insert(sent).execute().data
    assert {name: row[name] for name in sent} == sent
    assert row["created_at"] == row["updated_at"]
    assert project.sql("SELECT first_name, llm_context->>'b' FROM contacts_master") == [("Zoë 🦊", "1.0")]


def test_a_minimal_answer_has_no_rows(project: Project) -> None:
    assert _table(project).insert({"city": "x"}, returning=ReturnMethod.minimal).execute().data == []
    assert project.sql("SELECT city FROM contacts_master") == [("x",)]


def test_a_bulk_insert_is_one_statement_with_one_stamp(project: Project) -> None:
    """Facts: `now()` gives every row of one statement the same stamp."""
    _table(project).insert([{"first_name": name} for name in "abc"]).execute()
    assert project.sql("SELECT count(*), count(DISTINCT updated_at) FROM contacts_master") == [(3, 1)]


def test_a_key_missing_from_one_row_of_a_bulk_write_erases(project: Project) -> None:
    """Facts: "a missing key becomes NULL (or the default with `default_to_null=False`), which erases data"."""
    table = _table(project)
    rows = [{"contact_id": "1", "city": "Bonn", "notes": "n"}, {"contact_id": "2", "city": "Köln", "notes": "n"}]
    table.upsert(rows, on_conflict="contact_id").execute()
    table.upsert(
        [{"contact_id": "1", "city": "Ulm"}, {"contact_id": "2", "notes": "m"}], on_conflict="contact_id"
    ).execute()
    kept = project.sql("SELECT contact_id, city, notes FROM contacts_master ORDER BY 1")
    assert kept == [("1", "Ulm", None), ("2", None, "m")]


def test_a_missing_key_takes_the_default_when_asked(project: Project) -> None:
    visits = project.client().table("visits")
    rows = [{"id": 1, "place": "a"}, {"id": 2, "place": "b", "stars": 5}, {"id": 3, "place": "c", "stars": None}]
    visits.insert(rows, default_to_null=False).execute()
    assert project.sql("SELECT stars FROM visits ORDER BY id") == [(3,), (5,), (None,)]


def test_an_upsert_merges_by_primary_key_or_by_the_named_column(project: Project) -> None:
    table = _table(project)
    (row,) = table.insert({"contact_id": "c", "city": "Bonn"}).execute().data
    table.upsert({"id": row["id"], "city": "Ulm"}).execute()
    (again,) = table.upsert({"contact_id": "c", "notes": "n"}, on_conflict="contact_id").execute().data
    assert (again["id"], again["city"], again["notes"]) == (row["id"], "Ulm", "n")
    assert again["updated_at"] > row["updated_at"]


def test_an_upsert_may_leave_existing_rows_alone(project: Project) -> None:
    table = _table(project)
    table.insert({"contact_id": "c", "city": "Bonn"}).execute()
    rows = [{"contact_id": "c", "city": "Ulm"}, {"contact_id": "d", "city": "Ulm"}]
    answer = table.upsert(rows, on_conflict="contact_id", ignore_duplicates=True).execute()
    assert [row["contact_id"] for row in answer.data] == ["d"]
    assert project.sql("SELECT city FROM contacts_master ORDER BY contact_id") == [("Bonn",), ("Ulm",)]


def test_a_partial_upsert_of_an_existing_row_fails_on_a_not_null_column(project: Project) -> None:
    """Facts: "An upsert checks NOT NULL columns before it looks for the existing row (23502)"."""
    visits = project.client().table("visits")
    visits.insert({"id": 1, "place": "here"}).execute()
    with pytest.raises(APIError) as refused:
        visits.upsert({"id": 1, "stars": 5}).execute()
    assert refused.value.code == "23502"


def test_one_bad_row_fails_the_whole_request(project: Project) -> None:
    """Facts: "One bad row fails the whole request: bisect"."""
    with pytest.raises(APIError) as refused:
        _table(project).insert([{"birthday": "1990-01-01"}, {"birthday": "soon"}]).execute()
    assert refused.value.code == "22007"
    assert project.sql("SELECT count(*) FROM contacts_master") == [(0,)]


def test_a_conditional_update_answers_nothing_when_the_row_moved_on(project: Project) -> None:
    """Facts: `.update(patch).eq("id", i).eq("updated_at", seen)` answers `[]`."""
    table = _table(project)
    (seen,) = table.insert({"city": "Bonn"}).execute().data
    condition = {"id": seen["id"], "updated_at": seen["updated_at"]}
    assert len(table.update({"city": "Ulm"}).match(condition).execute().data) == 1
    assert table.update({"city": "Trier"}).match(condition).execute().data == []
    assert project.sql("SELECT city FROM contacts_master") == [("Ulm",)]


def test_an_update_may_empty_a_field_and_touches_no_other(project: Project) -> None:
    table = _table(project)
    table.insert([{"contact_id": str(n), "city": "Bonn", "notes": "n"} for n in range(3)]).execute()
    answer = table.update({"city": None}, count=CountMethod.exact).in_("contact_id", ["0", "1"]).execute()
    assert answer.count == 2
    kept = project.sql("SELECT city, notes FROM contacts_master ORDER BY contact_id")
    assert kept == [(None, "n"), (None, "n"), ("Bonn", "n")]


def test_a_delete_answers_what_it_deleted(project: Project) -> None:
    table = _table(project)
    table.insert([{"contact_id": "1"}, {"contact_id": "2"}]).execute()
    assert [row["contact_id"] for row in table.delete().eq("contact_id", "1").execute().data] == ["1"]
    assert project.sql("SELECT contact_id FROM contacts_master") == [("2",)]
    assert project.sql("SELECT contact_id FROM contacts_tombstones") == [("1",)]


def test_too_many_affected_rows_undo_the_write(project: Project) -> None:
    table = _table(project)
    table.insert([{"city": "Bonn"}, {"city": "Bonn"}]).execute()
    with pytest.raises(APIError) as refused:
        table.delete().eq("city", "Bonn").max_affected(1).execute()
    assert refused.value.code == "PGRST124"
    assert project.sql("SELECT count(*) FROM contacts_master") == [(2,)]


def test_names_and_values_that_look_like_sql_stay_data(project: Project) -> None:
    hostile = "x'); DROP TABLE contacts_master; -- %s {}"
    (row,) = _table(project).insert({"notes": hostile}).execute().data
    assert row["notes"] == hostile
    with pytest.raises(APIError) as refused:
        _table(project).insert({hostile: 1}).execute()
    assert refused.value.code == "PGRST204"
