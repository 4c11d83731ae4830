"""``contacts …``: show, merge, unmerge and rewind, as a person and as a program sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from truth_forge_sync.hub.duckdb_engine import DuckDBEngine
from truth_forge_sync.hub.hand_edits import HandEdits
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.settings import load_settings
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.sync.reconcile import reconcile
from truth_forge_sync.sync.rules import Rules
from truth_forge_sync_tests.cli.conftest import Command
from truth_forge_sync_tests.project import Project


@pytest.fixture
def people(project: Project, command: Command) -> Project:
    """A hub with Ann and Annie."""
    command("init")
    for name in ("Ann", "Annie"):
        insert(command, name)
    cycle()
    return project


def insert(command: Command, name: str) -> None:
    values = f"'{name.lower()}', '{name}', '{name.lower()}@example.com', 'Oslo'"
    command(
        "hub",
        "sql",
        f"INSERT INTO identity.contacts_master (contact_id, first_name, primary_email, city) VALUES ({values})",
    )


def cycle() -> str:
    """One cycle of the hub alone."""
    settings = load_settings()
    hub = Hub(DuckDBEngine(settings.hub_path, settings.bigquery_dataset))
    with hub.engine.session():
        pull(hub, HandEdits(hub, region="US"))
        done = reconcile(hub, Rules.of(settings))
    return str(done.cycle_id)


def rows(command: Command, statement: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(command("hub", "sql", "--json", statement).stdout)
    return found


def test_show_tells_people_and_programs_who_set_what(people: Project, command: Command) -> None:
    command("hub", "sql", "UPDATE identity.contacts_master SET city = 'Rome' WHERE contact_id = 'ann'")
    done = cycle()
    shown = command("contacts", "show", "ann@example.com").stdout
    assert "Rome" in shown and "before" in shown and "Oslo" in shown and "bigquery" in shown
    told = json.loads(command("contacts", "show", "ann", "--json").stdout)
    assert (told["contact_id"], told["name"], told["deleted"]) == ("ann", "Ann", False)
    (city,) = [value for value in told["values"] if value["path"] == "city"]
    assert (city["now"]["value"], city["now"]["system"], city["now"]["cycle_id"]) == ("Rome", "bigquery", done)
    assert [earlier["value"] for earlier in city["earlier"]] == ["Oslo"]
    assert [(row["system"], row["state"]) for row in told["native_rows"]] == [("bigquery", "living")]
    assert {"intents", "errors", "holds", "conflicts", "edits"} <= told.keys()


def test_who_is_not_known_is_wrong_use(people: Project, command: Command) -> None:
    for words in (
        ("show", "nobody"), ("merge", "ann", "nobody"), ("unmerge", "nobody"), ("rewind", "--cycle", "nobody"),
    ):  # fmt: skip
        result = command("contacts", *words, exit_code=2)
        assert "nobody" in result.stderr
        assert "truth-forge-sync" in result.stderr, "it names the command that lists them"


def test_before_there_is_a_hub_it_says_what_to_do(project: Project, command: Command) -> None:
    assert "truth-forge-sync init" in command("contacts", "show", "ann", exit_code=2).stderr


def test_a_merge_is_shown_done_listed_and_taken_back(people: Project, command: Command) -> None:
    merged = command("contacts", "merge", "ann@example.com", "annie", "--yes").stdout
    assert "Annie" in merged and "next cycle" in merged
    (listed,) = json.loads(command("contacts", "merges", "--json").stdout)
    assert (listed["kept_contact_id"], listed["absorbed_contact_id"], listed["status"]) == ("ann", "annie", "merged")
    assert listed["merge_id"] in merged
    assert "annie" in command("contacts", "merges").stdout
    cycle()
    assert rows(command, "SELECT contact_id FROM identity.contacts_master") == [{"contact_id": "ann"}]
    assert rows(command, "SELECT first_name, other_emails FROM identity.contacts_master") == [
        {"first_name": "Annie", "other_emails": ["ann@example.com"]}
    ] or rows(command, "SELECT first_name, other_emails FROM identity.contacts_master") == [
        {"first_name": "Ann", "other_emails": ["annie@example.com"]}
    ]
    assert "unmerge" in command("contacts", "show", "annie", exit_code=2).stderr
    assert "next cycle" in command("contacts", "unmerge", "annie", "--yes").stdout
    cycle()
    assert rows(command, "SELECT first_name, primary_email FROM identity.contacts_master ORDER BY contact_id") == [
        {"first_name": "Ann", "primary_email": "ann@example.com"},
        {"first_name": "Annie", "primary_email": "annie@example.com"},
    ]


def test_without_a_yes_nothing_is_merged(people: Project, command: Command) -> None:
    command("contacts", "merge", "ann", "annie", exit_code=1)
    assert "No merges." in command("contacts", "merges").stdout


def test_a_rewind_says_what_it_would_do_and_then_does_it(people: Project, command: Command) -> None:
    command("hub", "sql", "UPDATE identity.contacts_master SET city = '?' WHERE TRUE")
    bad = cycle()
    told = json.loads(command("contacts", "rewind", "--cycle", bad, "--details", "--json").stdout)
    assert (told["scope"], told["applied"], told["left_alone"]) == (bad, False, [])
    assert told["proposed"] == [{"verdict": "edit", "hint": None, "paths": 2, "contacts": 2}]
    assert {(one["field"], one["value_now"], one["value"]) for one in told["details"]} == {("city", "?", "Oslo")}
    shown = command("contacts", "rewind", "--cycle", bad, "--details").stdout
    assert "Oslo" in shown and "--apply" in shown
    cycle()
    assert rows(command, "SELECT DISTINCT city FROM identity.contacts_master") == [{"city": "?"}]
    assert "next cycle" in command("contacts", "rewind", "--cycle", bad, "--apply").stdout
    cycle()
    assert rows(command, "SELECT DISTINCT city FROM identity.contacts_master") == [{"city": "Oslo"}]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--cycle", "c", "--since", "2024-01-31"),
        ("--since", "yesterday"),
        ("--since", "2024-01-31", "--system", "crm"),
    ],
    ids=["no scope", "two scopes", "no time", "no system"],
)
def test_a_rewind_needs_a_scope(project: Project, command: Command, words: tuple[str, ...]) -> None:
    command("contacts", "rewind", *words, exit_code=2)


def test_a_time_without_an_offset_is_utc(people: Project, command: Command) -> None:
    for since in ("2024-01-31T10:00", "2024-01-31T12:00+02:00"):
        told = json.loads(command("contacts", "rewind", "--since", since, "--system", "bigquery", "--json").stdout)
        assert told["scope"] == "20240131T100000000000Z-bigquery"
        assert told["proposed"] == [{"verdict": "delete", "hint": None, "paths": 2, "contacts": 2}]


@pytest.mark.parametrize("name", ["show", "merge", "unmerge", "merges", "rewind"])
def test_every_command_explains_itself(tmp_path: Path, command: Command, name: str) -> None:
    assert name in command("contacts", name, "--help").stdout
