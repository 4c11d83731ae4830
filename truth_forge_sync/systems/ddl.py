"""The SQL that makes a contacts table with its triggers and tombstones, in the dialect of the database that holds it.

The statements live in `sql/*_contacts.sql`; this module fills in the table's name and the contact's fields.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from importlib.resources import files
from typing import Final, Literal

from jinja2 import Environment, StrictUndefined

Dialect = Literal["postgresql", "sqlite"]

TOMBSTONES: Final = "contacts_tombstones"
"""The table of hard-deleted contacts: id, contact_id, deleted_at."""

_FILES: Final[dict[Dialect, str]] = {"postgresql": "postgres_contacts.sql", "sqlite": "sqlite_contacts.sql"}

_LISTS_AND_OBJECTS: Final = frozenset({"json", "email_list", "phone_list"})

_SQLITE_NOW: Final = "strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')"
# Version 4 and variant bits as RFC 9562 wants them, since others may check.
_SQLITE_UUID: Final = (
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'"
    " || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
)


def column_type(dialect: Dialect, field_type: str) -> str:
    """The SQL type of a contact field: its type in `contact.py` → the column's type.

    SQLite's types are only hints, and all but text and boolean would have it turn digits into numbers.
    """
    if field_type == "boolean":
        return "boolean"
    if dialect == "sqlite":
        return "text"
    if field_type in _LISTS_AND_OBJECTS:
        return "jsonb"
    return "date" if field_type == "date" else "text"


def contacts_ddl(
    dialect: Dialect, table: str, columns: Sequence[tuple[str, str]], *, existing: Collection[str] = ()
) -> str:
    """One script that creates what is missing of `table`, its indexes and triggers, and the tombstones.

    `columns` are pairs of a field's name and its type in `contact.py`. Safe to run again. `existing` names the columns
    that the table has already, if it is there: only SQLite needs to be told.
    """
    environment = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    environment.filters.update(identifier=quoted, literal=_inside_literal)
    source = files("truth_forge_sync.systems").joinpath("sql", _FILES[dialect]).read_text("utf-8")
    typed = [(name, column_type(dialect, field_type)) for name, field_type in columns]
    own = [(name, "text") for name in ("contact_id", "created_at", "updated_at", "deleted_at")]
    return environment.from_string(source).render(
        table=table,
        tombstones=TOMBSTONES,
        columns=typed,
        missing=[(name, type_) for name, type_ in [*typed, *own] if existing and name not in existing],
        now=_SQLITE_NOW,
        uuid=_SQLITE_UUID,
    )


def contacts_statements(
    dialect: Dialect, table: str, columns: Sequence[tuple[str, str]], *, existing: Collection[str] = ()
) -> tuple[str, ...]:
    """The script of `contacts_ddl` as single statements, for drivers that take one at a time."""
    script = contacts_ddl(dialect, table, columns, existing=existing)
    blocks = (_without_comments(block) for block in re.split(r"\n\s*\n", script))
    return tuple(block for block in blocks if block)


def quoted(identifier: str) -> str:
    """An SQL identifier in double quotes, for both dialects. Raises ValueError where none is possible."""
    if not identifier or "\0" in identifier:
        raise ValueError("an SQL name must not be empty nor hold U+0000")
    return '"' + identifier.replace('"', '""') + '"'


def _inside_literal(text: str) -> str:
    return text.replace("'", "''")


def _without_comments(block: str) -> str:
    return "\n".join(line for line in block.splitlines() if not line.startswith("--")).strip()
