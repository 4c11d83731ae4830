"""``doctor``: what is wrong, for people and for programs; the exit code says whether anything is."""

from __future__ import annotations

import json

from truth_forge_sync_tests.cli.conftest import Command
from truth_forge_sync_tests.project import Project


def test_before_init_it_says_what_to_run_and_makes_nothing(project: Project, command: Command) -> None:
    local = project.with_local()
    result = command("doctor", exit_code=1)
    assert "failed" in result.stdout and "run: truth-forge-sync init" in result.stdout
    assert "not configured" in result.stdout
    assert not local.exists() and not (project.folder / ".truth_forge").exists()


def test_after_init_it_is_content_and_tells_programs_one_list(project: Project, command: Command) -> None:
    project.with_local()
    command("init")
    assert "0 failures, 0 warnings." in command("doctor").stdout
    told = json.loads(command("doctor", "--json").stdout)
    assert all(set(finding) == {"system", "check", "status", "message", "remedy"} for finding in told)
    assert {finding["status"] for finding in told if finding["system"] in ("bigquery", "local")} == {"ok"}
    assert {finding["status"] for finding in told if finding["system"] in ("twenty", "supabase")} == {"skipped"}


def test_wrong_settings_are_told_all_at_once(project: Project, command: Command) -> None:
    project.configure(TWENTY_URL="nowhere", TWENTY_API_KEY="a-secret", TRUTH_FORGE_DEFAULT_REGION="Narnia")
    result = command("doctor", exit_code=2)
    assert "TWENTY_URL" in result.stderr and "TRUTH_FORGE_DEFAULT_REGION" in result.stderr
    assert "a-secret" not in result.output
