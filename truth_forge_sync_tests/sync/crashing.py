"""A hub that dies at a chosen point: between any two of its statements, as by a power cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from truth_forge_sync_tests.world import QuickEngine


class PowerCut(BaseException):
    """Not an Exception: nothing in the product may handle it."""


class CrashingEngine(QuickEngine):
    """Counts every step that reaches the hub; ``crash_at`` is the number of the step before which it dies."""

    step = 0
    crash_at: int | None = None

    def arm(self, crash_at: int | None) -> None:
        """Die before the step with this number, counted from now on (None: never)."""
        self.step, self.crash_at = 0, crash_at

    def _tick(self) -> None:
        self.step += 1
        if self.step == self.crash_at:
            raise PowerCut

    def query(self, sql: str) -> pa.Table:
        self._tick()
        return super().query(sql)

    def stream(self, sql: str) -> Iterator[pa.RecordBatch]:
        self._tick()
        yield from super().stream(sql)

    def script(self, statements: Sequence[str]) -> None:
        for statement in statements:
            self._tick()
            super().script([statement])

    def load(self, table: str, schema: pa.Schema, parquet: Path) -> None:
        self._tick()
        super().load(table, schema, parquet)

    def drop(self, tables: Iterable[str]) -> None:
        self._tick()
        super().drop(tables)
