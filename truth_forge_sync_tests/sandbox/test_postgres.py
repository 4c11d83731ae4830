"""The embedded PostgreSQL keeps data, stops cleanly, and gets over what a crash leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from truth_forge_sync.sandbox.postgres import Postgres, is_running, postgres, stop_postgres


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="truth_forge_postgres_"))
    yield parent / "data"
    shutil.rmtree(parent)


def test_data_survive_a_restart(folder: Path) -> None:
    with postgres(folder) as server:
        server.create_database("kept")
        server.create_database("kept")  # once more does no harm
        with psycopg.connect(server.dsn("kept")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'Zoë' AS name")
    assert not is_running(folder)
    with postgres(folder) as server, psycopg.connect(server.dsn("kept")) as connection:
        assert connection.execute("SELECT name FROM kept").fetchall() == [("Zoë",)]


def test_a_crash_leaves_nothing_that_stops_the_next_start_or_stop(folder: Path) -> None:
    with postgres(folder):
        pass
    # As after a kill: the pid file names a number that another process has by now, and a dead holder is still listed.
    lines = [str(os.getppid()), str(folder), "0", "5432", "", "", "0 0", "ready"]
    (folder / "postmaster.pid").write_text("\n".join(lines))
    (folder / ".handle_pids.json").write_text(json.dumps([2**22 + 1]))
    assert not is_running(folder)
    with postgres(folder) as server, psycopg.connect(server.dsn()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not is_running(folder)


def test_a_server_can_be_stopped_from_outside(folder: Path) -> None:
    with postgres(folder):
        assert is_running(folder)
        assert stop_postgres(folder)
        assert not is_running(folder)
        assert not stop_postgres(folder)


def test_both_kinds_of_url_reach_the_same_database(
    postgres_server: Postgres, postgres_url: str, postgres_dsn: str
) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("CREATE TABLE here (id int)")
    engine = sqlalchemy.create_engine(postgres_url)
    assert sqlalchemy.inspect(engine).get_table_names() == ["here"]
    engine.dispose()


def test_upper_and_lower_case_know_accents_whatever_the_machine_s_locale(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        assert connection.execute("SELECT 'É' ILIKE 'é', upper('ø')").fetchone() == (True, "Ø")
