"""Merge: two contacts become one (DESIGN law 5), and unmerge: they become two again.

A merge is first recorded, with all that is needed to do it and to take it back, and then carried out from its record by
statements that may run twice (merge_apply.sql, unmerge.sql). One that was interrupted is finished by the next cycle, or
by :func:`finish`.
The next cycle writes to the systems: what the kept contact lacks, and the deletion of the absorbed one's rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import pyarrow as pa

from truth_forge_sync.contact import DELETED
from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.history.show import Contact, NativeRow, contacts, only
from truth_forge_sync.history.survivorship import Authorities, Register, Registers, survivors
from truth_forge_sync.hub.hub import Hub, new_id
from truth_forge_sync.sync.reconcile import finish_merges

_TIMESTAMP = pa.timestamp("us", tz="UTC")
_REGISTERS = pa.list_(
    pa.struct([("path", pa.string()), ("value", pa.string()), ("changed_at", _TIMESTAMP), ("system", pa.string())])
)

MERGE_MANIFEST = pa.schema(
    [
        ("kept_contact_id", pa.string()),
        ("absorbed_contact_id", pa.string()),
        ("kept_version", pa.int64()),
        ("absorbed_version", pa.int64()),
        ("absorbed_created_at", _TIMESTAMP),
        ("kept", _REGISTERS),
        ("absorbed", _REGISTERS),
        ("merged", _REGISTERS),
        ("lost", _REGISTERS),
        ("links", pa.list_(pa.struct([("system", pa.string()), ("native_id", pa.string()), ("retired", pa.bool_())]))),
        ("conflicts", pa.list_(pa.string())),
    ]
)
"""One merge, as ``sync_merges`` keeps it."""

_CYCLE = "run a cycle first: truth-forge-sync sync"


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge on record (``sync_merges``), with the names that both contacts had. ``status``: schema.sql."""

    merge_id: str
    kept_contact_id: str
    absorbed_contact_id: str
    kept_name: str | None
    absorbed_name: str | None
    status: str
    merged_at: datetime
    unmerged_at: datetime | None


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What a merge would do. ``merged``: what the kept contact has afterwards; ``lost``: values of either that it has
    not."""

    kept: Contact
    absorbed: Contact
    merged: Registers
    lost: Sequence[Register]

    @property
    def differences(self) -> list[str]:
        """Paths of which the two do not hold the same, or the kept one will not hold what it does."""
        paths = sorted({*self.kept.registers, *self.absorbed.registers, *self.merged} - {DELETED})
        return [
            path
            for path in paths
            if len({_value(side, path) for side in (self.kept.registers, self.absorbed.registers, self.merged)}) > 1
        ]

    @property
    def retired(self) -> list[NativeRow]:
        """The absorbed contact's rows that will be deleted."""
        return [row for row in self.absorbed.native_rows if not row.is_gone and not row.is_deleted]

    def is_as(self, other: MergePlan) -> bool:
        """Whether the other one does the same."""
        return (self.merged, self.kept.registers, self.absorbed.registers) == (
            other.merged,
            other.kept.registers,
            other.absorbed.registers,
        )


def _value(registers: Registers, path: str) -> str | None:
    return registers[path].value if path in registers else None


# -- merging ----------------------------------------------------------------------------------------------------------


def plan_merge(hub: Hub, keep: str, absorb: str, authorities: Authorities = ()) -> MergePlan:
    """What merging ``absorb`` into ``keep`` would do; both are told by id, beginning of an id, e-mail or phone.

    Raises Stop where either is unknown or deleted, they are one, or something about them waits for a cycle.
    """
    kept, absorbed = only(hub, [keep, absorb])
    if kept.contact_id == absorbed.contact_id:
        raise Stop(f"{keep!r} and {absorb!r} are the same contact", remedy="name two")
    _check_finished(hub)
    for one in (kept, absorbed):
        if one.is_deleted:
            raise Stop(f"contact {one.contact_id} is deleted", remedy="bring it back first: restore it in a system")
    if absorbed.edits:
        raise Stop(f"contact {absorbed.contact_id} has edits by command that no cycle has taken", remedy=_CYCLE)
    chosen = survivors(kept.registers, absorbed.registers, authorities)
    return MergePlan(kept, absorbed, chosen.registers, chosen.lost)


def merge(hub: Hub, plan: MergePlan) -> Merge:
    """Merge as planned; the next cycle carries it to the systems.

    Raises Retry where a contact changed meanwhile: then nothing was done.
    """
    merge_id = new_id()
    with hub.engine.session():
        hub.record("merge", MERGE_MANIFEST, [_record(plan)], batch=merge_id)
        hub.run("merge_apply", merge=merge_id)
        return _merged(hub, merge_id)


def _record(plan: MergePlan) -> dict[str, Any]:
    # A create that was sent without an answer may have made a row that nobody has seen yet.
    rows = {(row.system, row.native_id): row.is_retired for row in plan.absorbed.native_rows}
    rows |= {(i["system"], i["native_id"]): False for i in plan.absorbed.intents if i["kind"] == "create"} | rows
    return {
        "kept_contact_id": plan.kept.contact_id,
        "absorbed_contact_id": plan.absorbed.contact_id,
        "kept_version": plan.kept.version,
        "absorbed_version": plan.absorbed.version,
        "absorbed_created_at": plan.absorbed.created_at,
        "kept": _stored(plan.kept.registers),
        "absorbed": _stored(plan.absorbed.registers),
        "merged": _stored(plan.merged),
        "lost": [asdict(register) for register in plan.lost],
        "links": [
            {"system": system, "native_id": native_id, "retired": retired}
            for (system, native_id), retired in rows.items()
        ],
        "conflicts": [conflict["conflict_id"] for conflict in plan.absorbed.conflicts],
    }


def _stored(registers: Registers) -> list[dict[str, Any]]:
    return [asdict(registers[path]) for path in sorted(registers)]


def _merged(hub: Hub, merge_id: str) -> Merge:
    for done in merges(hub):
        if done.merge_id == merge_id and done.status == "merged":
            return done
    raise Retry("one of the contacts changed meanwhile, and nothing was done", remedy="run the same command again")


# -- taking apart again -----------------------------------------------------------------------------------------------


def plan_unmerge(hub: Hub, asked: str) -> Merge:
    """The merge of that id, or the one that absorbed the contact of that id (its beginning is enough).

    Raises Stop where there is none, it was unmerged before, the kept contact is itself no more, or something about
    them waits for a cycle.
    """
    every = merges(hub)
    found = [one for one in every if asked in (one.merge_id, one.absorbed_contact_id)]
    found = found or [one for one in every if asked and one.absorbed_contact_id.startswith(asked)]
    standing = [one for one in found if one.status == "merged"]
    if len(standing) != 1:
        what = "is the beginning of several ids" if standing else "was unmerged before" if found else "is no merge"
        raise Stop(f"{asked!r} {what}", remedy="list them with: truth-forge-sync contacts merges")
    (chosen,) = standing
    _check_finished(hub)
    for later in every:
        if later.absorbed_contact_id == chosen.kept_contact_id and later.status == "merged":
            raise Stop(
                f"contact {chosen.kept_contact_id} was itself merged into {later.kept_contact_id}",
                remedy=f"unmerge that first: truth-forge-sync contacts unmerge {later.merge_id}",
            )
    if any(one.contact_id == chosen.absorbed_contact_id for one in contacts(hub, chosen.absorbed_contact_id)):
        raise Stop(f"there is another contact {chosen.absorbed_contact_id} by now", remedy="purge it, or merge it, too")
    (kept,) = only(hub, [chosen.kept_contact_id])
    if kept.edits:
        raise Stop(f"contact {kept.contact_id} has edits by command that no cycle has taken", remedy=_CYCLE)
    return chosen


def unmerge(hub: Hub, merged: Merge) -> Merge:
    """Take the two apart; the next cycle carries it to the systems."""
    hub.run("unmerge", merge=merged.merge_id)
    return next(one for one in merges(hub) if one.merge_id == merged.merge_id)


# -- the record -------------------------------------------------------------------------------------------------------


def merges(hub: Hub) -> list[Merge]:
    """Every merge on record, newest first."""
    return [_merge(row) for row in hub.rows("merges")]


def finish(hub: Hub) -> list[Merge]:
    """Carry out what was interrupted; what is done now of it.

    Raises Stop where a cycle was interrupted, too: that goes first.
    """
    begun = {one.merge_id: one.status for one in merges(hub) if one.status in ("decided", "merging", "unmerging")}
    if not begun:
        return []
    _check_finished(hub)
    finish_merges(hub, begun)
    return [one for one in merges(hub) if one.merge_id in begun and one.status in ("merged", "unmerged")]


def _check_finished(hub: Hub) -> None:
    if hub.state().unfinished:
        raise Stop("a cycle was interrupted, and not finished yet", remedy=_CYCLE)


def _merge(row: Mapping[str, Any]) -> Merge:
    return Merge(**{field.name: row[field.name] for field in fields(Merge)})
