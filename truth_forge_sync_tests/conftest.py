"""What every test may ask for: one real PostgreSQL a session, a database of its own a test."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from truth_forge_sync.sandbox.postgres import Postgres, postgres

# A busy machine is not a bug.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A running server, gone with its data after the session."""
    # Not pytest's own folder: that is private to the user, and a server that root starts runs as another.
    folder = Path(tempfile.mkdtemp(prefix="truth_forge_postgres_"))
    try:
        with postgres(folder / "data") as server:
            server.forgo_durability()
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgres_database(postgres_server: Postgres) -> Iterator[str]:
    """The name of an empty database of this test's own."""
    name = f"test_{uuid.uuid4().hex}"
    postgres_server.create_database(name)
    yield name
    postgres_server.drop_database(name)


@pytest.fixture
def postgres_url(postgres_server: Postgres, postgres_database: str) -> str:
    """An SQLAlchemy URL of an empty database."""
    return postgres_server.url(postgres_database)


@pytest.fixture
def postgres_dsn(postgres_server: Postgres, postgres_database: str) -> str:
    """A libpq URL of an empty database; the same one as `postgres_url` within a test."""
    return postgres_server.dsn(postgres_database)
