"""The embedded hub is frugal with memory, and takes more only where a statement can't do with less."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import duckdb
import pyarrow as pa
import pytest

from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.hub import duckdb_engine
from truth_forge_sync.hub.duckdb_engine import DuckDBEngine

GREEDY = """
CREATE OR REPLACE TABLE identity.lists AS
SELECT n, ARRAY_AGG(CONCAT('a text of some length ', CAST(n * m AS STRING)) ORDER BY m) AS texts
FROM UNNEST(GENERATE_ARRAY(1, 30000)) AS n CROSS JOIN UNNEST(GENERATE_ARRAY(1, 8)) AS m
GROUP BY n
"""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DuckDBEngine:
    monkeypatch.setattr(duckdb_engine, "FRUGAL_MEGABYTES", 16)
    engine = DuckDBEngine(tmp_path / "hub.duckdb", "identity")
    engine.create_dataset()
    return engine


def test_a_statement_that_needs_more_memory_gets_it(hub: DuckDBEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.script([GREEDY])
    (row,) = hub.query("SELECT COUNT(*) AS rows_made FROM identity.lists").to_pylist()
    assert row == {"rows_made": 30_000}
    monkeypatch.setattr(
        duckdb_engine, "_run", lambda connection, statement, values=None: connection.execute(statement, values)
    )
    with pytest.raises(duckdb.OutOfMemoryException):
        hub.script([GREEDY])


def test_the_next_statement_is_frugal_again(hub: DuckDBEngine) -> None:
    with hub.session():
        hub.script([GREEDY])
        (row,) = hub.query("SELECT current_setting('memory_limit') AS allowed").to_pylist()
    assert row == {"allowed": "15.2 MiB"}
    assert not list(hub.path.parent.glob("*.tmp"))


def test_a_stream_lets_go_of_what_it_has_brought(hub: DuckDBEngine) -> None:
    hub.script([GREEDY])
    before = pa.total_allocated_bytes()
    batches_held = [
        (pa.total_allocated_bytes() - before) / batch.nbytes
        for batch in hub.stream("SELECT texts FROM identity.lists CROSS JOIN UNNEST(GENERATE_ARRAY(1, 8)) AS once_more")
        if batch.num_rows == duckdb_engine.BATCH_ROWS
    ]
    assert len(batches_held) > 16
    assert max(batches_held) < 2


def test_a_long_session_opens_the_file_anew(hub: DuckDBEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_engine, "JOBS_OF_A_CONNECTION", 3)
    connect = Mock(wraps=duckdb.connect)
    monkeypatch.setattr(duckdb, "connect", connect)
    with hub.session():
        hub.script(["CREATE TABLE identity.counted (n INT64)"])
        for _ in range(4):
            hub.script(["INSERT INTO identity.counted SELECT COUNT(*) FROM identity.counted"])
        assert connect.call_count == 2
        found = hub.query("SELECT n, current_setting('memory_limit') AS allowed FROM identity.counted ORDER BY n")
    assert found.to_pylist() == [{"n": n, "allowed": "15.2 MiB"} for n in range(4)]


def test_a_session_that_loses_the_file_to_another_process_says_so(
    hub: DuckDBEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb_engine, "JOBS_OF_A_CONNECTION", 1)
    monkeypatch.setattr(duckdb_engine, "WAIT_SECONDS", 0)
    with hub.session():
        monkeypatch.setattr(duckdb, "connect", Mock(side_effect=duckdb.IOException("Could not set lock on file")))
        with pytest.raises(Retry, match="stayed locked"):
            hub.query("SELECT 1 AS one")
    monkeypatch.undo()
    assert hub.query("SELECT 1 AS one").to_pylist() == [{"one": 1}]


@pytest.mark.parametrize("missing", ["a_column FROM identity.made", "a_column FROM identity.not_made"])
def test_what_an_older_hub_lacks_is_said_with_its_remedy(hub: DuckDBEngine, missing: str) -> None:
    hub.script(["CREATE TABLE identity.made (another_column STRING)"])
    with pytest.raises(Stop, match=r"missing in hub\.duckdb: .*(a_column|not_made)") as stopped:
        hub.query(f"SELECT {missing}")
    assert stopped.value.remedy == "run: truth-forge-sync init"
