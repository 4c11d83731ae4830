"""Opening the local database, and what its errors mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    NoSuchTableError,
    OperationalError,
)

from truth_forge_sync.errors import Retry, Stop, SyncError
from truth_forge_sync.systems.refusal import judges_the_row

NAME = "local"
INIT = "run: truth-forge-sync init"
CHECK_URL = "check LOCAL_DATABASE_URL"

CONNECT_SECONDS = 10
LOCK_SECONDS = 15
STATEMENT_SECONDS = 120

WRITING = "truth_forge_writing"
"""Execution option of a connection that will write: on SQLite its transaction takes the write lock at once, because
one that begins by reading and then finds another writer ahead fails without waiting."""


def open_engine(url: str) -> sa.Engine:
    """An engine on ``url``; connects to nothing yet. Raises Stop where the URL is none or of another database."""
    try:
        address = sa.make_url(url)
        if address.get_backend_name() == "sqlite":
            return _open_sqlite(address.set(drivername="sqlite"))
        if address.get_backend_name() == "postgresql":
            return _open_postgres(address.set(drivername="postgresql+psycopg"))
    except (ArgumentError, NoSuchModuleError, ValueError):
        pass  # its message would repeat the URL, which may hold a password
    raise Stop("the database URL is not of SQLite or PostgreSQL", system=NAME, remedy=CHECK_URL)


def _open_postgres(address: sa.URL) -> sa.Engine:
    settings = {
        "timezone": "UTC",
        "lock_timeout": f"{LOCK_SECONDS}s",
        "statement_timeout": f"{STATEMENT_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{STATEMENT_SECONDS}s",
    }
    asked = address.query.get("options", "")
    ours = " ".join(f"-c {name}={value}" for name, value in settings.items())
    options = f"{asked if isinstance(asked, str) else ' '.join(asked)} {ours}"
    arguments = {"connect_timeout": CONNECT_SECONDS, "application_name": "truth-forge-sync", "options": options.strip()}
    return sa.create_engine(
        address.difference_update_query(["options"]),
        connect_args=arguments,
        json_serializer=_to_json,
        hide_parameters=True,
        pool_size=1,
        pool_pre_ping=True,
    )


_PRAGMAS = (
    f"busy_timeout = {LOCK_SECONDS * 1000}",
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
)


def _open_sqlite(address: sa.URL) -> sa.Engine:
    engine = sa.create_engine(address, connect_args={"timeout": LOCK_SECONDS}, hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def configure(connection: DBAPIConnection, _record: object) -> None:
        # The driver's own transactions begin too late (before the first write) and not at all for SAVEPOINT.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        immediate = connection.get_execution_options().get(WRITING)
        cursor = connection.connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE" if immediate else "BEGIN")
        except engine.dialect.loaded_dbapi.Error as error:
            raise meaning(str(error), None) from None
        finally:
            cursor.close()

    return engine


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@contextmanager
def talking() -> Iterator[None]:
    """Turns what SQLAlchemy raises into Retry or Stop. A refused row is dealt with before it gets here.

    The cause is dropped on purpose: a driver's message may repeat a row, and would be logged with the trace.
    """
    try:
        yield
    except NoSuchTableError as error:
        raise Stop("the contacts table is not there", system=NAME, remedy=INIT) from error
    except DBAPIError as error:
        raise meaning_of(error) from None
    except sa.exc.TimeoutError as error:
        raise Retry("no connection was free", system=NAME) from error


def meaning_of(error: DBAPIError) -> SyncError:
    code = getattr(error.orig, "sqlstate", None)
    if error.connection_invalidated and code is None:
        return Retry("the connection broke off", system=NAME)
    return meaning(str(error.orig), code)


_CHECK_FOLDER = f"{CHECK_URL}: the folder must exist and be writable"
CHECK_RIGHTS = "give the user of LOCAL_DATABASE_URL rights on the contacts tables"
_CHECK_BACKUP = "restore it from a backup"

_STOPS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("42P01", "no such table"), "a table is not there", INIT),
    (("42703", "42883", "no such column", "has no column named"), "a column or function is not there", INIT),
    (("28P01", "28000", "authentication failed", "no password supplied"), "it refuses our user or password", CHECK_URL),
    (("3D000",), "the database does not exist", CHECK_URL),
    (("unable to open database file",), "the database file cannot be opened", _CHECK_FOLDER),
    (("42501", "25006", "readonly database"), "we may not read or write there", CHECK_RIGHTS),
    (("file is not a database", "malformed"), "the file is not a sound SQLite database", _CHECK_BACKUP),
)


def meaning(words: str, code: str | None) -> SyncError:
    """What an error means: Stop where only a person can help, otherwise Retry. ``code`` is a SQLSTATE, if there is one.

    The words are only looked into, never repeated: a statement's values may be among them.
    """
    if code is None and words.startswith("connection") and 'database "' in words and "does not exist" in words:
        code = "3D000"
    for signs, what, remedy in _STOPS:
        if code in signs or (code is None and any(sign in words for sign in signs)):
            return Stop(what, system=NAME, remedy=remedy)
    if code in ("55P03", "40P01") or "locked" in words:
        return Retry("the rows are locked by somebody else", system=NAME)
    return Retry(f"it does not answer ({code or 'no code'})", system=NAME)


def is_about_the_row(error: DBAPIError) -> bool:
    """Whether the database judged the row (park it), rather than failed or lacks something (retry, stop)."""
    code = getattr(error.orig, "sqlstate", None)
    if code is not None:
        return judges_the_row(code)
    return not isinstance(error, OperationalError | InterfaceError) or "constraint failed" in str(error.orig)
