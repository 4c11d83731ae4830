"""Conflicts: changes that lost to another one (DESIGN law 7), and the two words that a person may say about each.

*Restore* makes the lost value an edit of today, like any other: it travels everywhere, and stands in the change log
with the conflict as its origin. *Dismiss* leaves things as they were decided. It changes no value, so the change log,
which holds accepted changes, has nothing to tell; its trace is the conflict itself, which stays with the status
``dismissed``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import pyarrow as pa

from truth_forge_sync.contact import DELETED
from truth_forge_sync.errors import Stop
from truth_forge_sync.hub.hub import Hub, new_id
from truth_forge_sync.inbox.asked import found, rows_asked
from truth_forge_sync.inbox.contacts import contact

CHOSEN_CONFLICTS = pa.schema([("conflict_id", pa.string())])

LISTED_BY = "conflicts list --all"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row of ``sync_conflicts`` (schema.sql). Values are canonical texts; None: empty, or an element that is gone.

    ``name`` is the contact's, ``value_now`` what it holds there today; ``contact`` says whether it is ``living``,
    ``deleted``, or ``none`` (purged, or merged into another).
    """

    conflict_id: str
    cycle_id: str
    contact_id: str
    name: str | None
    field: str
    path: str
    losing_system: str
    losing_value: str | None
    losing_changed_at: datetime
    winning_system: str
    winning_value: str | None
    winning_changed_at: datetime
    reason: str
    status: str
    created_at: datetime
    value_now: str | None
    contact: str

    @property
    def is_restorable(self) -> bool:
        return self.status == "open" and self.contact != "none"

    @property
    def revives(self) -> bool:
        """The contact is deleted, and an edit that is later than a delete brings it back (law 13)."""
        return self.contact == "deleted" and self.path != DELETED


@dataclass(frozen=True, slots=True)
class Conflicts:
    """The newest of them, and how many there are in all."""

    shown: Sequence[Conflict]
    total: int


def conflicts(hub: Hub, *, everything: bool = False, contact_id: str | None = None, limit: int = 50) -> Conflicts:
    """The open ones, newest first; with ``everything`` also those that were restored or dismissed.

    ``contact_id`` may be the beginning of one. Raises Stop where no contact has it.
    """
    wanted = {"asked": None, "everything": everything, "limit": limit}
    if contact_id is None:
        rows = hub.rows("conflicts", contact=None, **wanted)
    else:
        rows = rows_asked(hub, "conflicts", [contact(hub, contact_id).contact_id], by="contact", **wanted)
    return Conflicts([_conflict(row) for row in rows], rows[0]["total"] if rows else 0)


def conflict(hub: Hub, conflict_id: str) -> Conflict:
    """The one whose id begins so. Raises Stop where there is none, or more than one."""
    (one,) = _found(hub, [conflict_id])
    return one


def restore(hub: Hub, conflict_id: str) -> Conflict:
    """Make the lost value an edit; the next cycle carries it out. Returns the conflict as it was.

    Raises Stop where it is not open any more, or its contact no longer exists.
    """
    one = conflict(hub, conflict_id)
    _check_open(one)
    if not one.is_restorable:
        raise Stop(
            f"the contact of conflict {one.conflict_id} no longer exists",
            remedy=f"dismiss it: truth-forge-sync conflicts dismiss {one.conflict_id}",
        )
    _record(hub, "conflicts_restore", [one])
    return one


def dismiss(hub: Hub, conflict_ids: Sequence[str]) -> list[Conflict]:
    """Leave them as they were decided. Raises Stop, before any is dismissed, where one of them is not open any more."""
    chosen = _found(hub, conflict_ids)
    for one in chosen:
        _check_open(one)
    _record(hub, "conflicts_dismiss", chosen)
    return chosen


def dismiss_all(hub: Hub) -> int:
    """Dismiss every open one; how many there were."""
    with hub.engine.session():
        count = conflicts(hub, limit=1).total
        hub.run("conflicts_dismiss", batch=None)
    return count


def _found(hub: Hub, conflict_ids: Sequence[str]) -> list[Conflict]:
    rows = rows_asked(hub, "conflicts", conflict_ids, contact=None, everything=True, limit=0)
    return [
        _conflict(row) for row in found(rows, conflict_ids, key="conflict_id", what="conflict", listed_by=LISTED_BY)
    ]


def _check_open(one: Conflict) -> None:
    if one.status != "open":
        raise Stop(f"conflict {one.conflict_id} was {one.status} before", remedy="list the open ones: conflicts list")


def _record(hub: Hub, name: str, chosen: Sequence[Conflict]) -> None:
    records = [{"conflict_id": one.conflict_id} for one in chosen]
    hub.record(name, CHOSEN_CONFLICTS, records, batch=new_id())


def _conflict(row: Mapping[str, Any]) -> Conflict:
    return Conflict(**{field.name: row[field.name] for field in fields(Conflict)})
