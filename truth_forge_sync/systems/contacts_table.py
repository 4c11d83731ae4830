"""The contacts table of CONTRACT.md, as the local database and Supabase both hold it: column ↔ value, both ways.

A row is a mapping from column name to raw value, as the driver or the JSON of a REST answer gives it. What goes back is
a mapping from column name to Python value (text, bool, ISO date text, list, dict, None); how a driver wants a list or
an object is the driver's side's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from truth_forge_sync.contact import from_paths, to_paths
from truth_forge_sync.mapping import Columns
from truth_forge_sync.systems.protocol import NativeRow, Outcome, Status, Write, WriteKind
from truth_forge_sync.systems.refusal import field_named

T = TypeVar("T")

OWN_COLUMNS = ("id", "contact_id", "updated_at", "deleted_at")
"""The columns beside the contact's fields that are read; a table without one of them cannot be kept in step."""

NOW = "now"
"""PostgreSQL's own word for the present, as input of a timestamp: stamps come from the database's clock."""

KEY_ORDER = "JSON objects lose the order of their keys"
"""What PostgreSQL's type jsonb does to values, for :attr:`Capabilities.normalises`."""

UNKNOWN_STAMP = datetime.fromtimestamp(0, UTC)
"""What a stamp that is no date counts as: such a row is still read and compared, and wins over nothing."""


def native_row(row: Mapping[str, Any], columns: Columns, *, region: str) -> NativeRow:
    """A row of the contacts table in canonical form; ``region`` is the country of national phone numbers."""
    values, unread = to_paths(columns.read(row), region=region)
    return NativeRow(
        native_id=str(row["id"]),
        contact_id=row["contact_id"] or None,
        version=stamp_text(row["updated_at"]),
        changed_at=instant(row["updated_at"]),
        values=values,
        deleted=row["deleted_at"] is not None,
        unread=unread,
    )


def tombstone(row: Mapping[str, Any]) -> NativeRow:
    """A row of the tombstones table: a contact that was deleted for good, by its trigger."""
    return NativeRow(
        native_id=str(row["id"]),
        contact_id=row["contact_id"] or None,
        version=stamp_text(row["deleted_at"]),
        changed_at=instant(row["deleted_at"]),
        values={},
        deleted=True,
        gone=True,
    )


def stamp_text(value: str | datetime) -> str:
    """A stamp as the database holds it, to the microsecond. Text is kept as it is: it is compared for equality."""
    return value if isinstance(value, str) else _aware(value).isoformat(timespec="microseconds")


def instant(value: str | datetime) -> datetime:
    """A stamp as an aware UTC time. Servers differ in T or space, ``Z``, ``+00`` or ``+00:00``, and in zeros."""
    if isinstance(value, datetime):
        return _aware(value)
    try:
        return _aware(datetime.fromisoformat(value))
    except ValueError:
        return UNKNOWN_STAMP


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def columns_to_write(write: Write, columns: Columns, *, fill_contact_id: bool = True) -> dict[str, Any]:
    """What to set, {column: value}: each touched field whole, and the row's contact id where it has none.

    A create names only the columns that have a value, so that the others take the table's own defaults.
    """
    values = columns.written(from_paths(write.target, sorted(write.fields)))
    if write.kind is WriteKind.DELETE:
        return {**values, "deleted_at": NOW}
    if write.kind is WriteKind.CREATE:
        present = {name: value for name, value in values.items() if value not in (None, [])}
        return {"id": write.native_id, "contact_id": write.contact_id, **present}
    if write.kind is WriteKind.RESTORE:
        values["deleted_at"] = None
    if fill_contact_id and write.seen is not None and write.seen.contact_id is None:
        values["contact_id"] = write.contact_id
    return values


def settled(write: Write, current: NativeRow | None, holder: str | None, fields: frozenset[str]) -> Outcome | None:
    """What is certain before anything is written; None where the write may go ahead.

    ``current`` is the row as it is now, ``holder`` the native id of the row that carries the write's contact id, and
    ``fields`` the fields that the table has columns for.
    """
    if write.kind is WriteKind.CREATE:
        if current is not None and current.contact_id == write.contact_id:
            return Outcome(write, Status.WRITTEN, current)  # our own create, sent again
        if current is not None:
            return refused(write, "the id is taken by a row of another contact")
        if holder is not None:
            return refused(write, "another row carries this contact id")
    elif current is None:
        return Outcome(write, Status.GONE)
    elif write.seen is None or write.seen.version != current.version:
        return Outcome(write, Status.MOVED)
    if missing := sorted(write.fields - fields):
        return Outcome(write, Status.REFUSED, message="the table has no such column", field=missing[0])
    return None


def refused(write: Write, message: str, names: str = "", columns: Columns | None = None) -> Outcome:
    """A write that the database judged; ``names`` are the words in which it named ``columns`` and constraints."""
    field = field_named(names, columns, write.fields) if columns else None
    return Outcome(write, Status.REFUSED, message=message, field=field)


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in runs of ``size``; the last may be shorter."""
    return (items[start : start + size] for start in range(0, len(items), size))
