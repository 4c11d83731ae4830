"""The contacts tables, in both dialects: made safely again and again, stamped, and mourned."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import psycopg
import pytest

from truth_forge_sync.contact import FIELDS
from truth_forge_sync.systems.ddl import Dialect, contacts_ddl, contacts_statements, quoted

COLUMNS = [(field.name, str(field.type)) for field in FIELDS]
Run = Callable[..., Sequence[Sequence[Any]]]


@pytest.fixture(params=["postgresql", "sqlite"])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return cast(Dialect, request.param)


@pytest.fixture
def run(dialect: Dialect, request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs one statement on an empty database, each in a transaction of its own, and answers its rows as text."""
    connection: Any
    if dialect == "postgresql":
        connection = psycopg.connect(
            request.getfixturevalue("postgres_dsn"), autocommit=True, options="-c timezone=UTC"
        )
    else:
        connection = sqlite3.connect(":memory:", isolation_level=None)

    def run(statement: str) -> Sequence[Sequence[Any]]:
        cursor = connection.execute(statement.encode() if dialect == "postgresql" else statement)
        return cursor.fetchall() if cursor.description else []

    yield run
    connection.close()


def _create(run: Run, dialect: Dialect, table: str = "contacts_master") -> None:
    for statement in contacts_statements(dialect, table, COLUMNS):
        run(statement)


def _stamp(run: Run) -> datetime:
    (((stamp),),) = run("SELECT CAST(updated_at AS text) FROM contacts_master")
    return datetime.fromisoformat(stamp)


def test_creating_twice_keeps_the_rows(run: Run, dialect: Dialect) -> None:
    _create(run, dialect)
    run("INSERT INTO contacts_master (first_name) VALUES ('Zoë')")
    _create(run, dialect)
    assert run("SELECT first_name FROM contacts_master") == [("Zoë",)]


def test_the_script_and_the_statements_are_the_same(dialect: Dialect) -> None:
    script = contacts_ddl(dialect, "contacts_master", COLUMNS)
    assert all(statement in script for statement in contacts_statements(dialect, "contacts_master", COLUMNS))


def test_every_field_has_a_column_and_a_row_needs_none(run: Run, dialect: Dialect) -> None:
    _create(run, dialect)
    run("INSERT INTO contacts_master DEFAULT VALUES")
    fields = ", ".join(name for name, _ in COLUMNS)
    (row,) = run(f"SELECT id, created_at, updated_at, contact_id, deleted_at, {fields} FROM contacts_master")
    assert len(str(row[0])) == 36
    assert row[1] == row[2]
    assert set(row[3:]) == {None}


def test_an_existing_table_gains_what_it_lacks(run: Run, dialect: Dialect) -> None:
    """Rows of before are stamped as of now, and so are rows that somebody inserts later."""
    key = "varchar(36)" if dialect == "sqlite" else "uuid"
    run(f"CREATE TABLE contacts_master (id {key} PRIMARY KEY, first_name varchar(50), shoe_size int)")
    identifier = "6f0e1a52-6c0e-4b43-a5f4-6a3d0a8f6b11"
    run(f"INSERT INTO contacts_master VALUES ('{identifier}', 'Ann', 38)")
    for statement in contacts_statements(
        dialect, "contacts_master", COLUMNS, existing=["id", "first_name", "shoe_size"]
    ):
        run(statement)
    run("INSERT INTO contacts_master (id, city) VALUES ('0e0e1a52-6c0e-4b43-a5f4-6a3d0a8f6b11', 'Ulm')")
    stamped = "updated_at IS NOT NULL, created_at IS NOT NULL"
    rows = run(f"SELECT first_name, shoe_size, city, {stamped} FROM contacts_master ORDER BY 1")
    assert sorted(map(tuple, rows), key=str) == [("Ann", 38, None, 1, 1), (None, None, "Ulm", 1, 1)]


def test_any_edit_gets_a_later_stamp_even_in_the_same_instant(run: Run, dialect: Dialect) -> None:
    _create(run, dialect)
    run("INSERT INTO contacts_master (first_name) VALUES ('a')")
    stamps = [_stamp(run)]
    for number in range(50):
        run(f"UPDATE contacts_master SET city = '{number}', updated_at = '2001-01-01T00:00:00.000000+00:00'")
        stamps.append(_stamp(run))
    assert stamps == sorted(set(stamps))


def test_a_stamp_in_the_future_still_grows(run: Run, dialect: Dialect) -> None:
    _create(run, dialect)
    run("INSERT INTO contacts_master (updated_at) VALUES ('2901-01-01T00:00:00.999999+00:00')")
    before = _stamp(run)
    run("UPDATE contacts_master SET city = 'x'")
    assert timedelta(0) < _stamp(run) - before <= timedelta(milliseconds=1)


def test_a_deleted_contact_leaves_a_tombstone_until_it_returns(run: Run, dialect: Dialect) -> None:
    _create(run, dialect)
    identifier = "6f0e1a52-6c0e-4b43-a5f4-6a3d0a8f6b11"
    insert = f"INSERT INTO contacts_master (id, contact_id) VALUES ('{identifier}', 'c')"
    for _ in range(2):
        run(insert)
        assert run("SELECT * FROM contacts_tombstones") == []
        run("DELETE FROM contacts_master")
        (grave,) = run("SELECT id, contact_id, deleted_at IS NOT NULL FROM contacts_tombstones")
        assert (str(grave[0]), *grave[1:]) == (identifier, "c", 1)


def test_contact_ids_are_unique_but_may_be_missing(run: Run, dialect: Dialect) -> None:
    _create(run, dialect)
    for _ in range(2):
        run("INSERT INTO contacts_master DEFAULT VALUES")
    run("INSERT INTO contacts_master (contact_id) VALUES ('c')")
    with pytest.raises((sqlite3.IntegrityError, psycopg.errors.UniqueViolation)):
        run("INSERT INTO contacts_master (contact_id) VALUES ('c')")


def test_an_odd_table_name_is_only_a_name(run: Run, dialect: Dialect) -> None:
    odd = """my "table's" name; --"""
    _create(run, dialect, odd)
    run(f"INSERT INTO {quoted(odd)} (city) VALUES ('x')")
    run(f"UPDATE {quoted(odd)} SET city = 'y'")
    run(f"DELETE FROM {quoted(odd)}")
    assert len(run("SELECT id FROM contacts_tombstones")) == 1


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("'2026-11-22 23:09:56'", "2026-11-22T23:09:56.000000+00:00"),
        ("'2026-11-22T23:09:56.5+02:00'", "2026-11-22T21:09:56.500000+00:00"),
        ("'2026-11-22T23:09:56.123456+00:00'", "2026-11-22T23:09:56.123456+00:00"),
    ],
)
def test_sqlite_stamps_have_one_form_that_sorts(run: Run, dialect: Dialect, written: str, kept: str) -> None:
    _create(run, dialect)
    run(f"INSERT INTO contacts_master (updated_at) VALUES ({written})")
    assert run("SELECT updated_at FROM contacts_master") == [(kept,)]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
def test_sqlite_s_trigger_does_not_fire_itself(run: Run, dialect: Dialect) -> None:
    _create(run, dialect)
    run("PRAGMA recursive_triggers = on")
    run("INSERT INTO contacts_master (city) VALUES ('x')")
    run("UPDATE contacts_master SET city = 'y'")
    assert run("SELECT city FROM contacts_master") == [("y",)]


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_on_supabase_a_new_table_is_closed_to_the_anonymous_key(run: Run, dialect: Dialect) -> None:
    run(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role') THEN"
        " CREATE ROLE service_role BYPASSRLS; END IF; END $$"
    )
    try:
        _create(run, dialect)
        closed = run("SELECT relname FROM pg_class WHERE relrowsecurity ORDER BY 1")
        assert closed == [("contacts_master",), ("contacts_tombstones",)]
    finally:
        run("DROP OWNED BY service_role")
        run("DROP ROLE service_role")
