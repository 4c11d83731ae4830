"""Settings of one system at a time, on a stand-in of it that is set up."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from truth_forge_sync.sandbox.postgres import Postgres
from truth_forge_sync.sandbox.serve import serve
from truth_forge_sync.sandbox.supabase import create_supabase_app
from truth_forge_sync.sandbox.twenty import create_twenty_app
from truth_forge_sync.settings import Settings, SystemName
from truth_forge_sync.systems import open_system
from truth_forge_sync.systems.supabase import rest, setup_sql
from truth_forge_sync.systems.twenty import client
from truth_forge_sync_tests.project import make_project

KEY = "sb_secret_of_the_doctor"
LIMITED = "truth_forge_limited"
"""A database user that row-level security applies to."""

Configure = Callable[..., Settings]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "_backoff", lambda _state: 0.0)
    monkeypatch.setattr(client, "_wait", lambda _state: 0.0)


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Settings of an empty folder with nothing configured but what the test says."""
    make_project(tmp_path, monkeypatch)

    def settings(**values: Any) -> Settings:
        return Settings(_env_file=None, **values)  # type: ignore[call-arg]

    return settings


def set_up(name: SystemName, settings: Settings) -> None:
    system = open_system(name, settings)
    assert all(step.done for step in system.init())
    system.close()


# One database for a module, set up anew for each test.


@pytest.fixture(scope="module")
def shared_database(postgres_server: Postgres) -> Iterator[str]:
    name = f"doctor_{uuid.uuid4().hex}"
    postgres_server.create_database(name)
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (LIMITED,)).fetchone():
            connection.execute(f"CREATE ROLE {LIMITED} LOGIN".encode())
    yield name
    postgres_server.drop_database(name)


@pytest.fixture
def database(postgres_server: Postgres, shared_database: str) -> str:
    with psycopg.connect(postgres_server.dsn(shared_database)) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute(setup_sql("contacts_master").encode())
        connection.execute(f"GRANT USAGE ON SCHEMA public TO {LIMITED}".encode())
        connection.execute(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {LIMITED}".encode())
    return shared_database


@pytest.fixture
def sql(postgres_server: Postgres, database: str) -> Callable[[str], None]:
    """Run a statement in the database behind everybody's back."""

    def run(statement: str) -> None:
        with psycopg.connect(postgres_server.dsn(database)) as connection:
            connection.execute(statement.encode())

    return run


@contextmanager
def supabase_project(dsn: str, *, user: str | None = None) -> Iterator[str]:
    """The URL of a project whose key acts as ``user``."""
    with serve(create_supabase_app(make_conninfo(dsn, user=user) if user else dsn, KEY)) as served:
        yield served.url


@pytest.fixture
def supabase_url(postgres_server: Postgres, database: str) -> Iterator[str]:
    with supabase_project(postgres_server.dsn(database)) as url:
        yield url


@pytest.fixture
def twenty_url() -> Iterator[str]:
    """A workspace as Twenty makes it, without our fields."""
    with serve(create_twenty_app(None, KEY)) as served:
        yield served.url
