"""A stand-in project with a contacts table, driven by the official client, for the tests beside this file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import psycopg
from supabase import Client, ClientOptions, create_client

from truth_forge_sync.contact import FIELDS
from truth_forge_sync.sandbox.faults import Faults
from truth_forge_sync.sandbox.serve import serve
from truth_forge_sync.sandbox.supabase import create_supabase_app
from truth_forge_sync.systems.ddl import contacts_ddl

KEY = "sb_secret_of_the_tests"
COLUMNS = [(field.name, str(field.type)) for field in FIELDS]
TABLE = "contacts_master"

# A second table shows what contacts don't have: a number, a NOT NULL, a default and a foreign key.
_EXTRAS = """
    CREATE TABLE visits (
        id int PRIMARY KEY,
        place text NOT NULL,
        stars int DEFAULT 3,
        contact uuid REFERENCES contacts_master (id) ON DELETE CASCADE
    );
    CREATE FUNCTION add(a int, b int DEFAULT 10) RETURNS int LANGUAGE sql AS 'SELECT a + b';
    CREATE FUNCTION visits_to(wanted text) RETURNS SETOF visits LANGUAGE sql AS
        'SELECT * FROM visits WHERE place = wanted';
    CREATE FUNCTION nothing() RETURNS void LANGUAGE sql AS '';
"""


@dataclass(frozen=True)
class Project:
    """`url` is the project's; `dsn` its database's, for looking at it without the stand-in."""

    url: str
    dsn: str
    faults: Faults
    http: httpx.Client

    def client(self, key: str = KEY, http: httpx.Client | None = None) -> Client:
        """An official client that doesn't retry by itself, over a shared connection unless given one of its own."""
        options = ClientOptions(postgrest_client_retry=False, httpx_client=http or self.http)
        return create_client(self.url, key, options)

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement behind the stand-in's back and answer its rows, if it has any."""
        with psycopg.connect(self.dsn, autocommit=True, options="-c timezone=UTC") as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def empty(self) -> None:
        """No rows, no tombstones, no faults to come."""
        self.sql("TRUNCATE contacts_master, contacts_tombstones, visits")
        self.faults.clear()


@contextmanager
def open_project(dsn: str) -> Iterator[Project]:
    """A project over the empty database at `dsn`, as `init` would set it up, and a table and functions of its own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(contacts_ddl("postgresql", TABLE, COLUMNS).encode())
        connection.execute(_EXTRAS.encode())
    faults = Faults()
    with serve(create_supabase_app(dsn, KEY, faults)) as served, httpx.Client(timeout=5) as http:
        yield Project(served.url, dsn, faults, http)
