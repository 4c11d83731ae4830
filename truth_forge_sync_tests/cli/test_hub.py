"""``hub sql``: GoogleSQL on the hub, for people and for programs."""

from __future__ import annotations

import json

import pytest

from truth_forge_sync.cli.hub import split
from truth_forge_sync_tests.cli.conftest import Command
from truth_forge_sync_tests.project import Project


def test_a_hub_that_does_not_exist_is_not_made_by_asking_it(project: Project, command: Command) -> None:
    result = command("hub", "sql", "SELECT 1", exit_code=2)
    assert "run: truth-forge-sync init" in result.stderr
    assert not list(project.folder.rglob("*.duckdb"))


def test_rows_come_as_one_list_of_objects(project: Project, command: Command) -> None:
    command("init")
    result = command(
        "hub", "sql", "--json", "SELECT 1 AS n, CAST(NULL AS STRING) AS z, [1.5, 2] AS l, DATE '2024-02-29' AS d"
    )
    assert json.loads(result.stdout) == [{"n": 1, "z": None, "l": [1.5, 2], "d": "2024-02-29"}]


def test_rows_come_as_a_table_for_people(project: Project, command: Command) -> None:
    command("init")
    result = command("hub", "sql", "SELECT 'Zoë [x]' AS first_name, NULL AS nothing")
    assert "first_name" in result.stdout
    assert "Zoë [x]" in result.stdout
    assert "1 row" in result.stdout


def test_an_edit_by_sql_is_there_afterwards(project: Project, command: Command) -> None:
    command("init")
    done = command("hub", "sql", "INSERT INTO identity.contacts_master (contact_id, notes) VALUES ('a', 'one; two')")
    assert "INSERT: done" in done.stdout
    script = "UPDATE identity.contacts_master SET notes = 'b' WHERE TRUE; SELECT notes FROM identity.contacts_master"
    assert json.loads(command("hub", "sql", "--json", script).stdout) == [{"notes": "b"}]


@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT nope FROM identity.contacts_master", "", "SELECT 'open"])
def test_sql_that_the_hub_does_not_understand_is_wrong_use(project: Project, command: Command, statement: str) -> None:
    command("init")
    result = command("hub", "sql", statement, exit_code=2)
    assert "bigquery" in result.stderr or "no statement" in result.stderr
    assert "Traceback" not in result.output


def test_statements_end_at_semicolons_but_not_within_texts_and_comments() -> None:
    assert split("select ';' -- a; b\n; DELETE FROM t WHERE TRUE /* ; */ ;;") == [
        ("SELECT", "select ';'"),
        ("DELETE", "DELETE FROM t WHERE TRUE"),
    ]
