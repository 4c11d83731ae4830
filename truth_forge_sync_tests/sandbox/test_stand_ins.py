"""The stand-ins run in the background, keep data and ports, get over a crash, and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
import psycopg
import pytest

from truth_forge_sync.errors import Stop
from truth_forge_sync.sandbox.gate import REQUESTS
from truth_forge_sync.sandbox.native import twenty_client
from truth_forge_sync.sandbox.postgres import is_running
from truth_forge_sync.sandbox.serve import HOST
from truth_forge_sync.sandbox.stand_ins import StandIns, child_environment, end
from truth_forge_sync.sandbox.state import ProcessId, State, StateFile


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[StandIns]:
    # Not pytest's own folder: a PostgreSQL that root starts runs as another user, who must get there.
    folder = Path(tempfile.mkdtemp(prefix="truth_forge_sandbox_"))
    found = StandIns(folder / ".truth_forge")
    try:
        assert found.start()
        yield found
    finally:
        found.stop()
        shutil.rmtree(folder)


def _process(stand_ins: StandIns) -> psutil.Process:
    found = stand_ins.state().stand_ins
    assert found is not None
    process = found.find()
    assert process is not None
    return process


def _sql(stand_ins: StandIns, statement: str) -> list[tuple[object, ...]]:
    url = stand_ins.state().postgres_url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_a_second_start_finds_them_running(stand_ins: StandIns) -> None:
    before = _process(stand_ins).pid
    assert not stand_ins.start()
    assert _process(stand_ins).pid == before


def test_they_belong_to_no_terminal(stand_ins: StandIns) -> None:
    assert os.getsid(_process(stand_ins).pid) != os.getsid(0)


def test_only_the_owner_may_read_the_keys_and_nobody_logs_them(stand_ins: StandIns) -> None:
    assert stat.S_IMODE(stand_ins.state_file.path.stat().st_mode) == 0o600
    state, log = stand_ins.state(), stand_ins.log_file.read_text()
    assert state.twenty_key not in log
    assert state.supabase_key not in log
    arguments = " ".join(_process(stand_ins).cmdline())
    assert state.twenty_key not in arguments
    assert state.supabase_key not in arguments


def test_settings_of_real_systems_do_not_reach_the_sandbox(
    stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_PROJECT", "the-real-one")
    monkeypatch.setenv("TWENTY_URL", "https://crm.example.com")
    monkeypatch.setenv("TRUTH_FORGE_HUB_PATH", "/elsewhere/hub.duckdb")
    settings = stand_ins.settings()
    assert settings.bigquery_project is None
    assert settings.twenty_url == f"http://{HOST}:{stand_ins.state().twenty_port}"
    assert settings.hub_path == stand_ins.hub_file
    assert settings.configured == ("bigquery", "twenty", "supabase", "local")
    child = child_environment(stand_ins.environment())
    assert "BIGQUERY_PROJECT" not in child
    assert child["TWENTY_URL"] == settings.twenty_url


def test_one_that_is_taken_down_refuses_until_it_is_taken_up_and_the_other_goes_on(stand_ins: StandIns) -> None:
    settings = stand_ins.settings()
    stand_ins.take_down("twenty")
    with twenty_client(settings) as twenty, pytest.raises(httpx.HTTPStatusError, match="503"):
        twenty.get("/rest/people")
    assert httpx.get(f"{settings.supabase_url}/rest/v1/", trust_env=False).status_code == 401
    stand_ins.take_up("twenty")
    with twenty_client(settings) as twenty:
        assert twenty.get("/rest/people").is_success


def test_each_counts_the_requests_that_came(stand_ins: StandIns) -> None:
    with twenty_client(stand_ins.settings()) as twenty:
        before = twenty.get(REQUESTS).json()["requests"]
        for _ in range(3):
            twenty.get("/rest/people")
        assert twenty.get(REQUESTS).json()["requests"] == before + 3


def test_a_killed_one_starts_again_with_its_data_and_the_ports_that_are_free(stand_ins: StandIns) -> None:
    before = stand_ins.state()
    _sql(stand_ins, "CREATE TABLE kept AS SELECT 'Zoë' AS name")
    with twenty_client(stand_ins.settings()) as twenty:
        twenty.post("/rest/people", json={"name": {"firstName": "Zoë"}})

    process = _process(stand_ins)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert is_running(stand_ins.postgres_folder)  # orphaned
    assert not stand_ins.is_running()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((HOST, before.twenty_port))
        taken.listen()
        assert stand_ins.start()

    after = stand_ins.state()
    assert after.twenty_port != before.twenty_port
    assert after.supabase_port == before.supabase_port
    assert (after.twenty_key, after.supabase_key) == (before.twenty_key, before.supabase_key)
    assert _sql(stand_ins, "SELECT name FROM kept") == [("Zoë",)]
    with twenty_client(stand_ins.settings()) as twenty:
        assert twenty.get("/rest/people").json()["totalCount"] == 1


def test_a_stop_leaves_nothing_running_and_is_safe_to_repeat(stand_ins: StandIns) -> None:
    process = _process(stand_ins)
    assert stand_ins.stop()
    assert not process.is_running()
    assert not is_running(stand_ins.postgres_folder)
    assert not stand_ins.stop()
    with pytest.raises(Stop, match="not running"):
        stand_ins.state()


def test_a_sandbox_that_was_never_started_says_so_and_makes_nothing(tmp_path: Path) -> None:
    never = StandIns(tmp_path / ".truth_forge")
    assert not never.is_running()
    assert not never.stop()
    with pytest.raises(Stop, match="never started"):
        never.environment()
    assert not never.folder.exists()


def test_a_process_whose_parent_does_not_ask_about_it_is_ended_all_the_same() -> None:
    # Dagster gives SIGTERM the handler of SIGINT, which jobs in a shell's background ignore, and so do their children.
    heed = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_DFL); print(flush=True); time.sleep(60)"
    command = [sys.executable, "-c", heed]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        began = time.monotonic()
        assert end(ProcessId.of(process.pid), 10)
        assert time.monotonic() - began < 5


def test_a_process_number_used_again_is_not_taken_for_ours() -> None:
    ours = ProcessId.of(os.getpid())
    assert ours.find() is not None
    assert ProcessId(pid=ours.pid, started=ours.started - 60).find() is None


def test_a_change_of_the_state_that_fails_changes_nothing(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    with file.change() as state:
        state.twenty_port = 4711
    with pytest.raises(ZeroDivisionError), file.change() as state:
        state.twenty_port = 1 // 0
    kept = file.read()
    assert isinstance(kept, State)
    assert kept.twenty_port == 4711


def test_a_damaged_state_names_its_remedy(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    file.path.write_text("{half")
    with pytest.raises(Stop, match="remove it"):
        file.read()
