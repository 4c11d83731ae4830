"""``sync``: one cycle, told in one object."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from dagster import AssetKey

from truth_forge_sync.assets.pulls import LIVE
from truth_forge_sync.automation.in_process import gather
from truth_forge_sync.cli.sync import run_tags
from truth_forge_sync_tests.cli.conftest import Command
from truth_forge_sync_tests.project import Project

SYSTEM = {"status", "read", "changed", "created", "updated", "deleted", "refused", "requests", "seconds"}


def cycle(command: Command, *options: str, exit_code: int = 0) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(command("sync", "--json", *options, exit_code=exit_code).stdout)
    return told


def test_a_contact_entered_by_sql_reaches_the_local_database_and_then_nothing_moves(
    project: Project, command: Command
) -> None:
    local = project.with_local()
    command("init")
    command(
        "hub", "sql", "INSERT INTO identity.contacts_master (first_name, primary_email) VALUES ('Bo', 'bo@example.com')"
    )

    foreseen = cycle(command, "--dry-run")
    assert foreseen["systems"]["local"]["create"] == foreseen["hub"]["created"] == 1
    assert sqlite3.connect(local).execute("SELECT COUNT(*) FROM contacts_master").fetchone() == (0,)

    first = cycle(command)
    assert sqlite3.connect(local).execute("SELECT first_name FROM contacts_master").fetchall() == [("Bo",)]
    assert set(first) == {"cycle_id", "status", "systems", "hub", "writes"}
    assert all(set(system) == SYSTEM for system in first["systems"].values())
    assert set(first["hub"]) == {"created", "updated", "deleted", "conflicts", "review"}
    assert first["cycle_id"]
    assert first["status"] == "ok"
    assert first["systems"]["twenty"]["status"] == "skipped"
    assert first["systems"]["local"]["created"] == 1
    assert first["writes"] == 2

    second = cycle(command, "--system", "local", "--full")
    assert (second["status"], second["writes"]) == ("ok", 0)
    assert second["systems"]["local"]["read"] == 1
    assert second["systems"]["bigquery"]["status"] == "skipped"


def test_a_system_that_is_down_degrades_the_cycle_and_the_others_go_on(project: Project, command: Command) -> None:
    project.configure(TWENTY_URL="http://127.0.0.1:9", TWENTY_API_KEY="a-secret")
    command("init", exit_code=1)
    told = cycle(command, exit_code=1)
    assert told["status"] == "degraded"
    assert {name: one["status"] for name, one in told["systems"].items()} == {
        "bigquery": "ok", "twenty": "down", "supabase": "skipped", "local": "skipped",
    }  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        ("--system", "twenty"),  # not configured
        ("--system", "nothing"),
        ("--full", "--since", "2024-01-01"),
        ("--since", "2024-01-02", "--until", "2024-01-01"),
        ("--since", "yesterday"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_done(
    project: Project, command: Command, options: tuple[str, ...]
) -> None:
    command("sync", *options, exit_code=2)
    assert not (project.folder / ".truth_forge").exists()


def test_chosen_days_are_read_again_instead_of_what_is_new() -> None:
    from datetime import datetime

    tags = run_tags(full=False, since=datetime.fromisoformat("2024-01-02"), until=datetime.fromisoformat("2024-01-05"))
    assert LIVE not in tags
    assert tags["dagster/asset_partition_range_start"] == "2024-01-02"
    assert tags["dagster/asset_partition_range_end"] == "2024-01-05"
    assert run_tags(full=False, since=None, until=None)[LIVE] == "true"


def test_what_pull_and_push_say_of_a_system_is_added_up() -> None:
    said: dict[AssetKey, dict[str, Any]] = {
        AssetKey(["hub", "contacts"]): {
            "cycle_id": "c1",
            "created": 1,
            "updated": 2,
            "deleted": 0,
            "changed": {"local": 3},
        },
        AssetKey(["local", "contacts"]): {"status": "ok", "read": 3, "requests": 2, "seconds": 0.5},
        AssetKey(["local", "published"]): {"status": "ok", "updated": 4, "refused": 1, "requests": 3, "seconds": 0.25},
        AssetKey(["twenty", "contacts"]): {"status": "stopped", "message": "wrong key"},
    }
    report = gather(said)
    local = report.systems["local"]
    assert (local.status, local.read, local.changed, local.updated, local.requests) == ("refused", 3, 3, 4, 5)
    assert local.seconds == 0.75
    assert (report.systems["twenty"].status, report.systems["twenty"].message) == ("refused", "wrong key")
    assert (report.status, report.writes) == ("degraded", 7)
    assert gather({}, succeeded=False).status == "failed"
