"""One cycle between the embedded hub and two SQLite databases, to be run as a process of its own and killed.

``python -m truth_forge_sync_tests.sync.two_databases FOLDER``
"""

from __future__ import annotations

import sys
from pathlib import Path

from truth_forge_sync.hub.duckdb_engine import DuckDBEngine
from truth_forge_sync.hub.hand_edits import HandEdits
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.sync.push import push
from truth_forge_sync.sync.reconcile import reconcile
from truth_forge_sync.sync.rules import Rules
from truth_forge_sync.systems.local.system import Local
from truth_forge_sync.systems.protocol import System


def open_databases(folder: Path) -> dict[str, Local]:
    found = {name: Local(f"sqlite:///{folder / name}.db", region="US") for name in ("supabase", "local")}
    for name, system in found.items():
        system.name = name
    return found


def open_hub(folder: Path) -> Hub:
    return Hub(DuckDBEngine(folder / "hub.duckdb", "identity"))


def cycle(folder: Path) -> int:
    """One cycle; returns how many rows it wrote to the databases and the hub."""
    hub, databases = open_hub(folder), open_databases(folder)
    with hub.engine.session():  # opens the file once; only the tests may talk to systems meanwhile
        return _cycle(hub, databases)


def _cycle(hub: Hub, databases: dict[str, Local]) -> int:
    systems: list[System] = [HandEdits(hub, region="US"), *databases.values()]
    for system in systems:
        pull(hub, system)
    done = reconcile(hub, Rules(("bigquery", "supabase", "local")))
    pushed = [push(hub, system) for system in databases.values()]
    return done.created + done.updated + done.deleted + sum(p.created + p.updated + p.deleted for p in pushed)


if __name__ == "__main__":
    cycle(Path(sys.argv[1]))
