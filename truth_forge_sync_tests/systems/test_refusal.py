"""A refusal names its field where the database does, and never tells a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from truth_forge_sync.contact import FIELD
from truth_forge_sync.mapping import Columns
from truth_forge_sync.sandbox.postgres import Postgres
from truth_forge_sync.sandbox.serve import serve
from truth_forge_sync.sandbox.supabase import create_supabase_app
from truth_forge_sync.systems.local import Local
from truth_forge_sync.systems.protocol import Status, System, WriteKind
from truth_forge_sync.systems.refusal import field_named, postgres_names, postgres_words, sqlite_words
from truth_forge_sync.systems.supabase import Supabase, setup_sql
from truth_forge_sync_tests.conformance.cases import REGION, create, patch, read_one, write_one
from truth_forge_sync_tests.systems.people import SqlPerson

DUPLICATE = "duplicate key value violates unique constraint"
BROKEN = 'new row for relation "contacts_master" violates check constraint'
HELD = "already exists."

# SQLSTATE, message and DETAIL of PostgreSQL, and the field that it names.
POSTGRES: list[tuple[str, str, str, str | None]] = [
    ("23505", f'{DUPLICATE} "one_each"', f"Key (primary_email)=(ann@example.com) {HELD}", "primary_email"),
    ("23505", f'{DUPLICATE} "one_each"', f"Key (lower(primary_email))=(ann@example.com) {HELD}", "primary_email"),
    ("23505", f'{DUPLICATE} "contacts_master_primary_email_key"', "", "primary_email"),
    ("23505", f'{DUPLICATE} "one_each"', f"Key (notes)=(his city)=(title) {HELD}", "notes"),
    ("23505", f'{DUPLICATE} "one_each"', f"Key (first_name, last_name)=(Ann, Example) {HELD}", None),
    ("23505", f'{DUPLICATE} "one_each"', "", None),
    (
        "23503",
        'insert or update violates foreign key constraint "fk"',
        "Key (organization)=(Acme) is not",
        "organization",
    ),
    ("23502", 'null value in column "nickname" of relation "contacts_master"', "Failing row (1, title)", "nickname"),
    ("23514", f'{BROKEN} "job_title_is_long"', "Failing row contains (1, city).", "job_title"),
    ("23514", f'{BROKEN} "contacts_master_check"', "Failing row contains (1, city).", None),
    ("23514", 'value for domain mail violates check constraint "Birthday_Check"', "", "birthday"),
    ("42804", 'column "city" is of type integer but expression is of type text', "", "city"),
    ("428C9", 'column "city" can only be updated to DEFAULT', "", "city"),
    ("428C9", 'cannot insert a non-DEFAULT value into column "city"', "", "city"),
    ("22001", "value too long for type character varying(5)", "", None),
    ("22P02", 'invalid input syntax for type integer: "title"', "", None),
    ("P0001", "Ann's title is wrong", "column city", None),
    ("", "PostgreSQL text fields cannot contain NUL (0x00) bytes", "", None),
]

COLUMNS = Columns({name: name for name in FIELD})


@pytest.mark.parametrize(("code", "message", "detail", "field"), POSTGRES)
def test_postgres_names_the_field(code: str, message: str, detail: str, field: str | None) -> None:
    names = postgres_names(code, message, detail)
    assert field_named(names, COLUMNS, FIELD) == field
    assert field_named(names, COLUMNS, {"middle_name"}) is None
    assert not any(value in names + postgres_words(code, message) for value in ("ann@", "Ann", "Acme", "his", "(1"))


# What SQLite says, what of it is shown ('' for nothing), and the field that it names.
SQLITE: list[tuple[str, bool, str | None]] = [
    ("UNIQUE constraint failed: contacts_master.primary_email", True, "primary_email"),
    ("UNIQUE constraint failed: contacts_master.first_name, contacts_master.last_name", True, None),
    ("UNIQUE constraint failed: index 'one_email_each'", True, None),
    ("UNIQUE constraint failed: index 'primary_email_once'", True, "primary_email"),
    ("NOT NULL constraint failed: contacts_master.nickname", True, "nickname"),
    ("CHECK constraint failed: length(job_title) > 3", True, "job_title"),
    ("CHECK constraint failed: birthday_is_past", True, "birthday"),
    ("FOREIGN KEY constraint failed", True, None),
    ("cannot store TEXT value in INTEGER column contacts_master.city", True, "city"),
    ("datatype mismatch", True, None),
    ("Ann has no such title", False, None),
]


@pytest.mark.parametrize(("message", "is_shown", "field"), SQLITE)
def test_sqlite_names_the_field(message: str, is_shown: bool, field: str | None) -> None:
    words = sqlite_words(message)
    assert (words == message) == is_shown
    assert field_named(words, COLUMNS, FIELD) == field


def test_of_several_columns_the_one_that_is_written_is_at_fault() -> None:
    assert field_named("first_name, last_name", COLUMNS, {"last_name", "city"}) == "last_name"


def test_a_field_is_not_taken_for_another_whose_name_is_within() -> None:
    assert field_named("job_title_check", COLUMNS, {"title"}) is None
    assert field_named("job_title_check", COLUMNS, {"title", "job_title"}) == "job_title"


# The same through the connectors


@dataclass(frozen=True)
class Rule:
    """What the owner of a database does not allow, a change that breaks it, and the field that the answer names."""

    name: str
    sql: str
    changes: dict[str, str | None]
    field: str | None


EMAIL, DATE, CITY = "primary_email", "birthday", {"city": "Atlantis"}
NAMES = {"first_name": "Ann", "last_name": "Taken"}

RULES = (
    Rule("unique", f"ADD CONSTRAINT once UNIQUE ({EMAIL})", {EMAIL: "taken@example.com"}, EMAIL),
    Rule("unique together", "ADD UNIQUE (first_name, last_name)", {**NAMES}, None),
    Rule("required", "ALTER nickname SET NOT NULL", {"nickname": None}, "nickname"),
    Rule("checked", f"ADD CONSTRAINT real_{DATE} CHECK ({DATE} > '1900-01-01')", {DATE: "1800-01-01"}, DATE),
    Rule("checked without a word", "ADD CONSTRAINT c CHECK (city <> 'Atlantis')", {**CITY}, None),
    Rule("too long", "ALTER city TYPE varchar(7)", {**CITY}, None),
    Rule("another type", "ALTER city TYPE int USING NULL", {**CITY}, None),
)


@pytest.fixture(params=["local", "supabase"])
def system(request: pytest.FixtureRequest, postgres_server: Postgres, postgres_database: str) -> Iterator[System]:
    dsn = postgres_server.dsn(postgres_database)
    with psycopg.connect(dsn) as connection:
        connection.execute(setup_sql("contacts_master").encode())
    if request.param == "local":
        local = Local(postgres_server.url(postgres_database), region=REGION)
        yield local
        local.close()
        return
    with serve(create_supabase_app(dsn, "sb_secret_key")) as served:
        supabase = Supabase(served.url, "sb_secret_key", table="contacts_master", region=REGION)
        yield supabase
        supabase.close()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("kind", [WriteKind.CREATE, WriteKind.PATCH, WriteKind.DELETE, WriteKind.RESTORE])
def test_a_refused_write_names_its_field(system: System, postgres_url: str, kind: WriteKind, rule: Rule) -> None:
    outside = SqlPerson(postgres_url)
    taken: dict[str, Any] = {"first_name": "Ann", "last_name": "Taken", "primary_email": "taken@example.com"}
    outside.insert({**taken, "nickname": "Annie"})
    native_id = outside.insert({"first_name": "Bea", "nickname": "Bea", "job_title": "Cook"})
    if kind is WriteKind.RESTORE:
        outside.soft_delete(native_id)
    outside.run(f"ALTER TABLE contacts_master {rule.sql}")
    row = read_one(system, native_id)
    changes = {"job_title": "Baker", **rule.changes}
    outcome = write_one(system, create(changes) if kind is WriteKind.CREATE else patch(row, changes, kind))
    assert (outcome.status, outcome.field) == (Status.REFUSED, rule.field)
    assert outcome.message
    assert not any(value in outcome.message for value in changes.values() if value)
    assert read_one(system, native_id) == row
