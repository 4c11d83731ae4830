"""All that the hub knows of one contact: what it holds and who set it, what it held before, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from truth_forge_sync.contact import DELETED, FIELD, field_of
from truth_forge_sync.errors import Stop
from truth_forge_sync.history.survivorship import Register, Registers
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.inbox.asked import rows_asked

LISTED_BY = 'hub sql "SELECT contact_id, canonical_name FROM identity.contacts_master"'


@dataclass(frozen=True, slots=True)
class Change:
    """An accepted change of a path. Values are as people name them: an element of a list is its own text.

    ``changed_at``: when it was made, by its system; ``recorded_at``: when ``cycle_id`` accepted it. ``origin``: the
    command that made it (``conflict/…``, ``rewind/…``), None for an edit in a system.
    """

    path: str
    change_type: str
    system: str
    old_value: str | None
    new_value: str | None
    changed_at: datetime
    recorded_at: datetime
    cycle_id: str
    origin: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """A value that a path has, or had (None: empty, or an element that was not there), and where it came from.

    ``cycle_id`` and ``origin`` as in :class:`Change`; None where the change log does not tell.
    """

    value: str | None
    system: str
    changed_at: datetime
    cycle_id: str | None
    origin: str | None


@dataclass(frozen=True, slots=True)
class Value:
    """What a path holds ``now``, and what it held ``earlier``, newest first. Told as people name it, as a change is."""

    path: str
    now: Held
    earlier: Sequence[Held]


@dataclass(frozen=True, slots=True)
class NativeRow:
    """A row that stands for the contact, as we know it. ``is_retired``: another one stands for it, since a merge."""

    system: str
    native_id: str
    is_gone: bool
    is_deleted: bool
    is_retired: bool
    changed_at: datetime | None
    known_at: datetime

    @property
    def state(self) -> str:
        """``living``, ``deleted``, ``gone`` (hard-deleted); with ``retired`` before it."""
        state = "gone" if self.is_gone else "deleted" if self.is_deleted else "living"
        return f"retired, {state}" if self.is_retired else state


@dataclass(frozen=True, slots=True)
class Contact:
    """``changes``: oldest first.

    As the hub's tables have them (schema.sql): ``intents``: writes not yet known to have happened; ``errors``: parked
    values; ``holds``: changes that wait; ``conflicts``: open ones; ``edits``: by command, for the next cycle.
    """

    asked: str
    contact_id: str
    created_at: datetime
    version: int
    registers: Registers
    changes: Sequence[Change]
    native_rows: Sequence[NativeRow]
    intents: Sequence[Mapping[str, Any]]
    errors: Sequence[Mapping[str, Any]]
    holds: Sequence[Mapping[str, Any]]
    conflicts: Sequence[Mapping[str, Any]]
    edits: Sequence[Mapping[str, Any]]

    @property
    def is_deleted(self) -> bool:
        register = self.registers.get(DELETED)
        return register is not None and register.value is not None

    @property
    def name(self) -> str | None:
        """As the hub's table derives it for display."""
        held = {path: register.value for path, register in self.registers.items() if register.value}
        name = " ".join(
            held[path] for path in ("first_name", "middle_name", "last_name", "name_suffix") if path in held
        )
        return name or held.get("organization") or held.get("primary_email")

    @property
    def label(self) -> str:
        return f"{self.name or 'no name'} ({self.contact_id})"

    def changes_of(self, path: str) -> list[Change]:
        return [change for change in self.changes if change.path == path]

    @property
    def values(self) -> list[Value]:
        """Every path that holds or held something, in the order in which the fields are declared."""
        places = {name: place for place, name in enumerate(FIELD)}
        paths = sorted(self.registers, key=lambda path: (places.get(field_of(path), len(places)), path))
        return [self._value(self.registers[path]) for path in paths]

    def _value(self, register: Register) -> Value:
        value = told_value(register.path, register.value)
        changes = self.changes_of(register.path)
        last = changes.pop() if changes and changes[-1].new_value == value else None
        earlier = (
            Held(change.new_value, change.system, change.changed_at, change.cycle_id, change.origin)
            for change in reversed(changes)
        )
        cycle, origin = (last.cycle_id, last.origin) if last else (None, None)
        return Value(register.path, Held(value, register.system, register.changed_at, cycle, origin), tuple(earlier))


def told_value(path: str, value: str | None) -> str | None:
    """As people name it: an element of a list is its own text."""
    field = FIELD.get(field_of(path))
    return path.partition("/")[2] if value is not None and field is not None and field.type.is_list else value


def contacts(hub: Hub, asked: str) -> list[Contact]:
    """Those whose id begins so, or one of whose e-mails or phones it is (at most ten); where it is somebody's whole id,
    only that one. Empty where there is none."""
    return _of(asked, _rows(hub, [asked]))


def contact(hub: Hub, asked: str) -> Contact:
    """The one contact of that id, beginning of an id, e-mail or phone. Raises Stop where there is none, or several."""
    return only(hub, [asked])[0]


def only(hub: Hub, texts: Sequence[str]) -> list[Contact]:
    """The same for several texts, in their order."""
    rows = _rows(hub, texts)
    return [_only(hub, text, _of(text, rows)) for text in texts]


def _rows(hub: Hub, texts: Sequence[str]) -> list[dict[str, Any]]:
    typed = dict.fromkeys(text.strip() for text in texts if text.strip())
    return rows_asked(hub, "show_contact", list(typed)) if typed else []


def _of(text: str, rows: Sequence[Mapping[str, Any]]) -> list[Contact]:
    found = [_contact(row) for row in rows if row["asked"] == text.strip()]
    return [one for one in found if one.contact_id == one.asked] or found


def _only(hub: Hub, text: str, found: Sequence[Contact]) -> Contact:
    if len(found) == 1:
        return found[0]
    if found:
        raise Stop(
            f"{text!r} may be {len(found)} contacts: {', '.join(one.label for one in found)}",
            remedy="say which by its id",
        )
    for merge in hub.rows("merges") if text.strip() else ():
        if merge["absorbed_contact_id"].startswith(text.strip()) and merge["status"] in ("merging", "merged"):
            raise Stop(
                f"contact {merge['absorbed_contact_id']} was merged into {merge['kept_contact_id']}",
                remedy=f"to take them apart again: truth-forge-sync contacts unmerge {merge['merge_id']}",
            )
    raise Stop(f"there is no contact {text!r}", remedy=f"list the ids with: truth-forge-sync {LISTED_BY}")


def _contact(row: Mapping[str, Any]) -> Contact:
    read = {field.name: row[field.name] for field in fields(Contact) if field.name not in ("registers", "changes")}
    return Contact(
        **{
            **read,
            "registers": {item["path"]: Register.of(item) for item in row["registers"] or ()},
            "changes": [_picked(Change, item) for item in row["changes"]],
            "native_rows": [_picked(NativeRow, item) for item in row["native_rows"]],
        }
    )


_T = TypeVar("_T", Change, NativeRow)


def _picked(shape: type[_T], row: Mapping[str, Any]) -> _T:
    return shape(**{field.name: row[field.name] for field in fields(shape)})
