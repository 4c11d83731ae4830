"""``status``: an answer, whatever is dead or missing."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from truth_forge_sync import get_stats
from truth_forge_sync.home import open_instance
from truth_forge_sync_tests.cli.conftest import Command
from truth_forge_sync_tests.project import Project
from truth_forge_sync_tests.test_status import beat

ROOT = Path(__file__).parents[2]


def test_before_anything_exists_it_says_what_to_do_and_makes_nothing(project: Project, command: Command) -> None:
    result = command("status", exit_code=1)
    assert "not running" in result.stdout
    assert "not configured" in result.stdout
    assert list(project.folder.iterdir()) == []


def test_beside_a_sandbox_it_says_how_to_look_at_that_one(project: Project, command: Command) -> None:
    made = json.loads(command("status", "--json", exit_code=1).stdout)["systems"]["bigquery"]["message"]
    assert "hub.duckdb does not exist yet" in made
    assert made.endswith("run: truth-forge-sync init")
    (project.folder / ".truth_forge" / "sandbox").mkdir(parents=True)
    (project.folder / ".truth_forge" / "sandbox" / "hub.duckdb").touch()
    beside = json.loads(command("status", "--json", exit_code=1).stdout)["systems"]["bigquery"]["message"]
    assert beside == made + ', or for the sandbox: eval "$(truth-forge-sync sandbox env)"'
    assert beside in command("errors", "list", exit_code=2).stderr


def test_after_a_cycle_it_tells_programs_what_happened(project: Project, command: Command) -> None:
    shutil.copy(ROOT / "dagster.yaml", project.folder)
    project.with_local()
    command("init")
    command("hub", "sql", "INSERT INTO identity.contacts_master (first_name) VALUES ('Bo')")
    command("sync")
    told = json.loads(command("status", "--json", exit_code=1).stdout)  # nobody started the daemon
    assert set(told) == {
        "running", "last_sync_time", "last_success_time", "next_sync_time", "contacts", "aligned_share",
        "conflicts_open", "review_open", "errors_parked", "systems",
    }  # fmt: skip
    assert (told["running"], told["next_sync_time"]) == (False, None)
    assert told["last_sync_time"] == told["last_success_time"] is not None
    assert (told["contacts"], told["aligned_share"], told["errors_parked"]) == (1, 1.0, 0)
    local = told["systems"]["local"]
    assert set(local) == {"configured", "healthy", "last_read_at", "lag_seconds", "pending", "message"}
    assert (local["configured"], local["healthy"], local["pending"], local["message"]) == (True, True, 0, None)
    assert 0 <= local["lag_seconds"] < 600
    assert not told["systems"]["twenty"]["configured"]
    assert get_stats().keys() == told.keys()


def test_it_takes_less_than_importing_dagster_twice(project: Project, command: Command) -> None:
    """Processor time, as a ratio, so that it says the same of every machine; it was 0.9 where this was written."""
    shutil.copy(ROOT / "dagster.yaml", project.folder)
    project.with_local()
    command("init")
    with open_instance() as instance:
        beat(instance, age=300)
    status = [sys.executable, "-m", "truth_forge_sync.cli", "status", "--json"]
    dagster = [sys.executable, "-c", "import dagster"]
    rounds = [(_processor_seconds(status, exit_code=1), _processor_seconds(dagster)) for _ in range(3)]
    asked, imported = (min(times) for times in zip(*rounds, strict=True))
    assert asked < 1.4 * imported


def _processor_seconds(command: list[str], exit_code: int = 0) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert finished.returncode == exit_code, finished.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
