"""Holds: changes that were seen and not acted on (DESIGN law 14).

The *brake* holds what one system deleted or emptied where that is more than anybody does on purpose; a person must say.
*Reject* has the accepted values written back by the next cycle, which brings back what was deleted. Approving is no
word about rows: it is a cycle that may lose more than usual, and which reads and decides anew. What goes to and fro
(``flip_flop``) is looked at again by itself when its time has come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from truth_forge_sync.hub.hub import Hub

BRAKE = "brake"


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of one system for one reason. ``changes``: values in all; ``contacts`` that they belong to;
    ``deletes``: contacts that were deleted; ``emptied``: fields of contacts that hold nothing any more. ``status``:
    ``held``, or ``rejected`` (to be written back by the next cycle). ``until``: when it is looked at again by itself;
    None: a person must say."""

    system: str
    reason: str
    status: str
    changes: int
    contacts: int
    deletes: int
    emptied: int
    since: datetime
    until: datetime | None

    @property
    def awaits_a_word(self) -> bool:
        return self.reason == BRAKE and self.status == "held"


@dataclass(frozen=True, slots=True)
class HeldChange:
    """One change that is held: the row shows ``value`` where ``accepted_value`` is accepted (None: empty). The field
    ``deleted`` says ``true`` where the row is deleted; ``gone``: the row itself is no more."""

    system: str
    native_id: str
    contact_id: str
    name: str | None
    field: str
    path: str
    value: str | None
    accepted_value: str | None
    gone: bool
    reason: str
    status: str
    changed_at: datetime
    held_at: datetime
    release_at: datetime | None


def holds(hub: Hub) -> list[Held]:
    """What is held, by system and reason."""
    return [Held(**_picked(Held, row)) for row in hub.rows("holds")]


def held_changes(hub: Hub) -> list[HeldChange]:
    """The same change by change, by system, reason and name."""
    return [HeldChange(**_picked(HeldChange, row)) for row in hub.rows("held_changes")]


def reject(hub: Hub, *, system: str | None = None) -> list[Held]:
    """Have the accepted values written back over what the brake holds, in one system or in all; what was held."""
    with hub.engine.session():
        chosen = [held for held in holds(hub) if held.awaits_a_word and system in (None, held.system)]
        hub.run("holds_reject", system=system)
    return chosen


def _picked(shape: type[Held | HeldChange], row: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: row[field.name] for field in fields(shape)}
