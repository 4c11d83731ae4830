"""The migration for Supabase's own tools: the SQL that a person is asked to run, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from truth_forge_sync.cli.init import Printable, setup_sql
from truth_forge_sync.settings import load_settings
from truth_forge_sync_tests.project import clean_environment

FOLDER = Path(__file__).parents[2] / "supabase" / "migrations"
TABLES = {"contacts_master", "contacts_tombstones"}
TRIGGERS = {"truth_forge_stamp", "truth_forge_bury", "truth_forge_raise"}


def script() -> str:
    (file,) = FOLDER.glob("*.sql")
    return file.read_text(encoding="utf-8")


def test_migrations_have_names_that_supabase_takes() -> None:
    names = [file.name for file in FOLDER.iterdir()]
    assert names and all(re.fullmatch(r"\d{14}_[a-z0-9_]+\.sql", name) for name in names)


def test_the_migration_is_what_init_prints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clean_environment(monkeypatch)
    monkeypatch.chdir(tmp_path)
    printed = setup_sql(Printable.SUPABASE, load_settings())
    assert script() == printed, "print it anew: truth-forge-sync init --print-sql supabase"


def test_the_migration_makes_all_there_is_and_may_be_applied_again(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(script().encode())
        connection.execute("INSERT INTO contacts_master (first_name) VALUES ('Zoë'), ('Ann')")
        connection.execute("DELETE FROM contacts_master WHERE first_name = 'Ann'")
        connection.execute(script().encode())
        tables = connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'contacts%'")
        assert {name for (name,) in tables} == TABLES
        triggers = connection.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
        assert {name for (name,) in triggers} == TRIGGERS
        assert connection.execute("SELECT first_name FROM contacts_master").fetchall() == [("Zoë",)]
        assert connection.execute("SELECT count(*) FROM contacts_tombstones").fetchone() == (1,)
