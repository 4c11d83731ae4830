"""A hub between two local databases in SQLite, the first full of contacts: systems of ours without a server, so that
their size costs nothing but our own work. The second one goes by the name of Supabase.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from truth_forge_sync.hub.engine import open_engine
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.sandbox.stand_ins import settings_of
from truth_forge_sync.settings import Settings
from truth_forge_sync.systems.local.system import Local

_CONTACTS: Final = Path(__file__).with_name("local_contacts.sql")


@dataclass(frozen=True, slots=True)
class TwoDatabases:
    """In ``folder``, which another process may be told."""

    folder: Path

    @property
    def full(self) -> Path:
        return self.folder / "full.sqlite"

    @property
    def empty(self) -> Path:
        return self.folder / "empty.sqlite"

    @property
    def settings(self) -> Settings:
        return settings_of(
            {
                "TRUTH_FORGE_HUB_PATH": str(self.folder / "hub.duckdb"),
                "LOCAL_DATABASE_URL": _url(self.full),
                "SUPABASE_URL": "http://supabase.invalid",
                "SUPABASE_KEY": "sb_secret_of_nothing",
            }
        )

    def open_full(self) -> Local:
        return Local(_url(self.full), region="US")

    def open_empty(self) -> Local:
        system = Local(_url(self.empty), region="US")
        system.name = "supabase"
        return system


def _url(database: Path) -> str:
    return f"sqlite:///{database}"


def make_two_databases(folder: Path, contacts: int) -> TwoDatabases:
    made = TwoDatabases(folder)
    with closing(open_engine(made.settings)) as engine:
        Hub(engine).init()
    for system in (made.open_full(), made.open_empty()):
        with closing(system):
            list(system.init())
    with closing(sqlite3.connect(made.full)) as connection, connection:
        connection.execute(_CONTACTS.read_text(), {"count": contacts})
    return made
