"""The inboxes from the command line: what waits for a person, and what the person's word does."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from truth_forge_sync.cli import inbox
from truth_forge_sync.settings import load_settings
from truth_forge_sync.sync.rules import Rules
from truth_forge_sync.systems.local.system import Local
from truth_forge_sync_tests.cli.conftest import Command
from truth_forge_sync_tests.project import Project
from truth_forge_sync_tests.world import World

ANN = {"first_name": "Ann", "last_name": "Lee", "primary_email": "ann@example.com"}


def world_of(project: Project, *names: str) -> World:
    """In-memory systems around the project's own hub."""
    return World.embedded(project.folder / ".truth_forge", names or ("twenty", "local"))


def told(command: Command, *words: str) -> Any:
    return json.loads(command(*words, "--json").stdout)


class Databases:
    """The project's local database and its hub, moved one cycle at a time."""

    def __init__(self, project: Project) -> None:
        self.path: Path = project.with_local()
        self.world = world_of(project, "local")
        self.world.memories["local"] = Local(f"sqlite:///{self.path}", region="US")  # type: ignore[assignment]
        self.world.rules = Rules.of(load_settings())

    def run(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()

    def settle(self) -> None:
        self.world.settle()


# -- conflicts --------------------------------------------------------------------------------------------------------


def a_conflict(project: Project) -> World:
    world = world_of(project)
    world.local.put("l-1", {**ANN, "city": "Lima", "notes": "n" * 300})
    world.twenty.put("t-1", {**ANN, "city": "Suva", "notes": "later"})
    world.settle()
    return world


def test_a_lost_value_is_listed_shown_and_restored(project: Project, command: Command) -> None:
    world = a_conflict(project)
    listed = told(command, "conflicts", "list")
    assert set(listed[0]) == {
        "conflict_id", "cycle_id", "contact_id", "name", "field", "path", "losing_system", "losing_value",
        "losing_changed_at", "winning_system", "winning_value", "winning_changed_at", "reason", "status", "created_at",
        "value_now", "contact",
    }  # fmt: skip
    (city,) = [one for one in listed if one["field"] == "city"]
    assert (city["name"], city["losing_value"], city["winning_value"]) == ("Ann Lee", "Lima", "Suva")

    short = city["conflict_id"][:8]
    table = command("conflicts", "list").stdout
    assert short in table
    assert "2 open conflicts." in table
    assert "n" * 300 not in table
    assert "The newest 1 of 2 open conflicts" in command("conflicts", "list", "--limit", "1").stdout
    assert "Lima — local" in command("conflicts", "show", short).stdout
    assert told(command, "conflicts", "show", short) == city
    assert len(told(command, "conflicts", "list", "--contact", city["contact_id"][:8])) == 2

    assert "city of Ann Lee" in command("conflicts", "restore", short).stdout
    world.settle()
    world.assert_aligned()
    assert world.twenty.rows["t-1"].values["city"] == "Lima"
    assert "was restored before" in command("conflicts", "restore", short, exit_code=2).stderr


def test_conflicts_are_dismissed_by_name_or_all_of_them(project: Project, command: Command) -> None:
    a_conflict(project)
    first, second = told(command, "conflicts", "list")
    command("conflicts", "dismiss", exit_code=2)
    command("conflicts", "dismiss", first["conflict_id"], "--all", exit_code=2)
    assert "Dismissed: 1." in command("conflicts", "dismiss", first["conflict_id"]).stdout
    command("conflicts", "dismiss", "--all", exit_code=1)  # nobody was there to say yes
    assert told(command, "conflicts", "list") == [second]
    assert "Dismissed: 1." in command("conflicts", "dismiss", "--all", "--yes").stdout
    assert "No open conflicts." in command("conflicts", "list").stdout
    assert {one["status"] for one in told(command, "conflicts", "list", "--all")} == {"dismissed"}


# -- review -----------------------------------------------------------------------------------------------------------


def test_a_surplus_row_is_linked_once_a_person_agrees(project: Project, command: Command) -> None:
    databases = Databases(project)
    command("init")
    insert = "INSERT INTO contacts_master (id, first_name, primary_email, city) VALUES"
    databases.run(f"{insert} ('a1', 'Ann', 'ann@example.com', NULL)")
    databases.settle()
    databases.run(f"{insert} ('a2', 'Ann', 'ann@example.com', 'Oslo')")
    databases.settle()
    (review,) = told(command, "review", "list")
    assert set(review) == {
        "review_id", "system", "native_id", "rule", "status", "contact_id", "candidates", "created_at",
    }  # fmt: skip
    assert (review["system"], review["native_id"], review["rule"]) == ("local", "a2", "duplicate_in_system")
    assert [set(candidate) for candidate in review["candidates"]] == [{"contact_id", "name"}]
    short = review["review_id"][:8]
    assert short in command("review", "list").stdout

    refused = command("review", "link", short, exit_code=1)
    assert "a1" in refused.stdout
    assert "will be deleted" in " ".join(refused.stdout.split())
    assert told(command, "review", "list") == [review]
    command("review", "link", short, "zzz", exit_code=2)
    command("review", "link", short, "--yes")
    databases.settle()
    assert databases.run("SELECT id, city, deleted_at IS NULL FROM contacts_master ORDER BY id") == [
        ("a1", "Oslo", 1), ("a2", "Oslo", 0),
    ]  # fmt: skip
    assert "No rows to review." in command("review", "list").stdout
    assert [one["status"] for one in told(command, "review", "list", "--all")] == ["linked"]
    assert "is linked already" in command("review", "separate", short, exit_code=2).stderr


def test_a_row_of_the_database_becomes_a_contact_of_its_own_or_is_gone(project: Project, command: Command) -> None:
    databases = Databases(project)
    command("init")
    insert = "INSERT INTO contacts_master (id, first_name, primary_email) VALUES"
    for number in (1, 2, 3):
        databases.run(f"{insert} ('a{number}', 'Ann', 'ann@example.com')")
        databases.settle()
    ids = {one["native_id"]: one["review_id"] for one in told(command, "review", "list")}
    assert set(ids) == {"a2", "a3"}
    databases.run("DELETE FROM contacts_master WHERE id = 'a3'")
    assert "gone" in command("review", "separate", ids["a3"], exit_code=1).stderr
    assert "contact of its own" in command("review", "separate", ids["a2"]).stdout
    databases.settle()
    count = "SELECT COUNT(*) AS n FROM identity.contacts_master WHERE deleted_at IS NULL"
    assert databases.world.sql(count) == [{"n": 2}]


def test_a_row_of_a_system_that_is_not_configured_cannot_be_decided(project: Project, command: Command) -> None:
    world = world_of(project)
    world.twenty.put("t-1", ANN)
    world.settle()
    world.twenty.put("t-2", ANN)
    world.settle()
    (review,) = told(command, "review", "list")
    assert "twenty: it is not configured" in command("review", "separate", review["review_id"], exit_code=2).stderr


# -- errors -----------------------------------------------------------------------------------------------------------


def test_a_refused_value_is_listed_and_tried_again(project: Project, command: Command) -> None:
    world = world_of(project)
    world.local.refuses = lambda path, _value: "no cities" if path == "city" else None
    world.twenty.put("t-1", {**ANN, "city": "Oslo"})
    world.settle()
    (error,) = told(command, "errors", "list")
    assert set(error) == {
        "error_id", "system", "contact_id", "name", "native_id", "field", "path", "value", "kind", "message",
        "attempts", "last_attempt_at", "next_attempt_at", "status", "created_at",
    }  # fmt: skip
    assert (error["message"], error["attempts"], error["status"]) == ("no cities", 1, "parked")
    assert "no cities" in command("errors", "list").stdout
    command("errors", "retry", exit_code=2)
    assert "To be tried again: 1." in command("errors", "retry", error["error_id"][:8]).stdout
    world.cycle()
    assert told(command, "errors", "list")[0]["attempts"] == 2
    world.local.refuses = lambda _path, _value: None
    command("errors", "retry", "--all")
    world.settle()
    world.assert_aligned()
    assert "No values that wait." in command("errors", "list").stdout
    assert [one["status"] for one in told(command, "errors", "list", "--all")] == ["resolved"]
    assert "To be tried again: 0." in command("errors", "retry", "--all").stdout


# -- holds ------------------------------------------------------------------------------------------------------------


def test_what_the_brake_holds_is_rejected_or_approved(project: Project, command: Command) -> None:
    databases = Databases(project)
    project.configure(LOCAL_DATABASE_URL="sqlite:///local.sqlite", TRUTH_FORGE_DELETE_LIMIT_COUNT="1")
    databases.world.rules = Rules.of(load_settings())
    command("init")
    for name in ("Ann", "Bo", "Cy"):
        databases.run(f"INSERT INTO contacts_master (id, first_name) VALUES ('{name}', '{name}')")
    databases.settle()
    assert "Nothing is held." in command("holds", "list").stdout
    assert "The brake holds nothing." in command("holds", "reject").stdout
    assert "The brake holds nothing." in command("holds", "approve", "--up-to", "5").stdout

    living = "SELECT COUNT(*) FROM contacts_master WHERE deleted_at IS NULL"
    delete = "UPDATE contacts_master SET deleted_at = CURRENT_TIMESTAMP WHERE first_name IN ('Ann', 'Bo')"
    databases.run(delete)
    databases.settle()
    (held,) = told(command, "holds", "list")
    assert set(held) == {
        "system", "reason", "status", "changes", "contacts", "deletes", "emptied", "since", "until",
    }  # fmt: skip
    assert (held["system"], held["reason"], held["contacts"], held["deletes"]) == ("local", "brake", 2, 2)
    assert {one["name"] for one in told(command, "holds", "list", "--contacts")} == {"Ann", "Bo"}
    assert "--up-to 2" in command("holds", "list").stdout
    assert "Bo" in command("holds", "list", "--contacts").stdout
    command("holds", "reject", "--system", "nothing", exit_code=2)
    command("holds", "reject", exit_code=1)  # nobody was there to say yes
    assert "The brake holds nothing." in command("holds", "reject", "--system", "twenty", "--yes").stdout
    command("holds", "reject", "--yes")
    databases.settle()
    assert databases.run(living) == [(3,)]

    databases.run(delete)
    databases.settle()
    assert "1 is not enough" in command("holds", "approve", "--up-to", "1", exit_code=2).stderr
    command("holds", "approve", "--up-to", "2")
    assert databases.world.sql("SELECT first_name FROM identity.contacts_master WHERE deleted_at IS NULL") == [
        {"first_name": "Cy"}
    ]
    assert "Nothing is held." in command("holds", "list").stdout


# -- how values are told ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("city", "Oslo", "Oslo"),
        ("city", None, "(empty)"),
        ("llm_context/k", None, "(none)"),
        ("deleted", "true", "deleted"),
        ("deleted", None, "not deleted"),
    ],
)
def test_a_value_is_told_as_people_read_it(path: str, value: str | None, text: str) -> None:
    assert inbox.told(path, value) == text


# -- all of them ------------------------------------------------------------------------------------------------------

COMMANDS = [
    ("conflicts", "list"), ("conflicts", "show", "a"), ("conflicts", "restore", "a"), ("conflicts", "dismiss", "a"),
    ("review", "list"), ("review", "link", "a"), ("review", "separate", "a"),
    ("errors", "list"), ("errors", "retry", "a"),
    ("holds", "list"), ("holds", "reject"), ("holds", "approve", "--up-to", "3"),
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_before_there_is_a_hub_each_says_what_to_do_and_makes_nothing(
    project: Project, command: Command, words: tuple[str, ...]
) -> None:
    assert "Usage" in command(*words[:2], "--help").stdout
    assert "truth-forge-sync init" in command(*words, exit_code=2).stderr
    assert list(project.folder.iterdir()) == []


def test_an_unknown_id_is_refused_with_the_command_that_lists_them(project: Project, command: Command) -> None:
    command("init")
    for words in COMMANDS:
        if words[-1] == "a":
            assert f"truth-forge-sync {words[0]} list" in command(*words, exit_code=2).stderr
