"""What runs the hub's statements: BigQuery, or DuckDB on one file. Only :func:`open_engine` knows which it is.

All SQL that reaches an engine is GoogleSQL; data reach it as Parquet files loaded into new tables, never as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from truth_forge_sync.hub.lease import Lease
from truth_forge_sync.settings import Settings

STAGED_FOR = timedelta(days=7)
"""How long tables of one batch or cycle are kept when nothing removes them earlier."""


class Engine(Protocol):
    """One hub. Raises :class:`~truth_forge_sync.errors.Retry` where it is busy or down and
    :class:`~truth_forge_sync.errors.Stop` where a person must act."""

    dataset: str
    statements: int
    """Jobs sent since it was opened: a query, a script and a load count one each."""
    lease: Lease | None
    """Who may change the hub; None where only one machine reaches it."""
    contacts_at_once: int | None
    """How many a cycle decides about at most before it carries that out; None: all, however many they are."""

    def session(self) -> AbstractContextManager[None]:
        """Keep the hub at hand for several calls in a row. The embedded hub's file stays open meanwhile (and is
        opened anew now and then in a long one), and other processes wait: no talking to other systems within."""
        ...

    def query(self, sql: str) -> pa.Table:
        """The rows of one SELECT, whole."""
        ...

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The rows of one SELECT in bounded batches."""
        ...

    def script(self, statements: Sequence[str]) -> None:
        """Run the statements in order. Each is atomic, the sequence is not; one job on BigQuery."""
        ...

    def load(self, table: str, schema: pa.Schema, parquet: Path) -> None:
        """Make ``table`` (a bare name, new) of the file's rows, atomically; it expires after :data:`STAGED_FOR`.
        Columns are in the order of ``schema``."""
        ...

    def tables(self, prefix: str) -> set[str]:
        """Bare names of the tables that start with ``prefix``."""
        ...

    def columns(self, table: str) -> set[str]:
        """Names of the columns that the table (a bare name) has."""
        ...

    def drop(self, tables: Iterable[str]) -> None:
        """Remove these tables (bare names), where they are there."""
        ...

    def modified(self, table: str) -> str | None:
        """A text that changes whenever the table does, free of charge; None where the engine can't tell."""
        ...

    def create_dataset(self) -> None:
        """Create the dataset if it is missing."""
        ...

    def close(self) -> None: ...


def open_engine(settings: Settings) -> Engine:
    """The engine that the settings name. Client libraries are imported where they are used (seconds each)."""
    if settings.bigquery_project:
        from truth_forge_sync.hub.bigquery_engine import BigQueryEngine

        return BigQueryEngine.from_settings(settings)
    from truth_forge_sync.hub.duckdb_engine import DuckDBEngine

    return DuckDBEngine(settings.hub_path, settings.bigquery_dataset)
