"""The embedded hub: the same GoogleSQL on one DuckDB file, transpiled by sqlglot.

DuckDB lets one process write at a time. So the file is opened for each unit of work and closed again (15 ms at a
million rows), in a long one now and then, and a process that finds it taken waits its turn.
"""

from __future__ import annotations

import tempfile
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.hub.allocator import give_back_blocks
from truth_forge_sync.hub.dialect import Dialect
from truth_forge_sync.hub.lease import Lease

# The other way to Arrow plans each statement twice; our results are a few rows.
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result makes an extra copy")

BATCH_ROWS = 10_000
# Each thread holds the rows of a group until it is written.
_IN_SMALL_GROUPS = f"(FORMAT parquet, ROW_GROUP_SIZE {BATCH_ROWS})"
WAIT_SECONDS = 60
CONTACTS_AT_ONCE = 10_000
"""What is to be known for a decision about these fits into the memory that a statement gets at first."""
FRUGAL_MEGABYTES = 192
"""What a statement gets at first: what does not fit goes to a folder beside the hub's file, at hardly any cost in time.
Not every statement can do with that; DuckDB's own limit is most of the machine's memory."""
JOBS_OF_A_CONNECTION = 16
"""More than a cycle takes that is not divided. DuckDB holds on to memory until the file is closed, outside of its own
count: 1.5 MB for each 10,000 contacts decided about."""
CLOSING_MEGABYTES = 48
"""Closing the file writes groups of 120,000 rows anew: as quickly with so little."""


class DuckDBEngine:
    """The hub in the DuckDB file ``path`` (made with its folder when missing), in schema ``dataset``."""

    lease: Lease | None = None
    """Processes of one machine wait for their turn by a lock on a file."""
    contacts_at_once: int | None = CONTACTS_AT_ONCE

    def __init__(self, path: Path, dataset: str) -> None:
        self.path = path
        self.dataset = dataset
        self.statements = 0
        # One connection per process and file: DuckDB refuses two with different settings, and a reader that streams
        # must not be closed under its feet by another thread of the web server.
        self._turn = threading.RLock()
        self._open_connection: duckdb.DuckDBPyConnection | None = None
        self._jobs_of_connection = 0
        give_back_blocks()
        self._dialect = Dialect(path.with_suffix(".statements.json"))

    @contextmanager
    def session(self) -> Iterator[None]:
        with self._connection():
            yield

    def query(self, sql: str) -> pa.Table:
        with self._connection() as connection:
            return _run(connection, self._dialect.of(sql)).to_arrow_table()

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        # By way of a file of their own: a consumer that talks to a slow system must not keep the hub locked, and the
        # rows may be more than fit into memory.
        with tempfile.TemporaryDirectory(prefix="truth-forge-") as folder:
            rows = Path(folder) / "rows.parquet"
            with self._connection() as connection:
                _run(connection, f"COPY ({self._dialect.of(sql)}) TO '{rows}' {_IN_SMALL_GROUPS}")
            with pq.ParquetFile(rows) as file:
                # (iter_batches holds on to what it has read, and so do busy threads)
                for group in range(file.num_row_groups):
                    yield from file.read_row_group(group, use_threads=False).to_batches(BATCH_ROWS)

    def script(self, statements: Sequence[str]) -> None:
        with self._connection() as connection:
            for statement in statements:
                _run(connection, self._dialect.of(statement))

    def load(self, table: str, schema: pa.Schema, parquet: Path) -> None:
        with self._connection() as connection:
            _run(
                connection,
                f'CREATE TABLE "{self.dataset}"."{table}" AS SELECT * FROM read_parquet($file)',
                {"file": str(parquet)},
            )

    def tables(self, prefix: str) -> set[str]:
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT table_name FROM information_schema.tables "
                "WHERE table_schema = $schema AND starts_with(table_name, $prefix)",
                {"schema": self.dataset, "prefix": prefix},
            ).fetchall()
        return {name for (name,) in rows}

    def columns(self, table: str) -> set[str]:
        with self._connection() as connection:  # (the information schema takes fifty times as long)
            connection.execute(f'SELECT * FROM "{self.dataset}"."{table}" LIMIT 0')
            return {name for name, *_ in connection.description or ()}

    def drop(self, tables: Iterable[str]) -> None:
        with self._connection() as connection:
            for table in tables:
                connection.execute(f'DROP TABLE IF EXISTS "{self.dataset}"."{table}"')

    def modified(self, table: str) -> str | None:
        return None

    def create_dataset(self) -> None:
        with self._connection() as connection:
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{self.dataset}"')

    def close(self) -> None: ...

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._turn:
            self.statements += 1
            if self._open_connection is not None:
                yield self._renewed(self._open_connection)
                return
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._open_connection = self._open()
            try:
                yield self._open_connection
            except (duckdb.CatalogException, duckdb.BinderException) as error:
                what, *_the_statement = str(error).splitlines()
                raise Stop(
                    f"a table or a column is missing in {self.path.name}: {what}",
                    system="bigquery",
                    remedy="run: truth-forge-sync init",
                ) from error
            finally:
                _close(self._open_connection)
                self._open_connection = None
                self._dialect.save()

    def _renewed(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """The connection of a session; a new one where it has done its share."""
        self._jobs_of_connection += 1
        if self._jobs_of_connection > JOBS_OF_A_CONNECTION:
            _close(connection)
            self._open_connection = connection = self._open()
        return connection

    def _open(self) -> duckdb.DuckDBPyConnection:
        waiting = Retrying(
            retry=retry_if_exception(_is_taken),
            wait=wait_random_exponential(multiplier=0.01, max=0.25),
            stop=stop_after_delay(WAIT_SECONDS),
            reraise=True,
        )
        try:
            connection = waiting(duckdb.connect, str(self.path))
        except duckdb.IOException as error:
            raise Retry(
                f"the hub file stayed locked for {WAIT_SECONDS} s or can't be opened",
                system="bigquery",
                remedy="close other programs that have the DuckDB file open",
            ) from error
        # A bar for each statement of more than two seconds is for a person at a prompt, not for a daemon's log.
        connection.execute(
            "SET TimeZone = 'UTC'; SET preserve_insertion_order = false; SET enable_progress_bar = false"
        )
        _limit(connection, FRUGAL_MEGABYTES)
        self._jobs_of_connection = 1
        return connection


def _run(
    connection: duckdb.DuckDBPyConnection, statement: str, values: Mapping[str, str] | None = None
) -> duckdb.DuckDBPyConnection:
    """With as much memory as it takes, where the frugal share is not enough; a statement that failed did nothing."""
    try:
        return connection.execute(statement, values)
    except duckdb.OutOfMemoryException:
        connection.execute("RESET memory_limit")
        try:
            return connection.execute(statement, values)
        finally:
            _limit(connection, FRUGAL_MEGABYTES)


def _close(connection: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.Error):  # of a file that broke, which is to be told and not this
        _limit(connection, CLOSING_MEGABYTES)
    connection.close()


def _limit(connection: duckdb.DuckDBPyConnection, megabytes: int) -> None:
    connection.execute(f"SET memory_limit = '{megabytes} MB'")


def _is_taken(error: BaseException) -> bool:
    return isinstance(error, duckdb.IOException) and "lock" in str(error).lower()
