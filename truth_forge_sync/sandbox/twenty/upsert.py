"""`?upsert=true`: update the row that an input means, or create one (facts, section 3).

What to beware of, kept as it is: it matches soft-deleted rows and revives them; existing rows are answered first;
inputs that mean one row collapse to one answer; and the updates, done row by row, stay when the insert that follows
fails.
"""

from __future__ import annotations

from collections.abc import Sequence

from truth_forge_sync.sandbox.twenty.errors import bad_request
from truth_forge_sync.sandbox.twenty.fields import Row
from truth_forge_sync.sandbox.twenty.objects import ObjectType
from truth_forge_sync.sandbox.twenty.reading import rows_by_id
from truth_forge_sync.sandbox.twenty.workspace import Event, Workspace
from truth_forge_sync.sandbox.twenty.writing import create, update_one


def upsert(workspace: Workspace, kind: ObjectType, inputs: Sequence[Row], events: list[Event]) -> list[Row]:
    """Existing rows in the order in which they were first meant, then new ones in the order of input.

    Raises 400 when an input means two rows (before anything is written), and for a duplicate or an unknown company
    (whatever was updated until then stays).
    """
    targets = [_target(workspace, kind, values) for values in inputs]
    updated: list[str] = []
    new: list[Row] = []
    for target, values in zip(targets, inputs, strict=True):
        if target is None:
            new.append(values)
            continue
        revived: Row = {"deletedAt": None}
        # Found by its e-mail, a row keeps its own id whatever the input says.
        kept = {name: value for name, value in values.items() if name != "id"}
        update_one(workspace, kind, target, revived | kept, events)
        if target not in updated:
            updated.append(target)
    created = create(workspace, kind, new, events) if new else []
    return rows_by_id(workspace, kind, updated) + created


def _target(workspace: Workspace, kind: ObjectType, values: Row) -> str | None:
    """The id of the one row that shares the id or a unique field with the input."""
    found: set[str] = set()
    tried: list[str] = []
    keys = [("id", "id"), *((field.name, column.name) for field, column in kind.unique_fields)]
    for name, column in keys:
        value = values.get(column)
        if value is None:
            continue
        row_id = workspace.store.scalar(f'SELECT id FROM "{kind.singular}" WHERE "{column}" = ?', (value,))
        if row_id is not None:
            found.add(str(row_id))
            tried.append(f"{name} ({value})")
    if len(found) > 1:
        raise bad_request(
            f"Multiple records found with the same unique field values for {'; '.join(tried)}. "
            "Cannot determine which record to update."
        )
    return found.pop() if found else None
