"""Writes on their way: what to send for each, and how to cut a refused batch down to the row at fault. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from truth_forge_sync.contact import FIELD
from truth_forge_sync.errors import Retry
from truth_forge_sync.systems.protocol import NativeRow, Outcome, Status, Write, WriteKind
from truth_forge_sync.systems.twenty import phones
from truth_forge_sync.systems.twenty.answers import Record, Rejected
from truth_forge_sync.systems.twenty.mapping import CONTACT_ID, NEEDS_STORED
from truth_forge_sync.systems.twenty.people import moment

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """A write and what to send for it."""

    write: Write
    body: dict[str, Any]

    @property
    def id(self) -> str:
        return self.write.native_id

    @property
    def email(self) -> str | None:
        return (self.body.get("emails") or {}).get("primaryEmail") or None


def touched(write: Write) -> frozenset[str]:
    return frozenset(field for field in write.fields if field in FIELD)


def organization(write: Write) -> str | None:
    """The organization that the write gives the row, if it does."""
    return write.changes.get("organization")


def needs_fresh(write: Write) -> bool:
    """Whether the row must be re-read: a composite is sent whole, and a soft-deleted row knows no condition."""
    soft_deleted = write.seen is None or write.seen.deleted
    return write.kind is WriteKind.RESTORE or soft_deleted or bool(touched(write) & NEEDS_STORED)


def rounds(writes: Iterable[Write]) -> Iterator[list[Write]]:
    """The writes in lists in which no row comes twice: a batch would collapse the two into one."""
    left = list(writes)
    while left:
        first: dict[str, Write] = {}
        later = []
        for write in left:
            if write.native_id in first:
                later.append(write)
            else:
                first[write.native_id] = write
        yield list(first.values())
        left = later


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def unknown(items: Sequence[Item], error: Retry) -> Iterator[Outcome]:
    for item in items:
        yield Outcome(item.write, Status.UNKNOWN, message=error.message)


def already(write: Write, row: NativeRow) -> Outcome:
    """A create whose id exists. Ours when it carries our contact id, or none under an id that is the contact's own."""
    if row.contact_id == write.contact_id or (row.contact_id is None and row.native_id == write.contact_id):
        return Outcome(write, Status.WRITTEN, row=row)
    return Outcome(write, Status.REFUSED, message="a person with this id exists and is another contact")


def is_new(item: Item, records: Sequence[Record]) -> bool:
    """Whether an upsert made the row, hard-deleted since it was seen: it is younger than the stamp seen."""
    seen = item.write.seen
    made = next((record.get("createdAt") for record in records if record["id"] == item.id), None)
    return made is not None and seen is not None and moment(made) > moment(seen.version)


def parts(items: Sequence[Item], error: Rejected) -> list[Sequence[Item]]:
    """The items without and with the value that the error quotes; halves where that tells nothing."""
    if error.culprit:
        quoted = json.dumps(error.culprit, ensure_ascii=False)[1:-1]
        suspects = [item for item in items if quoted in json.dumps(item.body, ensure_ascii=False)]
        if 0 < len(suspects) < len(items):
            return [[item for item in items if item not in suspects], suspects]
    middle = len(items) // 2
    return [items[:middle], items[middle:]]


def milder(item: Item, error: Rejected) -> Item | None:
    """The item without what Twenty can do without: countries that it infers itself, a contact id that clashes."""
    body: Mapping[str, Any] = item.body
    if error.kind == "phone conflict" and "phones" in body:
        bare = phones.without_country(body["phones"])
        return replace(item, body={**body, "phones": bare}) if bare != body["phones"] else None
    if error.kind == "duplicate" and item.write.kind is not WriteKind.CREATE and CONTACT_ID in body:
        return replace(item, body={key: value for key, value in body.items() if key != CONTACT_ID})
    return None
