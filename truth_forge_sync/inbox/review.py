"""Review: a row that may be one of several contacts, or a second row of one, waits for a person's word (DESIGN law 15).

*Linked* makes the row the contact's; *separate* makes it a contact of its own; match.sql heeds either. A word takes
effect when the row is seen again, so it is read now and staged, and only then the word is recorded: a crash in between
leaves the row in review, and the word can be said again.

A row that is not there any more needs no word (:mod:`truth_forge_sync.sync.reviews`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from truth_forge_sync.errors import Stop
from truth_forge_sync.hub.hand_edits import HUB
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.inbox.asked import found, rows_asked
from truth_forge_sync.inbox.contacts import Known, contact
from truth_forge_sync.sync.pull import Clock, stage_rows, utc_now
from truth_forge_sync.sync.reviews import GONE, close_reviews
from truth_forge_sync.systems.protocol import NativeRow, System, Window

LISTED_BY = "review list --all"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A contact that the row might be; ``name`` is None where it has none, or the contact no longer exists."""

    contact_id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Review:
    """A row of ``sync_match_review`` (schema.sql). ``rule``: what the row has in common with the candidates (``id``,
    ``email``, ``phone``), or ``duplicate_in_system``: the only candidate has another row in that system."""

    review_id: str
    system: str
    native_id: str
    rule: str
    status: str
    contact_id: str | None
    candidates: tuple[Candidate, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Target:
    """The contact that a row is to be linked to. ``occupied_by``: the row that stands for it in that system already, so
    that the one in review is *retired*: its values are merged into the contact, and it is deleted in its system."""

    contact: Known
    occupied_by: str | None


def reviews(hub: Hub, *, everything: bool = False) -> list[Review]:
    """The open ones, newest first; with ``everything`` also those that are decided."""
    return [_review(row) for row in hub.rows("reviews", asked=None, everything=everything)]


def open_review(hub: Hub, review_id: str) -> Review:
    """The one whose id begins so. Raises Stop where there is none, or more than one, or it is decided."""
    rows = rows_asked(hub, "reviews", [review_id], everything=True)
    (row,) = found(rows, [review_id], key="review_id", what="review", listed_by=LISTED_BY)
    if row["status"] != "open":
        raise Stop(f"review {row['review_id']} is {row['status']} already", remedy="list the open ones: review list")
    return _review(row)


def target(hub: Hub, review: Review, contact_id: str | None = None) -> Target:
    """The contact of that id (its beginning is enough), or else the only candidate.

    Raises Stop where none or several could be meant, or the contact is deleted: the delete may be later than the row's
    values, and would delete the row, too.
    """
    if contact_id is None:
        if len(review.candidates) != 1:
            named = ", ".join(candidate.contact_id for candidate in review.candidates) or "none"
            raise Stop(f"review {review.review_id} has several candidates: {named}", remedy="say which contact it is")
        contact_id = review.candidates[0].contact_id
    chosen = contact(hub, contact_id)
    if chosen.is_deleted:
        raise Stop(
            f"contact {chosen.contact_id} is deleted",
            remedy="bring it back first, or make the row a contact of its own: review separate",
        )
    if review.system in chosen.promised:
        raise Stop(
            f"row {chosen.promised[review.system]} was linked to contact {chosen.contact_id} a moment ago",
            system=review.system,
            remedy="run a cycle first: truth-forge-sync sync",
        )
    return Target(chosen, chosen.native_rows.get(review.system))


def link(hub: Hub, system: System, review: Review, chosen: Target, *, clock: Clock = utc_now) -> bool:
    """The row is this contact, from the next cycle on; False where the row is not there any more.

    Raises what the system raises when it is asked for the row; then nothing is decided.
    """
    return _decided(hub, system, review, "linked", chosen.contact.contact_id, clock)


def separate(hub: Hub, system: System, review: Review, *, clock: Clock = utc_now) -> bool:
    """The row is a contact of its own, from the next cycle on; False where the row is not there any more.

    Systems in which an e-mail must be unique refuse it for the second contact; there that one value is parked.
    """
    return _decided(hub, system, review, "separate", None, clock)


def _decided(hub: Hub, system: System, review: Review, status: str, contact_id: str | None, clock: Clock) -> bool:
    read_at = clock()
    row = _seen(system, review.native_id)
    if row is None:
        close_reviews(hub, [review.review_id], GONE)
        return False
    stage_rows(hub, system, [row], read_at=read_at)
    close_reviews(hub, [review.review_id], status, contact_id)
    return True


def _seen(system: System, native_id: str) -> NativeRow | None:
    """The row as it is now; None where it is deleted or gone."""
    for page in _pages(system, native_id):
        for row in page:
            if row.native_id == native_id and not row.deleted:
                return row
    return None


def _pages(system: System, native_id: str) -> Iterator[Sequence[NativeRow]]:
    """The hub reads no row by its id, but a row of it that nobody knows yet is among those that differ from what was
    published, and those are few."""
    return system.read_changed(Window()) if system.name == HUB else system.read_by_id([native_id])


def _review(row: Mapping[str, Any]) -> Review:
    return Review(
        review_id=row["review_id"],
        system=row["system"],
        native_id=row["native_id"],
        rule=row["rule"],
        status=row["status"],
        contact_id=row["contact_id"],
        candidates=tuple(Candidate(item["contact_id"], item["name"]) for item in row["candidates"] or ()),
        created_at=row["created_at"],
    )
