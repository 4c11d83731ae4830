"""Law 11: kill the process at any point, run again: same end state, no duplicate, no lost edit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from truth_forge_sync.sync.crash import CRASH_AT
from truth_forge_sync_tests.sync.two_databases import cycle, open_databases, open_hub

POINTS = [
    "pull.local.loaded",
    "pull.supabase.loaded",
    "reconcile.decided",
    "reconcile.applied",
    "push.supabase.written",
    "push.local.written",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    open_hub(tmp_path).init()
    for system in open_databases(tmp_path).values():
        list(system.init())
    return tmp_path


def kill_a_cycle_at(point: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "truth_forge_sync_tests.sync.two_databases", str(folder)],
        env={**os.environ, CRASH_AT: point},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, "the cycle must have been killed at that point"


def execute(folder: Path, name: str, statement: str, **values: str) -> list[dict[str, object]]:
    with sa.create_engine(f"sqlite:///{folder / name}.db").begin() as connection:
        result = connection.execute(sa.text(statement), values)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []


def contacts(folder: Path, name: str) -> list[dict[str, object]]:
    return execute(
        folder,
        name,
        "SELECT first_name, job_title, city FROM contacts_master WHERE deleted_at IS NULL ORDER BY first_name",
    )


def settle(folder: Path) -> None:
    for _ in range(4):
        if cycle(folder) == 0:
            return
    raise AssertionError("still writing after four cycles")


@pytest.mark.parametrize("point", POINTS)
def test_a_create_and_two_edits_survive_a_crash_without_a_duplicate(folder: Path, point: str) -> None:
    execute(
        folder, "local", "INSERT INTO contacts_master (id, first_name, primary_email) VALUES ('a1', 'Ann', 'ann@x.com')"
    )
    settle(folder)
    execute(folder, "local", "UPDATE contacts_master SET job_title = 'Chair' WHERE first_name = 'Ann'")
    execute(folder, "supabase", "UPDATE contacts_master SET city = 'Oslo' WHERE first_name = 'Ann'")
    execute(
        folder,
        "supabase",
        "INSERT INTO contacts_master (id, first_name, primary_email) VALUES ('b1', 'Bo', 'bo@x.com')",
    )
    execute(
        folder, "local", "INSERT INTO contacts_master (id, first_name, primary_email) VALUES ('c1', 'Cy', 'cy@x.com')"
    )

    kill_a_cycle_at(point, folder)
    settle(folder)

    wanted = [
        {"first_name": "Ann", "job_title": "Chair", "city": "Oslo"},
        {"first_name": "Bo", "job_title": None, "city": None},
        {"first_name": "Cy", "job_title": None, "city": None},
    ]
    assert contacts(folder, "local") == wanted
    assert contacts(folder, "supabase") == wanted
    hub = open_hub(folder).engine.query(
        "SELECT first_name, job_title, city FROM identity.contacts_master ORDER BY first_name"
    )
    assert hub.to_pylist() == wanted


def test_our_own_write_seen_after_a_crash_does_not_beat_a_newer_edit(folder: Path) -> None:
    """Law 4: without it, the value written before the crash would come back as an edit of that moment."""
    execute(
        folder, "local", "INSERT INTO contacts_master (id, first_name, primary_email) VALUES ('a1', 'Ann', 'ann@x.com')"
    )
    settle(folder)
    execute(folder, "local", "UPDATE contacts_master SET city = 'first' WHERE TRUE")
    kill_a_cycle_at("push.supabase.written", folder)
    assert contacts(folder, "supabase")[0]["city"] == "first", "the write took effect, and nobody heard of it"
    # A person types again, and their database's clock is an hour behind: only the intent says who wrote what.
    execute(folder, "local", "UPDATE contacts_master SET city = 'second' WHERE TRUE")
    settle(folder)
    assert contacts(folder, "supabase")[0]["city"] == "second"
    assert contacts(folder, "local")[0]["city"] == "second"
    assert open_hub(folder).engine.query("SELECT * FROM identity.sync_conflicts").num_rows == 0
