"""An embedded hub that takes SQL in DuckDB's own words, too, on a connection with the settings of every other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from truth_forge_sync.hub.duckdb_engine import DuckDBEngine


class PlainEngine(DuckDBEngine):
    def plain(self, sql: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run statements as they are; the rows of the last one. ``values`` are for the ``$names`` of a single one."""
        with self._connection() as connection:
            rows: list[tuple[Any, ...]] = connection.execute(sql, dict(values) if values else None).fetchall()
        return rows
