"""An embedded hub that keeps a list of what it is asked: on BigQuery, each entry would be a job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from truth_forge_sync.hub.duckdb_engine import DuckDBEngine


@dataclass(frozen=True, slots=True)
class Job:
    """One job. ``kinds``: the first word of each of its statements; a load is a ``LOAD``."""

    kinds: tuple[str, ...]

    @property
    def writes(self) -> bool:
        return any(kind not in ("SELECT", "WITH") for kind in self.kinds)


class CountedEngine(DuckDBEngine):
    """``jobs``: what was asked since it was opened, or since somebody emptied the list."""

    def __init__(self, path: Path, dataset: str) -> None:
        super().__init__(path, dataset)
        self.jobs: list[Job] = []

    def query(self, sql: str) -> pa.Table:
        self._note(sql)
        return super().query(sql)

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        self._note(sql)
        yield from super().stream(sql)

    def script(self, statements: Sequence[str]) -> None:
        self._note(*statements)
        super().script(statements)

    def load(self, table: str, schema: pa.Schema, parquet: Path) -> None:
        self.jobs.append(Job(("LOAD",)))
        super().load(table, schema, parquet)

    def drop(self, tables: Iterable[str]) -> None:
        dropped = list(tables)
        if dropped:
            self.jobs.append(Job(("DROP",) * len(dropped)))
        super().drop(dropped)

    def _note(self, *statements: str) -> None:
        self.jobs.append(Job(tuple(map(_kind, statements))))


def _kind(statement: str) -> str:
    """The first word that is not in a comment."""
    lines = (line for line in statement.splitlines() if line.strip() and not line.lstrip().startswith("--"))
    return next(lines).split()[0].upper()
