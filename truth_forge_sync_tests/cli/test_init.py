"""``init``: what is missing is created, or said."""

from __future__ import annotations

import sqlite3

from truth_forge_sync_tests.cli.conftest import Command
from truth_forge_sync_tests.project import Project


def test_a_dry_run_says_what_is_missing_and_makes_nothing(project: Project, command: Command) -> None:
    local = project.with_local()
    result = command("init", "--dry-run")
    assert "would be done" in result.stdout
    assert "not configured" in result.stdout
    assert not local.exists()
    assert not (project.folder / ".truth_forge/hub.duckdb").exists()


def test_init_makes_the_hub_and_the_local_table_and_may_be_repeated(project: Project, command: Command) -> None:
    local = project.with_local()
    command("init")
    assert sqlite3.connect(local).execute("SELECT COUNT(*) FROM contacts_master").fetchone() == (0,)
    command("hub", "sql", "SELECT 1 FROM identity.contacts_master")
    assert "nothing is missing" in command("init").stdout


def test_a_system_that_does_not_answer_fails_alone(project: Project, command: Command) -> None:
    project.configure(
        LOCAL_DATABASE_URL="sqlite:///local.sqlite", TWENTY_URL="http://127.0.0.1:9", TWENTY_API_KEY="a-secret"
    )
    result = command("init", exit_code=1)
    assert "failed" in result.stdout
    assert (project.folder / "local.sqlite").exists()
    assert "a-secret" not in result.output


def test_the_sql_that_a_person_runs_is_printed_for_the_configured_table(project: Project, command: Command) -> None:
    project.configure(SUPABASE_CONTACTS_TABLE="people_table")
    assert '"people_table"' in command("init", "--print-sql", "supabase").stdout
    assert "contacts_tombstones" in command("init", "--print-sql", "local").stdout
    assert not (project.folder / ".truth_forge").exists()


def test_wrong_settings_are_refused_with_their_names(project: Project, command: Command) -> None:
    project.configure(TWENTY_REQUESTS_PER_MINUTE="many", TRUTH_FORGE_SYSTEM_ORDER="twenty")
    result = command("init", exit_code=2)
    assert "TWENTY_REQUESTS_PER_MINUTE" in result.stderr
    assert "TRUTH_FORGE_SYSTEM_ORDER" in result.stderr
