"""The SQLite database under the stand-in: one connection, one table an object, unique fields as unique indexes.

Every request runs on this one connection under a lock, so a request is a transaction unless it chooses otherwise.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from truth_forge_sync.sandbox.twenty.errors import duplicate, foreign_key
from truth_forge_sync.sandbox.twenty.fields import Column, Field, Row, Sql
from truth_forge_sync.sandbox.twenty.objects import ObjectType

_LAYOUT = """
CREATE TABLE IF NOT EXISTS "_customField" (id TEXT PRIMARY KEY, object TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS "_webhook" (id TEXT PRIMARY KEY, body TEXT NOT NULL);
"""


class Store:
    """`path` None keeps everything in memory; otherwise the file is created if missing."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self._connection = sqlite3.connect(
            ":memory:" if path is None else path, check_same_thread=False, isolation_level=None
        )
        self._connection.create_function("fold", 1, _fold, deterministic=True)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "case_sensitive_like=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_LAYOUT)

    def checkpoint(self) -> None:
        """Bring the database file up to date, so that a copy of it alone is complete."""
        with self.lock:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def transaction(self, table: str | None = None) -> Iterator[None]:
        """All or nothing. A broken constraint of `table` is raised as the API's own error."""
        with self.lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except sqlite3.IntegrityError as error:
                self._connection.execute("ROLLBACK")
                if table is not None and "FOREIGN KEY" in str(error):
                    raise foreign_key(table) from error
                raise duplicate() from error
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, statement: str, parameters: Sequence[Sql] = ()) -> list[Row]:
        cursor = self._connection.execute(statement, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor]

    def scalar(self, statement: str, parameters: Sequence[Sql] = ()) -> Sql:
        """The first column of the first row; None when there is no row."""
        found = self._connection.execute(statement, parameters).fetchone()
        return None if found is None else found[0]

    def execute(self, statement: str, parameters: Sequence[Sql] = ()) -> None:
        self._connection.execute(statement, parameters)

    def insert(self, table: str, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        names = ", ".join(f'"{column.name}"' for column in columns)
        marks = ", ".join("?" for _ in columns)
        self._connection.executemany(
            f'INSERT INTO "{table}" ({names}) VALUES ({marks})',
            [[row.get(column.name) for column in columns] for row in rows],
        )

    def update(self, table: str, row_id: str, values: Row) -> None:
        assignments = ", ".join(f'"{name}" = ?' for name in values)
        self._connection.execute(f'UPDATE "{table}" SET {assignments} WHERE id = ?', [*values.values(), row_id])

    def create_table(self, kind: ObjectType) -> None:
        """The object's table, if missing, and the indexes that keep the usual reads fast at 50,000 rows."""
        columns = ",\n  ".join(_definition(column) for column in kind.columns)
        self._connection.execute(f'CREATE TABLE IF NOT EXISTS "{kind.singular}" (\n  {columns}\n)')
        # Both cover "which ids", for the default order and for a range of updatedAt, without touching a row.
        for name, indexed in (
            ("live", '"deletedAt", id'),
            ("updated", '"updatedAt", "deletedAt", id'),
            ("position", "position"),
        ):
            self._connection.execute(
                f'CREATE INDEX IF NOT EXISTS "{kind.singular}_{name}" ON "{kind.singular}" ({indexed})'
            )
        if "company" in kind.by_name:
            self._connection.execute(
                f'CREATE INDEX IF NOT EXISTS "{kind.singular}_company" ON "{kind.singular}" ("companyId")'
            )
        for _, column in kind.unique_fields:
            self.create_unique(kind.singular, column)

    def add_field(self, table: str, field: Field) -> None:
        for column in field.columns:
            self._connection.execute(f'ALTER TABLE "{table}" ADD COLUMN {_definition(column)}')
        if field.unique_column is not None:
            self.create_unique(table, field.unique_column)

    def drop_field(self, table: str, field: Field) -> None:
        for column in field.columns:
            self.drop_unique(table, column)
            self._connection.execute(f'ALTER TABLE "{table}" DROP COLUMN "{column.name}"')

    def create_unique(self, table: str, column: Column) -> None:
        """Soft-deleted rows hold their value too; any number of rows may hold none."""
        self._connection.execute(
            f'CREATE UNIQUE INDEX IF NOT EXISTS "{table}_unique_{column.name}" ON "{table}" ("{column.name}")'
        )

    def drop_unique(self, table: str, column: Column) -> None:
        self._connection.execute(f'DROP INDEX IF EXISTS "{table}_unique_{column.name}"')


def _definition(column: Column) -> str:
    if column.name == "id":
        return '"id" TEXT PRIMARY KEY NOT NULL'
    reference = " REFERENCES company(id) ON DELETE SET NULL" if column.name == "companyId" else ""
    return f'"{column.name}" {column.kind.sql_type}{reference}'


def _fold(text: str | None) -> str | None:
    """Case folding beyond ASCII, which SQLite's own lower() doesn't do."""
    return None if text is None else text.casefold()
