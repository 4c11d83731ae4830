"""What the cases of the suite stand on: an opened system, a person at work in it, and the few moves that cases make."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Protocol, TypeVar

import pytest

from truth_forge_sync.contact import field_of, to_paths
from truth_forge_sync.sandbox.faults import Faults
from truth_forge_sync.sandbox.faults import Status as Answer
from truth_forge_sync.systems.protocol import Capabilities, NativeRow, Outcome, System, Window, Write, WriteKind

REGION = "US"
ALWAYS = Window()
V = TypeVar("V", str, str | None)


class Outside(Protocol):
    """A person at work in the system itself. ``fields`` are raw values by contact field name, and ``contact_id``."""

    def insert(self, fields: Mapping[str, Any]) -> str:
        """A new row; returns its native id, chosen by the system."""
        ...

    def insert_many(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """New rows in as few statements as the system can, so that many share one stamp; native ids in any order."""
        ...

    def update(self, native_id: str, fields: Mapping[str, Any]) -> None: ...

    def soft_delete(self, native_id: str) -> None: ...

    def restore(self, native_id: str) -> None: ...

    def hard_delete(self, native_id: str) -> None: ...

    def read(self, native_id: str) -> Mapping[str, Any] | None:
        """What the row holds now (anything :func:`to_paths` can read, and ``contact_id``); None if hard-deleted."""
        ...


@dataclass(frozen=True)
class Wire:
    """The line between us and a system over HTTP, for a test to break."""

    faults: Faults
    impatient: Callable[[], System]
    """Another connector to the same system, which waits no longer than a second for an answer."""
    refusal: Answer
    """An answer in which the system judges a row and says no."""
    words: str
    """What of it are the system's own words, without a person's data."""


@dataclass(frozen=True)
class Opened:
    """A system and the person in it; ``wire`` and ``begin`` are for the cases that need them (:func:`needs`)."""

    system: System
    outside: Outside
    wire: Wire | None = None
    begin: Callable[[Mapping[str, Any]], AbstractContextManager[str]] | None = None
    """Inserts a row, gives its native id, and commits at the end of the block: others may have committed by then."""


WIRE: Final = "wire"
LATE_COMMITS: Final = "late commits"

Case = TypeVar("Case", bound=Callable[..., None])


def needs(what: str) -> Callable[[Case], Case]:
    """A case that only some systems can be put to: ``what`` is :data:`WIRE`, :data:`LATE_COMMITS`, or the name of an
    entry of the card that must be true."""

    def mark(case: Case) -> Case:
        vars(case)[NEEDED] = what
        return case

    return mark


NEEDED: Final = "needed"
"""The attribute of a case that says what it needs."""


def read_all(system: System, window: Window = ALWAYS) -> dict[str, NativeRow]:
    """Every row of the window by native id; of a row that came twice, the later reading."""
    rows: dict[str, NativeRow] = {}
    for page in system.read_changed(window):
        assert len(page) <= system.capabilities.read_page
        rows.update({row.native_id: row for row in page})
    return rows


def read_one(system: System, native_id: str) -> NativeRow:
    (row,) = (row for page in system.read_by_id([native_id]) for row in page)
    return row


def rows_of(system: System, native_ids: Sequence[str]) -> list[NativeRow]:
    return [row for page in system.read_by_id(native_ids) for row in page]


def write_one(system: System, write: Write) -> Outcome:
    (outcome,) = system.write([write])
    assert outcome.write is write
    return outcome


def create(values: Mapping[str, str | None], contact_id: str | None = None) -> Write:
    contact_id = contact_id or str(uuid.uuid4())
    return Write(WriteKind.CREATE, contact_id, contact_id, dict(values))


def patch(row: NativeRow, changes: Mapping[str, str | None], kind: WriteKind = WriteKind.PATCH) -> Write:
    return Write(kind, row.contact_id or str(uuid.uuid4()), row.native_id, dict(changes), seen=row)


def person(number: int) -> dict[str, Any]:
    """Raw values of a contact whose e-mail address is nobody else's."""
    return {"first_name": f"Ann{number}", "last_name": "Example", "primary_email": f"ann{number}@example.com"}


def by_id(rows: Iterable[NativeRow]) -> dict[str, NativeRow]:
    return {row.native_id: row for row in rows}


def stepped(stamp: datetime, step: timedelta) -> datetime:
    """The stamp, cut to whole steps."""
    return stamp - (stamp - datetime.min.replace(tzinfo=UTC)) % step


def supported(system: System, values: Mapping[str, V]) -> dict[str, V]:
    """The values of the fields that the system can hold."""
    return {path: value for path, value in values.items() if field_of(path) in system.fields()}


class Cases:
    """The fixtures of all cases, and what a system declares of its nature."""

    title: ClassVar[str]
    """The system's name in ``docs/conformance.md``."""
    card: ClassVar[Capabilities]
    """What the system says of itself, known before it is opened."""
    without: ClassVar[Mapping[str, str]] = {}
    """What it cannot be put to (:func:`needs`), and why. It does not have the cases that need it."""

    tied_rows: ClassVar[int] = 2_500
    """How many rows to read back at once; more than two pages."""
    tick: ClassVar[timedelta] = timedelta(milliseconds=3)
    """Long enough for the system to give two edits different stamps."""
    unique_emails: ClassVar[bool] = True
    """No two rows of the tests' table can have one ``primary_email``, whether soft-deleted or not: by the system's
    card, or by an index that the test has put there."""
    trash_holds_emails: ClassVar[bool] = True
    """A soft-deleted row keeps its address from others. Otherwise it makes way for a living one."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in dir(cls):
            if cls.excluded(name):
                setattr(cls, name, None)

    @classmethod
    def excluded(cls, name: str) -> str:
        """Why the system does not have this case of the suite; '' where it has."""
        needed = next((vars(case)[NEEDED] for case in cls._of_suite(name) if NEEDED in vars(case)), "")
        if needed in cls.without:
            return cls.without[needed]
        lacks = hasattr(cls, "card") and getattr(cls.card, needed, True) is False
        return f"its card says no to {needed}" if lacks else ""

    @classmethod
    def _of_suite(cls, name: str) -> Iterator[Callable[..., None]]:
        return (vars(part)[name] for part in cls.__mro__ if callable(vars(part).get(name)) and name.startswith("test_"))

    @pytest.fixture
    def opened(self) -> Opened:
        raise NotImplementedError("a system's test gives the fixture 'opened'")

    @pytest.fixture
    def system(self, opened: Opened) -> System:
        return opened.system

    @pytest.fixture
    def outside(self, opened: Opened) -> Outside:
        return opened.outside

    @pytest.fixture
    def wire(self, opened: Opened) -> Wire:
        assert opened.wire is not None, "the fixture 'opened' gives a wire, or 'without' says why there is none"
        return opened.wire

    def pause(self) -> None:
        time.sleep(self.tick.total_seconds())

    def held(self, system: System, outside: Outside, native_id: str) -> dict[str, str] | None:
        """The canonical values of a row as a person finds it, of the fields that the system can hold."""
        raw = outside.read(native_id)
        if raw is None:
            return None
        values, unread = to_paths(raw, region=REGION)
        assert not unread
        return {path: value for path, value in values.items() if field_of(path) in system.fields()}
