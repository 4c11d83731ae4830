"""What every engine does alike: one body, run on DuckDB and on the BigQuery emulator."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from truth_forge_sync.errors import Stop
from truth_forge_sync.hub.bigquery_engine import BigQueryEngine, bigquery_field
from truth_forge_sync.hub.engine import Engine
from truth_forge_sync.settings import Settings

PAIRS = pa.list_(pa.struct([("path", pa.string()), ("value", pa.string())]))
SCHEMA = pa.schema(
    [
        ("native_id", pa.string()),
        ("seen_at", pa.timestamp("us", tz="UTC")),
        ("born", pa.date32()),
        ("row_count", pa.int64()),
        ("share", pa.float64()),
        ("gone", pa.bool_()),
        ("tags", pa.list_(pa.string())),
        ("fields", PAIRS),
    ]
)
MOMENT = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)
FULL: dict[str, Any] = {
    "native_id": "1",
    "seen_at": MOMENT,
    "born": date(1984, 2, 29),
    "row_count": 2**53 + 1,
    "share": 0.25,
    "gone": True,
    "tags": ["a", "ß/'\"\\"],
    "fields": [{"path": "first_name", "value": "Zoë 🙂 名\nO'Brien"}, {"path": "notes", "value": None}],
}
EMPTY: dict[str, Any] = dict.fromkeys(SCHEMA.names) | {"native_id": "2", "tags": [], "fields": []}


@pytest.fixture
def hub(engine: Engine) -> Engine:
    engine.create_dataset()
    return engine


def load(hub: Engine, table: str, folder: Path, rows: list[dict[str, Any]], schema: pa.Schema = SCHEMA) -> None:
    path = folder / f"{table}.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    hub.load(table, schema, path)


def rows_of(hub: Engine, table: str, order: str = "native_id") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = hub.query(f"SELECT * FROM {hub.dataset}.{table} ORDER BY {order}").to_pylist()
    return found


def test_creating_the_dataset_twice_is_creating_it_once(hub: Engine) -> None:
    hub.create_dataset()
    assert hub.tables("") == set()


def test_what_is_loaded_comes_back_as_it_was(hub: Engine, tmp_path: Path) -> None:
    load(hub, "staged_a", tmp_path, [FULL, EMPTY])
    assert rows_of(hub, "staged_a") == [FULL, EMPTY]


def test_loaded_lists_unnest_into_their_fields(hub: Engine, tmp_path: Path) -> None:
    load(hub, "staged_a", tmp_path, [FULL, EMPTY])
    found = hub.query(
        f"""
        SELECT s.native_id, f.path, f.value
        FROM {hub.dataset}.staged_a AS s CROSS JOIN UNNEST(s.fields) AS f
        ORDER BY f.path
        """
    )
    assert found.to_pylist() == [{"native_id": "1", **pair} for pair in FULL["fields"]]


def test_a_query_without_rows_keeps_its_columns(hub: Engine) -> None:
    found = hub.query(
        "SELECT 'a' AS name, TIMESTAMP '2024-01-01 00:00:00+00' AS seen_at FROM (SELECT 1 AS one) WHERE FALSE"
    )
    assert (found.num_rows, found.column_names) == (0, ["name", "seen_at"])


def test_a_stream_brings_every_row_once_in_order_and_in_bounded_batches(hub: Engine) -> None:
    numbers = f"""
    SELECT n, CONCAT('ü', CAST(n AS STRING)) AS name, [STRUCT('p' AS path, n AS value)] AS pairs
    FROM {hub.dataset}.numbers
    """
    hub.script([f"CREATE TABLE {hub.dataset}.numbers AS SELECT n FROM UNNEST(GENERATE_ARRAY(1, 25000)) AS n"])
    batches = list(hub.stream(f"{numbers} ORDER BY n DESC"))
    assert max(batch.num_rows for batch in batches) <= 10_000
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [row["n"] for row in rows] == list(range(25_000, 0, -1))
    assert rows[0] == {"n": 25_000, "name": "ü25000", "pairs": [{"path": "p", "value": 25_000}]}


def test_a_stream_that_is_left_early_leaves_nothing_behind(hub: Engine) -> None:
    hub.script([f"CREATE TABLE {hub.dataset}.numbers AS SELECT n FROM UNNEST(GENERATE_ARRAY(1, 25000)) AS n"])
    stream = hub.stream(f"SELECT n FROM {hub.dataset}.numbers")
    next(iter(stream))
    stream.close()  # type: ignore[attr-defined]
    assert hub.tables("") == {"numbers"}


def test_a_script_runs_its_statements_in_order_as_one_job(hub: Engine) -> None:
    before = hub.statements
    hub.script(
        [
            f"CREATE TABLE {hub.dataset}.target (id STRING, n INT64, parts ARRAY<STRUCT<path STRING, n INT64>>)",
            f"INSERT INTO {hub.dataset}.target (id, n) VALUES ('kept', 1), ('changed', 1), ('a; b', 9) -- a comment",
            f"""
            MERGE INTO {hub.dataset}.target AS t
            USING (
              SELECT 'kept' AS id, 1 AS n UNION ALL SELECT 'changed', 2
              UNION ALL SELECT 'new', 3 UNION ALL SELECT 'unwanted', 0
            ) AS s
            ON t.id = s.id
            WHEN MATCHED AND t.n <> s.n THEN UPDATE SET n = s.n, parts = [STRUCT('a' AS path, s.n AS n)]
            WHEN NOT MATCHED BY TARGET AND s.n > 0 THEN INSERT (id, n) VALUES (s.id, s.n)
            """,
            f"DELETE FROM {hub.dataset}.target WHERE id IN (SELECT id FROM {hub.dataset}.target WHERE n = 9)",
        ]
    )
    assert {row["id"]: row["n"] for row in rows_of(hub, "target", "id")} == {"kept": 1, "changed": 2, "new": 3}
    assert rows_of(hub, "target", "id")[0]["parts"] == [{"path": "a", "n": 2}]
    assert hub.statements - before == 3  # the script, and two queries


def test_a_script_of_nothing_asks_for_nothing(hub: Engine) -> None:
    before = hub.statements
    hub.script([])
    assert hub.statements - before <= 1


def test_a_script_that_fails_keeps_what_it_did_before(hub: Engine) -> None:
    with pytest.raises(Exception, match="missing_column"):
        hub.script(
            [f"CREATE TABLE {hub.dataset}.done AS SELECT 1 AS n", f"SELECT missing_column FROM {hub.dataset}.done"]
        )
    assert hub.tables("done") == {"done"}


def test_tables_are_found_by_the_start_of_their_names(hub: Engine, tmp_path: Path) -> None:
    for name in ("sync_staged_a", "sync_staged_b", "sync_plan_a"):
        load(hub, name, tmp_path, [EMPTY])
    assert hub.tables("sync_staged_") == {"sync_staged_a", "sync_staged_b"}
    hub.script([f"DROP TABLE IF EXISTS {hub.dataset}.sync_staged_a"])
    assert hub.tables("sync_") == {"sync_staged_b", "sync_plan_a"}


def test_a_file_of_several_pages_is_one_table(hub: Engine, tmp_path: Path) -> None:
    path = tmp_path / "pages.parquet"
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for page in range(3):
            rows = [EMPTY | {"native_id": f"{page}-{row}"} for row in range(1000)]
            writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
    hub.load("staged_pages", SCHEMA, path)
    (count,) = hub.query(f"SELECT COUNT(DISTINCT native_id) AS n FROM {hub.dataset}.staged_pages").to_pylist()
    assert count == {"n": 3000}


def test_an_engine_that_was_closed_opens_again(hub: Engine) -> None:
    hub.close()
    assert hub.query("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_a_missing_table_of_bigquery_is_said_with_its_remedy(bigquery_emulator: Settings) -> None:
    with closing(BigQueryEngine.from_settings(bigquery_emulator)) as hub:
        hub.create_dataset()
        with pytest.raises(Stop, match="truth-forge-sync init"):
            hub.query(f"SELECT * FROM {hub.dataset}.never_made")


def test_without_the_storage_api_rows_come_over_rest(bigquery_emulator: Settings) -> None:
    rest_only = bigquery_emulator.model_copy(update={"bigquery_storage_emulator_host": None})
    with closing(BigQueryEngine.from_settings(rest_only)) as hub:
        hub.create_dataset()
        batches = list(hub.stream("SELECT n FROM UNNEST(GENERATE_ARRAY(1, 12000)) AS n ORDER BY n"))
    assert [row["n"] for batch in batches for row in batch.to_pylist()] == list(range(1, 12_001))
    assert max(batch.num_rows for batch in batches) <= 10_000


def test_the_emulator_can_not_tell_when_a_table_was_modified(bigquery_emulator: Settings) -> None:
    with closing(BigQueryEngine.from_settings(bigquery_emulator)) as hub:
        assert hub.modified("contacts_master") is None


def test_a_column_type_that_the_hub_does_not_use_is_refused() -> None:
    with pytest.raises(ValueError, match="column price: no BigQuery type"):
        bigquery_field(pa.field("price", pa.decimal128(10, 2)))
