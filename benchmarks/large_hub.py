"""A hub with any number of contacts that three systems hold alike, made by its own statements from staged batches.

No system stands behind them: what is measured on it are the hub's statements alone.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Final

import duckdb

from truth_forge_sync.contact import FIELD
from truth_forge_sync.hub.duckdb_engine import DuckDBEngine
from truth_forge_sync.hub.hand_edits import HUB
from truth_forge_sync.hub.hub import BATCH_MANIFEST, Hub, new_id
from truth_forge_sync.hub.staging import STAGED
from truth_forge_sync.sync.reconcile import Reconciled, reconcile
from truth_forge_sync.sync.rules import Rules

SYSTEMS: Final = ("twenty", "supabase", "local")

_ROWS: Final = Path(__file__).with_name("staged_rows.sql")
_BY_HAND: Final = Path(__file__).with_name("by_hand.sql")


@dataclass(frozen=True, slots=True)
class Change:
    """Seconds that the same change took: ``reconciled`` by us, ``by_hand`` in SQL written for it alone."""

    reconciled: float
    by_hand: float


@dataclass
class LargeHub:
    """``contacts`` in a hub, and nothing that waits."""

    engine: DuckDBEngine
    contacts: int
    edits: int = 0

    def fill(self) -> None:
        for system in SYSTEMS:
            self._stage(system, 0, self.contacts)
        if self._reconcile().created != self.contacts:
            raise RuntimeError("three systems that hold the same contacts were not taken for that")

    def change(self, count: int) -> float:
        """Seconds that it takes to reconcile ``count`` contacts that were changed in one system."""
        self._edit(count)
        return self._timed(count)

    def change_both_ways(self, count: int) -> Change:
        """The same, and by hand on a copy."""
        batch = self._edit(count)
        with tempfile.TemporaryDirectory(prefix="truth_forge_bench_") as folder:
            copy = shutil.copy(self.engine.path, folder)
            by_hand = _by_hand(Path(copy), batch)
        return Change(self._timed(count), by_hand)

    def _edit(self, count: int) -> str:
        self.edits += 1
        first = count * self.edits % max(self.contacts - count, 1)
        return self._stage(SYSTEMS[0], first, count)

    def _timed(self, count: int) -> float:
        began = monotonic()
        reconciled = self._reconcile()
        seconds = monotonic() - began
        if reconciled.updated != count:
            raise RuntimeError(f"{reconciled.updated} contacts were updated, not {count}")
        return seconds

    def _reconcile(self) -> Reconciled:
        return reconcile(Hub(self.engine), Rules((HUB, *SYSTEMS)))

    def _stage(self, system: str, first: int, count: int) -> str:
        batch, read_at = new_id(), datetime.now(UTC)
        with tempfile.TemporaryDirectory(prefix="truth-forge-") as folder:
            path = Path(folder) / "rows.parquet"
            values = {"system": system, "edit": self.edits, "read_at": read_at, "first": first, "count": count}
            with duckdb.connect() as connection:
                connection.execute(f"COPY ({_ROWS.read_text()}) TO '{path}' (FORMAT parquet)", values)
            self.engine.load(f"sync_staged_{batch}", STAGED, path)
        manifest = {
            "system": system,
            "row_count": count,
            "live": True,
            "complete": False,
            "fields": sorted(FIELD),
            "marker": str(self.edits),
            "marker_since": read_at,
            "watermark": read_at,
            "read_at": read_at,
            "requests": 0,
            "seconds": 0.0,
        }
        Hub(self.engine).record("batch", BATCH_MANIFEST, [manifest], batch=batch)
        return batch


def _by_hand(hub_file: Path, batch: str) -> float:
    script = _BY_HAND.read_text().replace("STAGED", f"sync_staged_{batch}").replace("BATCH", batch)
    began = monotonic()
    with duckdb.connect(str(hub_file)) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        connection.execute(script)
    return monotonic() - began


@contextmanager
def large_hub(contacts: int) -> Iterator[LargeHub]:
    with tempfile.TemporaryDirectory(prefix="truth_forge_bench_") as folder:
        engine = DuckDBEngine(Path(folder) / "hub.duckdb", "identity")
        Hub(engine).init()
        made = LargeHub(engine, contacts)
        made.fill()
        yield made
