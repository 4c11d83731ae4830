"""The service under systemd."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from truth_forge_sync.service.systemd import SERVICES, TARGET, files
from truth_forge_sync_tests.project import Project
from truth_forge_sync_tests.service.conftest import Command, Machine, plan

ALWAYS = SERVICES[:3]
ACTIVE = 'case "$*" in *is-active*) printf "active\\nactive\\nactive\\n";; --version) echo "systemd 252 (252)";; esac'


def units(project: Project) -> Path:
    return project.folder.parent / "user/.config/systemd/user"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
@pytest.mark.parametrize("user", [None, "daemon"])
def test_systemd_finds_no_fault_in_the_units(project: Project, tmp_path: Path, user: str | None) -> None:
    folder = tmp_path / "units"
    folder.mkdir()
    # What a systemd before 254 does not know is left away.
    made = files(plan(project.folder, user=user), folder, back_off=False)
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (run := tmp_path / "run").mkdir(mode=0o700)
    scope = "--system" if user else "--user"
    checked = subprocess.run(
        ["systemd-analyze", "verify", scope, *(folder / unit for unit in (*SERVICES, TARGET))],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(run)},
        check=False,
    )
    assert not [line for line in checked.stderr.splitlines() if "truth-forge-sync" in line]
    assert checked.returncode == 0, checked.stderr


def test_a_system_wide_unit_is_hardened_and_runs_as_its_own_user(project: Project) -> None:
    made = files(plan(project.folder, user="truth-forge"), Path("/etc/systemd/system"))
    escaped = str(project.folder).replace("%", "%%")
    for service in SERVICES:
        lines = made[Path("/etc/systemd/system") / service].splitlines()
        assert {"User=truth-forge", "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes"} <= set(lines)
        assert {f'ReadWritePaths="{escaped}"', f"WorkingDirectory={escaped}", "Restart=always"} <= set(lines)
        assert "RestartMaxDelaySec=2min" in lines


def test_a_users_unit_names_no_user_and_no_protection_that_systemd_may_deny(project: Project) -> None:
    for path, text in files(plan(project.folder, user=None), Path("/units")).items():
        assert not any(word in text for word in ("User=", "ProtectSystem", "PrivateTmp", "multi-user"))
        assert path.suffix != ".service" or "NoNewPrivileges=yes" in text


def test_install_starts_it_now_and_at_boot_and_uninstall_removes_all(
    project: Project, command: Command, machine: Machine
) -> None:
    machine.has("systemctl", ACTIVE)
    command("service", "install", "--systemd")
    asked = machine.asked()
    assert asked[-2:] == ["systemctl --user daemon-reload", f"systemctl --user enable --now {TARGET}"]
    assert {path.name for path in units(project).iterdir()} == {*ALWAYS, TARGET}
    workspace = project.folder / ".truth_forge/service/workspace.yaml"
    assert "port: 4000" in workspace.read_text()
    command("service", "install", "--systemd", "--code-port", "4001")
    assert machine.asked()[-1] == f"systemctl --user restart {TARGET}"
    assert "port: 4001" in workspace.read_text()
    command("service", "uninstall", "--systemd")
    assert machine.asked() == [f"systemctl --user disable --now {TARGET}", "systemctl --user daemon-reload"]
    assert not list(units(project).iterdir())
    assert not workspace.exists()


def test_a_dry_run_prints_the_files_and_changes_nothing(project: Project, command: Command, machine: Machine) -> None:
    machine.has("systemctl", ACTIVE)
    before = set(project.folder.parent.rglob("*"))
    said = command("service", "install", "--systemd", "--dry-run").stdout
    assert all(f"--- {units(project) / unit}" in said for unit in (*ALWAYS, TARGET))
    assert machine.asked() == ["systemctl --version"]
    assert set(project.folder.parent.rglob("*")) == before


def test_start_stop_and_logs_are_passed_on(project: Project, command: Command, machine: Machine) -> None:
    machine.has("systemctl", ACTIVE)
    machine.has("journalctl")
    command("service", "install", "--systemd")
    machine.asked()
    command("service", "stop", "--systemd")
    command("service", "start", "--systemd")
    command("service", "logs", "--systemd", "--follow", "-n", "7")
    stopped, started, shown = machine.asked()
    assert (stopped, started) == (f"systemctl --user stop {TARGET}", f"systemctl --user start {TARGET}")
    assert shown.startswith(f"journalctl --user-unit {SERVICES[0]}")
    assert shown.endswith("--lines 7 --follow")


def test_status_fails_where_one_of_them_does_not_run(project: Project, command: Command, machine: Machine) -> None:
    machine.has("systemctl", ACTIVE)
    command("service", "install", "--systemd")
    command("service", "status", "--systemd")
    machine.has("systemctl", ACTIVE.replace("active\\nactive\\nactive", "active\\nfailed\\nactive"))
    said = command("service", "status", "--systemd", exit_code=1).stdout
    assert f"{SERVICES[1]:<36}failed" in said


def test_the_receiver_of_webhooks_is_there_where_one_could_be_verified(
    project: Project, command: Command, machine: Machine
) -> None:
    machine.has("systemctl", ACTIVE.replace("active\\nactive\\nactive", "active\\nactive\\nactive\\nfailed"))
    machine.has("journalctl")
    project.configure(TWENTY_WEBHOOK_SECRET="of Twenty's")
    said = command("service", "install", "--systemd", "--webhooks-port", "8766").stdout
    assert "http://127.0.0.1:8766" in said
    receiver = units(project) / SERVICES[3]
    assert "webhooks serve --host 127.0.0.1 --port 8766\n" in receiver.read_text()
    assert receiver.name in (units(project) / TARGET).read_text()
    assert "of Twenty" not in "".join(path.read_text() for path in units(project).iterdir())
    assert f"{receiver.name:<36}failed" in command("service", "status", "--systemd", exit_code=1).stdout
    machine.asked()
    command("service", "logs", "--systemd")
    assert f"--user-unit {receiver.name}" in machine.asked()[0]

    command("service", "install", "--systemd", "--no-webhooks")
    asked = machine.asked()
    assert asked.index(f"systemctl --user disable --now {receiver.name}") < asked.index(
        "systemctl --user daemon-reload"
    )
    assert {path.name for path in units(project).iterdir()} == {*ALWAYS, TARGET}
    assert receiver.name not in (units(project) / TARGET).read_text()

    command("service", "install", "--systemd", "--webhooks")
    assert receiver.exists()
    command("service", "uninstall", "--systemd")
    assert not list(units(project).iterdir())


def test_a_receiver_that_could_verify_nothing_is_refused(project: Project, command: Command, machine: Machine) -> None:
    machine.has("systemctl", ACTIVE)
    said = command("service", "install", "--systemd", "--webhooks", exit_code=2).stderr
    assert "no webhook could be verified" in said
    assert not units(project).exists()


def test_a_receiver_without_its_libraries_is_refused(
    project: Project, command: Command, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.has("systemctl", ACTIVE)
    project.configure(SUPABASE_WEBHOOK_SECRET="of Supabase's")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "webhooks need uvicorn" in command("service", "install", "--systemd", exit_code=2).stderr
    assert not units(project).exists()
    command("service", "install", "--systemd", "--no-webhooks")


def test_what_is_not_installed_cannot_be_stopped(project: Project, command: Command, machine: Machine) -> None:
    assert "nothing is installed for you" in command("service", "stop", "--systemd", exit_code=2).stderr
    assert machine.asked() == []


def test_a_machine_without_systemd_is_told_so(project: Project, command: Command, machine: Machine) -> None:
    assert "systemctl is not on this machine" in command("service", "install", "--systemd", exit_code=2).stderr
    assert not units(project).exists()


def test_a_systemd_that_does_not_listen_is_quoted_and_nothing_is_written(
    project: Project, command: Command, machine: Machine
) -> None:
    machine.has("systemctl", 'echo "Failed to connect to bus: No medium found" >&2; exit 1')
    said = command("service", "install", "--systemd", exit_code=2).stderr
    assert "Failed to connect to bus" in said
    assert "login session" in said
    assert not units(project).exists()


def test_wrong_settings_are_refused(project: Project, command: Command, machine: Machine) -> None:
    machine.has("systemctl", ACTIVE)
    project.configure(TWENTY_REQUESTS_PER_MINUTE="many")
    assert "TWENTY_REQUESTS_PER_MINUTE" in command("service", "install", "--systemd", exit_code=2).stderr
    assert not units(project).exists()


def test_settings_that_only_the_shell_knows_are_refused(
    project: Project, command: Command, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.has("systemctl", ACTIVE)
    monkeypatch.setenv("LOCAL_DATABASE_URL", "sqlite:///local.sqlite")
    said = command("service", "install", "--systemd", exit_code=2).stderr
    assert "only this shell knows LOCAL_DATABASE_URL" in said
    assert os.environ["LOCAL_DATABASE_URL"] == "sqlite:///local.sqlite"
    project.with_local()
    command("service", "install", "--systemd")


@pytest.mark.skipif(os.geteuid() != 0, reason="a folder of root's needs root")
def test_a_system_wide_service_does_not_run_as_root(project: Project, command: Command, machine: Machine) -> None:
    machine.has("systemctl", ACTIVE)
    said = command("service", "install", "--systemd", "--system", "--dry-run", exit_code=2).stderr
    assert "belongs to root" in said
    os.chown(project.folder, 65534, 65534)
    assert "User=nobody" in command("service", "install", "--systemd", "--system", "--dry-run").stdout


def test_no_project_no_service(
    tmp_path: Path, command: Command, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert "no dagster.yaml" in command("service", "install", "--systemd", exit_code=2).stderr
