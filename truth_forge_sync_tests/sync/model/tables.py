"""What the hub knows, what was seen, and what is made of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from truth_forge_sync.hub.hub import Registered

HUB = "bigquery"
Value = str | None  # canonical; None is absent
Row = tuple[str, str]  # a native row: (system, native id)


class Register(NamedTuple):  # a value with its clock
    value: Value
    changed_at: datetime
    system: str


class Held(NamedTuple):  # what a row holds in a path, and what we sent when it stored this instead ('' for an erasure)
    value: Value = None
    sent: Value = None


@dataclass(frozen=True)
class Look:  # a native row as a read saw it
    row: Row
    version: str
    changed_at: datetime
    read_at: datetime
    values: Mapping[str, str]
    own_contact_id: str | None = None
    deleted: bool = False
    gone: bool = False
    unread: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Base:  # what we know a native row to hold, and since when
    contact_id: str
    version: str
    changed_at: datetime
    known_at: datetime
    held: Mapping[str, Held]
    gone: bool = False
    unread: frozenset[str] = frozenset()
    retired: bool = False  # another row of its system stands for the contact
    own_contact_id: str | None = None


class Intent(NamedTuple):  # a write, recorded before it is sent
    contact_id: str
    row: Row
    kind: str
    changes: tuple[tuple[str, Value], ...]


class Hold(NamedTuple):  # a change that waits; rejected: to be written back; ripe: its time has come
    contact_id: str
    value: Value
    changed_at: datetime
    gone: bool
    reason: str
    rejected: bool = False
    ripe: bool = False


class Refusal(NamedTuple):  # a value that a system did not take; ripe: it is time to ask again
    contact_id: str
    value: Value
    ripe: bool


class Review(NamedTuple):  # who a row might be, and who a person said it is (separate: nobody we know)
    candidates: frozenset[str]
    rule: str
    status: str = "open"
    contact_id: str | None = None


class Edit(NamedTuple):  # what a person asked for by command; without a path only to decide again
    edit_id: str
    contact_id: str
    path: str | None
    asked: Register
    origin: str


class Change(NamedTuple):
    contact_id: str
    path: str
    kind: str
    old: Value
    new: Register
    origin: str | None


class Conflict(NamedTuple):
    contact_id: str
    path: str
    won: Register
    lost: Register
    reason: str


@dataclass(frozen=True)
class State:
    """What the hub knows. ``now``: when the plan is carried out; ``intents``: each with whether it is yet to be sent;
    ``recent``: (contact, path) → the values it changed to within the hour; ``living``: contacts in contacts_master;
    ``moved``: those that were edited there since they were read."""

    now: datetime
    systems: Mapping[str, Registered]
    registers: dict[str, dict[str, Register]]
    bases: dict[Row, Base]
    intents: dict[Intent, bool]
    holds: dict[tuple[Row, str], Hold]
    refusals: dict[tuple[Row, str], Refusal]
    reviews: dict[Row, Review]
    edits: Collection[Edit] = ()
    recent: Mapping[tuple[str, str], list[Value]] = field(default_factory=dict)
    living: int = 0
    moved: Collection[str] = ()


class Decision(NamedTuple):
    after: State
    changes: set[Change]
    conflicts: set[Conflict]
