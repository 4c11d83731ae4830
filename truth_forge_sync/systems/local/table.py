"""The contacts table as it is in this database: which columns it has, and how each of them wants a value."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON as PG_JSON

from truth_forge_sync.errors import Stop
from truth_forge_sync.mapping import Columns
from truth_forge_sync.systems.contacts_table import NOW, OWN_COLUMNS
from truth_forge_sync.systems.ddl import TOMBSTONES
from truth_forge_sync.systems.local.engine import INIT, NAME

CONTACTS = "contacts_master"

_FILLED = frozenset({"default", "computed", "identity"})
"""What an inspected column says of itself where the database has a value of its own for it."""

SQLITE_NOW: sa.ColumnElement[str] = sa.literal_column("strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now')")


@dataclass(frozen=True)
class ContactsTable:
    """Only columns that exist are named; columns that are not ours are left alone."""

    contacts: sa.TableClause
    tombstones: sa.TableClause
    columns: Columns
    """The fields that it can hold."""
    dialect: str
    filled: frozenset[str] = frozenset()
    """Columns that the database fills in by itself where a new row leaves them out."""
    dates: frozenset[str] = frozenset()
    """Columns of type date, read as text: PostgreSQL's ``infinity`` and years past 9999 would fail a whole page."""

    @property
    def everything(self) -> sa.Select[Any]:
        """A query for all rows with all columns of ours."""
        columns = self.contacts.c
        return sa.select(*(sa.cast(c, sa.Text).label(c.name) if c.name in self.dates else c for c in columns))

    def known(self, native_ids: Sequence[str]) -> list[str]:
        """The ids without repetition, and without any that the id column's type would choke on."""
        unique = dict.fromkeys(native_ids)
        if isinstance(self.contacts.c.id.type, sa.Uuid):
            return [native_id for native_id in unique if _is_uuid(native_id)]
        return list(unique)

    def bound(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Column values as this database's driver wants them."""
        return {name: self._bound(self.contacts.c[name].type, value) for name, value in columns.items()}

    def _bound(self, type_: sa.types.TypeEngine[Any], value: Any) -> Any:
        if isinstance(value, list | dict) and not isinstance(type_, sa.JSON | sa.ARRAY):
            return json.dumps(value, ensure_ascii=False, sort_keys=True)
        return value

    def assignments(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Of ``columns``, those whose value is an expression of the database rather than a parameter."""
        if self.dialect == "sqlite" and columns.get("deleted_at") == NOW:
            return {"deleted_at": SQLITE_NOW}
        return {}


def inspect_table(connection: sa.Connection, columns: Columns) -> ContactsTable:
    """Raises NoSuchTableError where there is no such table, Stop where it lacks a column that we cannot do without."""
    inspector = sa.inspect(connection)
    described = inspector.get_columns(CONTACTS)
    there = {column["name"]: column["type"] for column in described}
    if lacking := [name for name in OWN_COLUMNS if name not in there]:
        raise Stop(f"{CONTACTS} has no column {', '.join(lacking)}", system=NAME, remedy=INIT)
    dialect = connection.dialect.name
    columns = columns.among(there)
    ours = [*OWN_COLUMNS, *columns.names]
    buried = {column["name"]: column["type"] for column in inspector.get_columns(TOMBSTONES)}
    return ContactsTable(
        sa.table(CONTACTS, *(sa.column(name, _bind_type(there[name], dialect)) for name in ours)),
        sa.table(TOMBSTONES, *(sa.column(name, _bind_type(type_, dialect)) for name, type_ in buried.items())),
        columns,
        dialect,
        frozenset(column["name"] for column in described if _FILLED & {key for key, value in column.items() if value}),
        frozenset(name for name in ours if dialect == "postgresql" and isinstance(there[name], sa.Date)),
    )


def _bind_type(type_: sa.types.TypeEngine[Any], dialect: str) -> sa.types.TypeEngine[Any]:
    """A type that takes and gives plain values: SQLite's are all taken as they are, whatever the column is called."""
    if dialect == "sqlite":
        return sa.types.NullType()
    if isinstance(type_, sa.Uuid):
        return sa.Uuid(as_uuid=False)
    if isinstance(type_, PG_JSON):
        return type(type_)(none_as_null=True)
    if isinstance(type_, sa.ARRAY | sa.DateTime):
        return type_
    # The database reads the text of a date, a number or a domain by itself, given it untyped.
    return sa.types.NullType()


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
