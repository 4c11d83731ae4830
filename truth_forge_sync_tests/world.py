"""A small world to test the laws in: an embedded hub and in-memory systems, moved one cycle at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from truth_forge_sync.contact import to_paths
from truth_forge_sync.errors import Retry
from truth_forge_sync.hub.duckdb_engine import DuckDBEngine
from truth_forge_sync.hub.engine import Engine
from truth_forge_sync.hub.hand_edits import HandEdits
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.sync.pull import Pulled, pull
from truth_forge_sync.sync.push import Pushed, push
from truth_forge_sync.sync.reconcile import Reconciled, reconcile
from truth_forge_sync.sync.rules import Rules
from truth_forge_sync.systems.memory import Memory
from truth_forge_sync.systems.protocol import System, Window


@dataclass
class Cycle:
    """What one cycle did; ``down`` names the systems that did not answer."""

    reconciled: Reconciled
    pulled: dict[str, Pulled] = field(default_factory=dict)
    pushed: dict[str, Pushed] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)

    @property
    def writes(self) -> int:
        return sum(p.created + p.updated + p.deleted for p in self.pushed.values()) + (
            self.reconciled.created + self.reconciled.updated + self.reconciled.deleted
        )


class QuickEngine(DuckDBEngine):
    """For a handful of rows, planning a statement well takes longer than running it badly; so does opening a file."""

    _stays_open: duckdb.DuckDBPyConnection | None = None

    def _open(self) -> duckdb.DuckDBPyConnection:
        self._stays_open = self._stays_open or super()._open()
        connection = super()._open()
        connection.execute("SET threads = 1; PRAGMA disable_optimizer")
        return connection


class World:
    """``systems``: the in-memory ones, by name. The hub is always there, under the name ``bigquery``."""

    def __init__(self, engine: Engine, names: tuple[str, ...] = ("twenty", "supabase", "local")) -> None:
        self.engine = engine
        self.hub = Hub(engine)
        self.hub.init()
        self.memories = {name: Memory(name) for name in names}
        self.rules = Rules(("bigquery", *names))

    @classmethod
    def embedded(cls, folder: Path, names: tuple[str, ...] = ("twenty", "supabase", "local")) -> World:
        return cls(QuickEngine(folder / "hub.duckdb", "identity"), names)

    def __getattr__(self, name: str) -> Memory:
        memories: dict[str, Memory] = self.__dict__.get("memories", {})
        if name not in memories:
            raise AttributeError(name)
        return memories[name]

    def cycle(self) -> Cycle:
        """Pull every system, reconcile, push every system; a system that is down is left for the next cycle."""
        with self.engine.session():  # nothing here is slow: opening the file once is only quicker
            return self._cycle(window=None)

    def sweep(self) -> Cycle:
        """A cycle that reads everything, whatever the markers say."""
        with self.engine.session():
            return self._cycle(window=Window())

    def _cycle(self, window: Window | None) -> Cycle:
        self.hub = Hub(self.engine)  # as a new process would open it
        systems: list[System] = [HandEdits(self.hub, region="US"), *self.memories.values()]
        pulled, pushed, down = {}, {}, set()
        for system in systems:
            try:
                pulled[system.name] = pull(self.hub, system, window=window)
            except Retry:
                down.add(system.name)
        reconciled = reconcile(self.hub, self.rules)
        for memory in self.memories.values():
            try:
                pushed[memory.name] = push(self.hub, memory)
            except Retry:
                down.add(memory.name)
        return Cycle(reconciled, pulled, pushed, down)

    def settle(self, most: int = 4) -> None:
        """Run cycles until one writes nothing. Fails where that takes more than ``most``."""
        for _ in range(most):
            if not self.cycle().writes:
                return
        raise AssertionError(f"still writing after {most} cycles")

    def sql(self, statement: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.engine.query(statement).to_pylist()
        return rows

    def snapshot(self, tables: Mapping[str, str]) -> dict[str, list[str]]:
        """What these tables of the hub hold, to be compared. ``tables``: {table: columns}."""
        return {
            table: sorted(map(repr, self.sql(f"SELECT {columns} FROM identity.{table}")))
            for table, columns in tables.items()
        }

    def edit_hub(self, statement: str) -> None:
        self.engine.script([statement])

    def views(self) -> dict[str, dict[str, dict[str, str]]]:
        """Per system, contact id → canonical values of the living rows: what must be equal everywhere."""
        columns = self.sql("SELECT * FROM identity.contacts_master WHERE deleted_at IS NULL")
        hub = {row["contact_id"]: to_paths(row, region="US")[0] for row in columns}
        links = {
            (row["system"], row["native_id"]): row["contact_id"]
            for row in self.sql("SELECT * FROM identity.sync_links")
        }
        return {"bigquery": hub} | {
            name: {
                links.get((name, native_id), native_id): dict(row.values)
                for native_id, row in memory.rows.items()
                if not row.deleted
            }
            for name, memory in self.memories.items()
        }

    def assert_aligned(self) -> None:
        views = self.views()
        for name, view in views.items():
            assert view == views["bigquery"], name
