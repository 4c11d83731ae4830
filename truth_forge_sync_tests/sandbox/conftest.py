"""One stand-in project a module, emptied before each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from truth_forge_sync.sandbox.postgres import Postgres
from truth_forge_sync_tests.sandbox.supabase_project import Project, open_project


@pytest.fixture(scope="module")
def shared_project(postgres_server: Postgres) -> Iterator[Project]:
    name = f"project_{uuid.uuid4().hex}"
    postgres_server.create_database(name)
    with open_project(postgres_server.dsn(name)) as project:
        yield project
    postgres_server.drop_database(name)


@pytest.fixture
def project(shared_project: Project) -> Project:
    shared_project.empty()
    return shared_project
