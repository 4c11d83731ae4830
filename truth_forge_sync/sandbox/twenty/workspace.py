"""The workspace: what all requests share. Its database, the objects as they are now, its clock and its API key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from truth_forge_sync.sandbox.twenty.errors import bad_request
from truth_forge_sync.sandbox.twenty.fields import Field, FieldType, Row
from truth_forge_sync.sandbox.twenty.instants import Stamps
from truth_forge_sync.sandbox.twenty.objects import STANDARD_OBJECTS, ObjectType
from truth_forge_sync.sandbox.twenty.store import Store

API_KEY_NAME = "sandbox"
"""What the one API key is called; it signs `createdBy` and `updatedBy`."""

EventName = Literal["created", "updated", "deleted", "restored", "destroyed"]


@dataclass(frozen=True)
class Event:
    """Something that happened to one record. `row` is its last state; `updated_fields` are top-level keys."""

    name: EventName
    kind: ObjectType
    row: Row
    updated_fields: tuple[str, ...] | None = None


@dataclass
class Workspace:
    """`objects` holds the objects by singular name, and is replaced whenever a custom field changes."""

    store: Store
    stamps: Stamps
    objects: Mapping[str, ObjectType] = field(default_factory=dict)

    @classmethod
    def open(cls, store: Store, stamps: Stamps) -> Workspace:
        """Make what is missing and read the custom fields that the database holds."""
        workspace = cls(store, stamps)
        with store.transaction():
            for kind in STANDARD_OBJECTS:
                store.create_table(kind)
        workspace.reload()
        return workspace

    def reload(self) -> None:
        stored = self.store.rows('SELECT object, body FROM "_customField" ORDER BY rowid')
        self.objects = {
            kind.singular: kind.with_custom(
                tuple(_field(json.loads(str(row["body"]))) for row in stored if row["object"] == kind.singular)
            )
            for kind in STANDARD_OBJECTS
        }

    def object_named(self, plural: str) -> ObjectType:
        for kind in self.objects.values():
            if kind.plural == plural:
                return kind
        raise bad_request(f"object '{plural}' not found. eg: companies")

    def add_field(self, kind: ObjectType, new: Field) -> None:
        with self.store.transaction():
            self.store.execute('INSERT INTO "_customField" VALUES (?, ?, ?)', (new.id, kind.singular, _body(new)))
            self.store.add_field(kind.singular, new)
        self.reload()

    def change_field(self, kind: ObjectType, old: Field, new: Field) -> None:
        """Raises 400 when the field becomes unique over values that aren't."""
        with self.store.transaction(kind.singular):
            self.store.execute('UPDATE "_customField" SET body = ? WHERE id = ?', (_body(new), new.id))
            if new.unique_column is not None:
                self.store.create_unique(kind.singular, new.unique_column)
            elif old.unique_column is not None:
                self.store.drop_unique(kind.singular, old.unique_column)
        self.reload()

    def drop_field(self, kind: ObjectType, old: Field) -> None:
        with self.store.transaction():
            self.store.execute('DELETE FROM "_customField" WHERE id = ?', (old.id,))
            self.store.drop_field(kind.singular, old)
        self.reload()


def _body(custom: Field) -> str:
    return json.dumps(asdict(custom))


def _field(body: dict[str, Any]) -> Field:
    found = Field(**body)
    return replace(found, type=FieldType(found.type), options=tuple(found.options))
