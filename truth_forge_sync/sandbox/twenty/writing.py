"""Writing records: create, update, delete, restore (facts, sections 3, 5 and 6).

Two habits of the real server shape this file. Every update bumps `updatedAt`, also one that changes nothing. And all
rows of one statement share its stamp, so a batch insert or an update by filter has one `updatedAt` for all its rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from truth_forge_sync.sandbox.twenty.conditions import unknown_field
from truth_forge_sync.sandbox.twenty.errors import bad_request, not_found
from truth_forge_sync.sandbox.twenty.fields import FieldType, Row, Sql
from truth_forge_sync.sandbox.twenty.filters import Filter, mentions
from truth_forge_sync.sandbox.twenty.normalise import columns_of
from truth_forge_sync.sandbox.twenty.objects import ObjectType
from truth_forge_sync.sandbox.twenty.reading import find_row, matching_ids, rows_by_id
from truth_forge_sync.sandbox.twenty.workspace import API_KEY_NAME, Event, EventName, Workspace

BATCH_LIMIT = 200
"""Rows a batch may carry, and rows that an update by filter may match."""

_UNSETTABLE = ("createdAt", "updatedAt", "id")
"""Null there means "as if it had not been sent"."""

_QUIET = frozenset({"updatedAt", "updatedBy", "searchVector"})
"""Changes that no webhook tells of."""


def actor(part: str) -> Row:
    """The API key as `createdBy` or `updatedBy`."""
    return {
        f"{part}Source": "API",
        f"{part}WorkspaceMemberId": None,
        f"{part}Name": API_KEY_NAME,
        f"{part}Context": "{}",
    }


def values_of(kind: ObjectType, body: object) -> Row:
    """The columns that a record in a request sets. Raises 400 for a field or a value that the object doesn't take."""
    if not isinstance(body, Mapping):
        raise bad_request("Record data must be an object")
    values: Row = {}
    for key, value in body.items():
        field = kind.by_key.get(key)
        if field is None:
            raise unknown_field(kind, key)
        # updatedBy is always the key that writes; first and last are resolved when the row is made.
        if key == "updatedBy" or (key in _UNSETTABLE and value is None):
            continue
        if field.type is FieldType.POSITION and value in ("first", "last"):
            values[key] = value
            continue
        values.update(columns_of(field, value))
    return values


def create(workspace: Workspace, kind: ObjectType, inputs: Sequence[Row], events: list[Event]) -> list[Row]:
    """Insert all rows or none, with one stamp. Raises 400 for a duplicate or an unknown company."""
    stamp = workspace.stamps.next()
    with workspace.store.transaction(kind.singular):
        position = _edge(workspace, kind, "first")
        rows: list[Row] = []
        for number, values in enumerate(inputs):
            row: Row = {column.name: None for column in kind.columns}
            row |= _defaults(kind)
            row |= {"id": str(uuid.uuid4()), "createdAt": stamp, "updatedAt": stamp, "position": position - number}
            row |= actor("createdBy") | values | actor("updatedBy")
            row["position"] = _position(workspace, kind, row["position"])
            rows.append(row)
        workspace.store.insert(kind.singular, kind.columns, rows)
    events += [Event("created", kind, row) for row in rows]
    return rows


def update(workspace: Workspace, kind: ObjectType, ids: Sequence[str], values: Row, events: list[Event]) -> list[Row]:
    """Set `values` on each row, soft-deleted or not, with one stamp for all; the rows as they are then, in order."""
    stamp = workspace.stamps.next()
    with workspace.store.transaction(kind.singular):
        before = rows_by_id(workspace, kind, ids)
        if not before:
            return []
        for row in before:
            _check_id(kind, row, values)
            changed = {"updatedAt": stamp} | values | actor("updatedBy")
            if "position" in changed:
                changed["position"] = _position(workspace, kind, changed["position"])
            workspace.store.update(kind.singular, str(row["id"]), changed)
        after = rows_by_id(workspace, kind, ids)
    for old, new in zip(before, after, strict=True):
        _tell(kind, "updated", old, new, events)
    return after


def update_one(workspace: Workspace, kind: ObjectType, record_id: str, values: Row, events: list[Event]) -> Row:
    """Raises 404 for an unknown id; a soft-deleted row is updated and stays deleted."""
    rows = update(workspace, kind, [record_id], values, events)
    if not rows:
        raise not_found()
    return rows[0]


def update_matching(
    workspace: Workspace, kind: ObjectType, tree: Filter | None, values: Row, events: list[Event]
) -> list[Row]:
    """Update what the filter matches; without a filter, everything. With `updatedAt[eq]` this is compare-and-set."""
    ids = matching_ids(workspace, kind, tree, hidden=False, limit=BATCH_LIMIT + 1)
    if len(ids) > BATCH_LIMIT:
        raise bad_request(f"Cannot update more than {BATCH_LIMIT} records at once", "TOO_MANY_RECORDS_TO_UPDATE")
    return update(workspace, kind, ids, values, events)


def soft_delete(workspace: Workspace, kind: ObjectType, ids: Sequence[str], events: list[Event]) -> list[Row]:
    """deletedAt and updatedAt become the same stamp."""
    stamp = workspace.stamps.next()
    return _mark(workspace, kind, ids, {"deletedAt": stamp, "updatedAt": stamp}, "deleted", events)


def restore_matching(workspace: Workspace, kind: ObjectType, tree: Filter, events: list[Event]) -> list[Row]:
    """A filter that mentions deletedAt does restore, but the answer is looked up with it again, and found empty."""
    ids = matching_ids(workspace, kind, tree, hidden=True)
    values: Row = {"deletedAt": None, "updatedAt": workspace.stamps.next()}
    rows = _mark(workspace, kind, ids, values, "restored", events)
    return [] if mentions(tree, "deletedAt") else rows


def destroy(workspace: Workspace, kind: ObjectType, ids: Sequence[str], events: list[Event]) -> list[Row]:
    """Remove for good; no trace is left but a webhook."""
    with workspace.store.transaction(kind.singular):
        rows = rows_by_id(workspace, kind, ids)
        for row in rows:
            workspace.store.execute(f'DELETE FROM "{kind.singular}" WHERE id = ?', (row["id"],))
    events += [Event("destroyed", kind, row) for row in rows]
    return rows


def delete_one(workspace: Workspace, kind: ObjectType, record_id: str, *, soft: bool, events: list[Event]) -> Row:
    """Raises 404 for an unknown id, and when a row to soft-delete is soft-deleted already."""
    row = find_row(workspace, kind, record_id)
    if soft and row["deletedAt"] is not None:
        raise not_found()
    return (soft_delete if soft else destroy)(workspace, kind, [record_id], events)[0]


def delete_matching(
    workspace: Workspace, kind: ObjectType, tree: Filter, *, soft: bool, events: list[Event]
) -> list[Row]:
    """Destroying by filter reaches soft-deleted rows too."""
    ids = matching_ids(workspace, kind, tree, hidden=not soft)
    return (soft_delete if soft else destroy)(workspace, kind, ids, events)


def _mark(
    workspace: Workspace, kind: ObjectType, ids: Sequence[str], values: Row, name: EventName, events: list[Event]
) -> list[Row]:
    with workspace.store.transaction(kind.singular):
        before = rows_by_id(workspace, kind, ids)
        for row in before:
            workspace.store.update(kind.singular, str(row["id"]), values | actor("updatedBy"))
        after = rows_by_id(workspace, kind, ids)
    for old, new in zip(before, after, strict=True):
        _tell(kind, name, old, new, events)
    return after


def _tell(kind: ObjectType, name: EventName, old: Row, new: Row, events: list[Event]) -> None:
    """An update without a change sends nothing (facts, section 9)."""
    changed = tuple(
        field.key
        for field in kind.fields
        if field.key not in _QUIET and any(old[column.name] != new[column.name] for column in field.columns)
    )
    if changed:
        events.append(Event(name, kind, new, changed))


def _check_id(kind: ObjectType, row: Row, values: Row) -> None:
    """An id in a PATCH is really attempted, and other tables hold on to the old one."""
    if values.get("id", row["id"]) != row["id"]:
        raise bad_request(
            f'update or delete on table "{kind.singular}" violates foreign key constraint '
            f'"FK_timelineActivity_{kind.singular}Id" on table "timelineActivity"'
        )


def _defaults(kind: ObjectType) -> Row:
    """Default values of custom fields; a text default is written with quotes inside: `"'A'"`."""
    found: Row = {}
    for field in kind.fields:
        if field.is_custom and field.default is not None:
            default = field.default
            if isinstance(default, str) and len(default) > 1 and default[0] == default[-1] == "'":
                default = default[1:-1]
            found |= columns_of(field, default)
    return found


def _edge(workspace: Workspace, kind: ObjectType, edge: str) -> float:
    """The next position before the first row, or after the last; 0 in an empty table."""
    function, step = ("min", -1) if edge == "first" else ("max", 1)
    found = workspace.store.scalar(f'SELECT {function}(position) FROM "{kind.singular}"')
    return 0.0 if found is None else float(found) + step


def _position(workspace: Workspace, kind: ObjectType, value: Sql) -> Sql:
    return _edge(workspace, kind, str(value)) if value in ("first", "last") else value
