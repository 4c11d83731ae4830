"""Creating what is missing: the contacts table, its columns, its triggers, the tombstones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import sqlalchemy as sa

from truth_forge_sync.contact import FIELD
from truth_forge_sync.mapping import Columns, mapping
from truth_forge_sync.systems.ddl import TOMBSTONES, Dialect, contacts_ddl, contacts_statements
from truth_forge_sync.systems.local.engine import NAME, WRITING, talking
from truth_forge_sync.systems.local.table import CONTACTS
from truth_forge_sync.systems.protocol import Step

_TRIGGERS = ("truth_forge_stamp", "truth_forge_bury", "truth_forge_raise")


def setup_sql(url: str) -> str:
    """The script for the database at ``url``, for a person to read or run. It is for a database without the table:
    SQLite must be told what an existing one lacks, which only :func:`set_up` looks at."""
    dialect = cast(Dialect, sa.make_url(url).get_backend_name())
    return contacts_ddl(dialect, CONTACTS, _typed(mapping().columns(NAME)))


def _typed(columns: Columns) -> list[tuple[str, str]]:
    return [(name, str(FIELD[field].type)) for field, name in columns.named.items()]


def set_up(engine: sa.Engine, columns: Columns, *, dry_run: bool) -> Iterator[Step]:
    """One step for each thing that is missing; carries them out unless ``dry_run``. Nothing that exists is changed."""
    if not dry_run:
        _make_folder(engine.url)
    elif is_absent_file(engine.url):
        yield Step(NAME, "create the database file", done=False)
        yield Step(NAME, f"create {CONTACTS} and {TOMBSTONES}", done=False)
        return
    with talking(), engine.connect().execution_options(**{WRITING: not dry_run}) as connection:
        existing = _columns(connection, CONTACTS)
        missing = _missing(connection, existing, columns)
        if missing and not dry_run:
            dialect = cast(Dialect, connection.dialect.name)
            for statement in contacts_statements(dialect, CONTACTS, _typed(columns), existing=existing):
                connection.exec_driver_sql(statement.replace("%", "%%") if dialect == "postgresql" else statement)
            connection.commit()
    yield from (Step(NAME, what, done=not dry_run) for what in missing)


def _missing(connection: sa.Connection, existing: list[str], columns: Columns) -> list[str]:
    if not existing:
        return [f"create {CONTACTS} with its triggers, and {TOMBSTONES}"]
    wanted = [*columns.names, "contact_id", "created_at", "updated_at", "deleted_at"]
    steps = [f"add column {name} to {CONTACTS}" for name in wanted if name not in existing]
    if not _columns(connection, TOMBSTONES):
        steps.append(f"create {TOMBSTONES}")
    triggers = _triggers(connection)
    return steps + [f"create trigger {name} on {CONTACTS}" for name in _TRIGGERS if name not in triggers]


def _columns(connection: sa.Connection, table: str) -> list[str]:
    inspector = sa.inspect(connection)
    return [column["name"] for column in inspector.get_columns(table)] if inspector.has_table(table) else []


def _triggers(connection: sa.Connection) -> set[str]:
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(:table) AND NOT tgisinternal",
    }[connection.dialect.name]
    return set(connection.scalars(sa.text(query), {"table": CONTACTS}))


def is_absent_file(url: sa.URL) -> bool:
    """An SQLite file that is not there; connecting would make it."""
    return url.get_backend_name() == "sqlite" and _file(url) is not None and not Path(str(_file(url))).exists()


def _make_folder(url: sa.URL) -> None:
    if (file := _file(url)) is not None:
        Path(file).parent.mkdir(parents=True, exist_ok=True)


def _file(url: sa.URL) -> str | None:
    """The path of an SQLite database; None for one in memory, a ``file:`` URI and PostgreSQL."""
    name = url.database if url.get_backend_name() == "sqlite" else None
    return name if name and name != ":memory:" and not name.startswith("file:") else None
