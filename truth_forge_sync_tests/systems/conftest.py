"""A database for a whole module of tests: emptying two tables is quicker than making a database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from truth_forge_sync.sandbox.postgres import Postgres


@pytest.fixture(scope="module")
def shared_database(postgres_server: Postgres) -> Iterator[str]:
    """The name of a database that the tests of one module share."""
    name = f"test_{uuid.uuid4().hex}"
    postgres_server.create_database(name)
    yield name
    postgres_server.drop_database(name)
