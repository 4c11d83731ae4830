"""The stand-ins of Supabase and Twenty in a process of their own, empty, and without Twenty's request limit.

In a process of their own, because a server that shares the interpreter with what is measured slows both sides of a
ratio alike, and so hides what it is to show.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import psycopg

from truth_forge_sync.hub.engine import open_engine
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.sandbox.stand_ins import settings_of
from truth_forge_sync.settings import Settings
from truth_forge_sync.systems import open_system
from truth_forge_sync.systems.supabase.setup import setup_sql

_START_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Servers:
    """Four systems that ``init`` has been run on. ``environment`` is all that another process needs to reach them."""

    environment: dict[str, str]
    postgres_url: str
    """The database behind Supabase, for SQLAlchemy."""

    @property
    def settings(self) -> Settings:
        return settings_of(self.environment)


@contextmanager
def servers() -> Iterator[Servers]:
    """Started, initialised, and gone with their data after the block."""
    # Not in a private folder: where root runs this, PostgreSQL runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="truth_forge_bench_"))
    folder.chmod(0o755)
    key = f"sb_secret_{secrets.token_hex(8)}"
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(folder, key, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(_START_SECONDS):
            raise TimeoutError(f"the stand-ins did not start within {_START_SECONDS:.0f} s")
        supabase, twenty, postgres_url = ours.recv()
        environment = {
            "TRUTH_FORGE_HUB_PATH": str(folder / "hub.duckdb"),
            "TWENTY_URL": twenty,
            "TWENTY_API_KEY": key,
            "TWENTY_REQUESTS_PER_MINUTE": "0",
            "SUPABASE_URL": supabase,
            "SUPABASE_KEY": key,
            "LOCAL_DATABASE_URL": f"sqlite:///{folder / 'local.sqlite'}",
        }
        made = Servers(environment, postgres_url)
        _init(made)
        yield made
    finally:
        ours.close()  # which asks it to end
        process.join(_START_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: Path, key: str, asked_by: Connection) -> None:
    """The other process: say where everything is, and serve until the one who asked hangs up."""
    from truth_forge_sync.sandbox.postgres import postgres
    from truth_forge_sync.sandbox.serve import serve
    from truth_forge_sync.sandbox.supabase import create_supabase_app
    from truth_forge_sync.sandbox.twenty import create_twenty_app

    with ExitStack() as stack:
        database = stack.enter_context(postgres(folder / "postgres"))
        database.forgo_durability()
        supabase = stack.enter_context(serve(create_supabase_app(database.dsn(), key)))
        twenty = stack.enter_context(serve(create_twenty_app(None, key, requests_per_minute=None)))
        asked_by.send((supabase.url, twenty.url, database.url()))
        try:
            asked_by.recv()
        except EOFError:
            return


def _init(made: Servers) -> None:
    settings = made.settings
    dsn = made.postgres_url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(setup_sql(settings.supabase_contacts_table).encode())
    with closing(open_engine(settings)) as engine:
        Hub(engine).init()
    for name in settings.configured:
        if name != "bigquery":
            with closing(open_system(name, settings)) as system:
                list(system.init())
