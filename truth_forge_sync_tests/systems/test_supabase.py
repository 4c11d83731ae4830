"""Supabase, through its official client, against a stand-in over a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from truth_forge_sync.sandbox.faults import Faults
from truth_forge_sync.sandbox.serve import serve
from truth_forge_sync.sandbox.supabase import create_supabase_app
from truth_forge_sync.systems.supabase import Supabase, setup_sql
from truth_forge_sync_tests.conformance.suite import REGION, Opened, SystemConformance
from truth_forge_sync_tests.systems.people import SqlPerson

KEY = "sb_secret_for_tests"
TABLE = "contacts_master"


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def bare_url(postgres_dsn: str, faults: Faults) -> Iterator[str]:
    """A project in which our SQL was never run."""
    with serve(create_supabase_app(postgres_dsn, KEY, faults)) as served:
        yield served.url


@pytest.fixture
def url(bare_url: str, postgres_dsn: str) -> str:
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(setup_sql(TABLE).encode())
    return bare_url


class TestSupabase(SystemConformance):
    @pytest.fixture
    def opened(self, url: str, postgres_url: str) -> Iterator[Opened]:
        system = Supabase(url, KEY, table=TABLE, region=REGION)
        yield Opened(system, SqlPerson(postgres_url))
        system.close()
