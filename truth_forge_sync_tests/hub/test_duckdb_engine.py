"""The embedded hub is frugal with memory, and takes more only where a statement can't do with less."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

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
    assert max(batches_held) < 4
