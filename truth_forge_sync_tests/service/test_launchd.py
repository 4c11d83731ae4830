"""The service under launchd."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Any

import pytest

from truth_forge_sync.service.launchd import JOBS, LABEL, files
from truth_forge_sync.service.rotate import rotate
from truth_forge_sync_tests.project import Project
from truth_forge_sync_tests.service.conftest import Command, Machine, plan

FOLDER = Path("/Library/LaunchDaemons")
NOT_LOADED = 'case "$1" in print) exit 113;; esac'
RUNNING = 'case "$1" in print) echo "state = running";; esac'


def jobs(project: Project, user: str | None = None) -> dict[str, dict[str, Any]]:
    made = files(plan(project.folder, user=user), FOLDER)
    return {name: plistlib.loads(made[FOLDER / f"{LABEL}.{name}.plist"].encode()) for name in JOBS}


@pytest.mark.parametrize("user", [None, "truth-forge"])
def test_the_lists_hold_absolute_paths_only(project: Project, user: str | None) -> None:
    for name, job in jobs(project, user).items():
        assert job["Label"] == f"{LABEL}.{name}"
        assert job.get("UserName") == user
        assert job["EnvironmentVariables"]["DAGSTER_HOME"] == job["WorkingDirectory"] == str(project.folder)
        paths = [job[key] for key in ("WorkingDirectory", "StandardOutPath", "StandardErrorPath")]
        assert all(Path(path).is_absolute() for path in [job["ProgramArguments"][0], *paths])
        assert name == "rotate" or (job["RunAtLoad"] and job["KeepAlive"])


def test_install_loads_the_jobs_and_uninstall_removes_them(
    project: Project, command: Command, machine: Machine
) -> None:
    machine.has("launchctl", NOT_LOADED)
    agents = project.folder.parent / "user/Library/LaunchAgents"
    project.configure(SUPABASE_WEBHOOK_SECRET="of Supabase's")
    command("service", "install", "--launchd")
    loaded = [line for line in machine.asked() if "bootstrap" in line]
    assert [line.rsplit("/", 1)[1] for line in loaded] == [f"{LABEL}.{name}.plist" for name in JOBS]
    assert len(list(agents.iterdir())) == len(JOBS)
    assert (project.folder / ".truth_forge/log").is_dir()
    command("service", "status", "--launchd", exit_code=1)
    machine.has("launchctl", RUNNING)
    command("service", "status", "--launchd")
    machine.asked()
    command("service", "uninstall", "--launchd")
    assert sum("bootout" in line for line in machine.asked()) == len(JOBS)
    assert not list(agents.iterdir())


def test_webhooks_are_taken_where_one_could_be_verified_and_no_longer_when_unwanted(
    project: Project, command: Command, machine: Machine
) -> None:
    machine.has("launchctl", RUNNING)
    machine.has("tail")
    receiver = project.folder.parent / f"user/Library/LaunchAgents/{LABEL}.webhooks.plist"
    command("service", "install", "--launchd")
    assert not receiver.exists()
    assert "webhooks" not in command("service", "status", "--launchd").stdout
    project.configure(TWENTY_WEBHOOK_SECRET="of Twenty's")
    command("service", "install", "--launchd")
    assert plistlib.loads(receiver.read_bytes())["ProgramArguments"][2:5] == [
        "truth_forge_sync.cli",
        "webhooks",
        "serve",
    ]
    assert f"{LABEL}.webhooks" in command("service", "status", "--launchd").stdout
    machine.asked()
    command("service", "logs", "--launchd")
    assert "webhooks.log" in machine.asked()[-1]
    command("service", "install", "--launchd", "--no-webhooks")
    assert any(line.startswith("launchctl bootout") and line.endswith(".webhooks") for line in machine.asked())
    assert not receiver.exists()


def test_a_log_that_has_grown_is_kept_and_goes_on_empty(tmp_path: Path) -> None:
    log = tmp_path / "code.log"
    with log.open("a") as written:
        for line in ("first", "second", "third", "fourth", "fifth"):
            print(line, file=written, flush=True)
            rotate(tmp_path, limit=4, kept=3)
    assert log.read_text() == ""
    kept = [path.read_text().strip() for path in sorted(tmp_path.glob("code.log.*"))]
    assert kept == ["fifth", "fourth", "third"]
    rotate(tmp_path, limit=4)
    assert len(list(tmp_path.iterdir())) == 4
