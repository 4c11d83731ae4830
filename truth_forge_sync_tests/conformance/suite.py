"""The conformance suite: what every system must do, whatever it is made of.

A system's test file inherits :class:`SystemConformance` and gives one fixture, ``opened``: a fresh, empty,
initialised system together with an :class:`Outside` handle that edits it as a person would, by the system's own means::

    class TestMine(SystemConformance):
        @pytest.fixture
        def opened(self) -> Iterator[Opened]:
            with my_server() as server:
                yield Opened(Mine(server.url), MyOutside(server))

What a system cannot do by its nature is declared in class attributes, never skipped by name.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Protocol, TypeVar

import pytest

from truth_forge_sync.contact import FIELD, field_of, to_paths
from truth_forge_sync.systems.protocol import NativeRow, Outcome, Status, System, Window, Write, WriteKind
from truth_forge_sync_tests.conformance.round_trips import ROUND_TRIPS, RoundTrip

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

    def hard_delete(self, native_id: str) -> None: ...

    def read(self, native_id: str) -> Mapping[str, Any] | None:
        """What the row holds now (anything :func:`to_paths` can read, and ``contact_id``); None if hard-deleted."""
        ...


@dataclass(frozen=True)
class Opened:
    system: System
    outside: Outside


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


class SystemConformance:
    """Inherit, give ``opened``, pass."""

    tied_rows: ClassVar[int] = 2_500
    """How many rows to read back at once; more than two pages."""
    finds_hard_deletes: ClassVar[bool] = True
    """A hard delete appears in ``read_changed`` (tombstones). Otherwise only ``read_by_id`` leaves the row out."""
    tick: ClassVar[timedelta] = timedelta(milliseconds=3)
    """Long enough for the system to give two edits different stamps."""

    @pytest.fixture
    def opened(self) -> Opened:
        raise NotImplementedError("a system's test gives the fixture 'opened'")

    @pytest.fixture
    def system(self, opened: Opened) -> System:
        return opened.system

    @pytest.fixture
    def outside(self, opened: Opened) -> Outside:
        return opened.outside

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

    # Reading

    def test_an_empty_system_reads_empty(self, system: System) -> None:
        assert read_all(system) == {}
        assert list(system.read_by_id([])) == []

    def test_its_fields_are_contact_fields(self, system: System) -> None:
        assert {"first_name", "last_name", "primary_email"} <= system.fields() <= set(FIELD)

    def test_every_row_is_read_when_all_share_one_stamp(self, system: System, outside: Outside) -> None:
        ids = set(outside.insert_many([person(number) for number in range(self.tied_rows)]))
        rows = read_all(system)
        assert len(ids) == self.tied_rows
        assert set(rows) == ids
        stamps = sorted(row.changed_at for row in rows.values())
        middle = stamps[len(stamps) // 2]
        again = read_all(system, Window(since=middle))
        assert set(again) == {row.native_id for row in rows.values() if row.changed_at >= middle}

    def test_rows_are_read_by_id_and_unknown_ids_are_left_out(self, system: System, outside: Outside) -> None:
        ids = outside.insert_many([person(number) for number in range(450)])
        pages = list(system.read_by_id([*ids, str(uuid.uuid4())]))
        found = [row.native_id for page in pages for row in page]
        assert sorted(found) == sorted(ids)
        assert read_all(system)[ids[7]] == read_one(system, ids[7])

    def test_no_row_is_lost_when_rows_are_edited_while_paging(self, system: System, outside: Outside) -> None:
        ids = outside.insert_many([person(number) for number in range(system.capabilities.read_page + 100)])
        pages = iter(system.read_changed(Window()))
        first = next(pages)
        seen = {row.native_id for row in first}
        ahead = [native_id for native_id in ids if native_id not in seen][:3]
        for native_id in (first[0].native_id, first[-1].native_id, *ahead):
            outside.update(native_id, {"job_title": "Edited meanwhile"})
        seen.update(row.native_id for page in pages for row in page)
        assert set(ids) <= seen
        last_stamp = max(row.changed_at for row in first)
        later = read_all(system, Window(since=last_stamp))
        for native_id in (first[0].native_id, first[-1].native_id, *ahead):
            assert later[native_id].values["job_title"] == "Edited meanwhile"

    def test_a_window_is_closed_below_and_open_above(self, system: System, outside: Outside) -> None:
        ids = []
        for number in range(3):
            ids.append(outside.insert(person(number)))
            self.pause()
        early, middle, late = ids
        stamp = read_one(system, middle).changed_at
        assert set(read_all(system, Window(since=stamp))) == {middle, late}
        assert set(read_all(system, Window(until=stamp))) == {early}
        assert set(read_all(system, Window(stamp, stamp + timedelta(milliseconds=1)))) == {middle}

    def test_stamps_are_recent_and_in_utc(self, system: System, outside: Outside) -> None:
        row = read_one(system, outside.insert(person(1)))
        assert row.changed_at.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - row.changed_at) < timedelta(minutes=1)

    def test_the_version_changes_with_every_edit_and_only_then(self, system: System, outside: Outside) -> None:
        native_id = outside.insert(person(1))
        first = read_one(system, native_id)
        assert read_one(system, native_id) == first
        self.pause()
        outside.update(native_id, {"job_title": "Baker"})
        second = read_one(system, native_id)
        assert second.version != first.version
        assert second.changed_at > first.changed_at

    # Deletes

    def test_a_soft_delete_is_found(self, system: System, outside: Outside) -> None:
        native_id = outside.insert(person(1))
        before = read_one(system, native_id)
        self.pause()
        outside.soft_delete(native_id)
        rows = read_all(system, Window(since=before.changed_at + timedelta(milliseconds=1)))
        assert (rows[native_id].deleted, rows[native_id].gone) == (True, False)
        assert read_one(system, native_id).deleted

    def test_a_hard_delete_is_found(self, system: System, outside: Outside) -> None:
        native_id = outside.insert(person(1))
        kept = outside.insert(person(2))
        before = read_one(system, native_id)
        self.pause()
        outside.hard_delete(native_id)
        assert [row.native_id for page in system.read_by_id([native_id, kept]) for row in page] == [kept]
        if self.finds_hard_deletes:
            rows = read_all(system, Window(since=before.changed_at + timedelta(milliseconds=1)))
            assert (rows[native_id].deleted, rows[native_id].gone) == (True, True)

    # The marker

    def test_the_marker_changes_with_every_kind_of_edit_and_only_then(self, system: System, outside: Outside) -> None:
        markers = [system.marker()]

        def changed() -> None:
            markers.append(system.marker())
            assert system.marker() == markers[-1]
            self.pause()

        older, newer = outside.insert(person(1)), outside.insert(person(2))
        changed()
        outside.update(older, {"job_title": "Baker"})
        changed()
        outside.soft_delete(newer)
        changed()
        outside.hard_delete(older)
        changed()
        assert len(set(markers)) == len(markers)

    # Creating

    def test_a_create_takes_the_chosen_id_and_the_contact_id(self, system: System, outside: Outside) -> None:
        write = create({"first_name": "Ann", "primary_email": "ann@example.com"})
        outcome = write_one(system, write)
        assert outcome.status is Status.WRITTEN and outcome.row is not None
        assert outcome.row == read_one(system, outcome.row.native_id)
        assert outcome.row.contact_id == write.contact_id
        assert outcome.row.values == write.target
        if system.capabilities.chooses_ids:
            assert outcome.row.native_id == write.native_id

    def test_a_retried_create_makes_no_second_row(self, system: System) -> None:
        writes = [create({"first_name": "Ann", "primary_email": f"ann{n}@example.com"}) for n in range(7)]
        first = {outcome.write.contact_id: outcome for outcome in system.write(writes[:5])}
        again = {outcome.write.contact_id: outcome for outcome in system.write(writes)}
        assert {outcome.status for outcome in [*first.values(), *again.values()]} == {Status.WRITTEN}
        for contact_id, outcome in first.items():
            assert again[contact_id].row == outcome.row
        assert len(read_all(system)) == len(writes)

    def test_a_contact_id_that_another_row_carries_is_refused(self, system: System) -> None:
        write = create({"first_name": "Ann", "primary_email": "ann@example.com"})
        write_one(system, write)
        twin = replace(write, native_id=str(uuid.uuid4()), changes={"primary_email": "other@example.com"})
        outcome = write_one(system, twin)
        if system.capabilities.chooses_ids:
            assert outcome.status is Status.REFUSED and outcome.message
            assert "example.com" not in outcome.message
        assert len(read_all(system)) == 1

    # Patching

    def test_a_patch_touches_only_its_fields(self, system: System, outside: Outside) -> None:
        everything: dict[str, str | None] = {}
        for trip in ROUND_TRIPS:
            everything.update(supported(system, trip.values))
        created = write_one(system, create(everything)).row
        assert created is not None
        outcome = write_one(system, patch(created, {"first_name": "Beate"}))
        assert outcome.status is Status.WRITTEN and outcome.row is not None
        assert outcome.row.values == {**created.values, "first_name": "Beate"}
        assert self.held(system, outside, created.native_id) == outcome.row.values

    def test_a_patch_does_not_tidy_up_what_it_was_not_asked_to(self, system: System, outside: Outside) -> None:
        ids = outside.insert_many([{**person(number), "job_title": "  Baker  "} for number in range(6)])
        before = {native_id: outside.read(native_id) for native_id in ids}
        rows = [row for page in system.read_by_id(ids) for row in page]
        assert {outcome.status for outcome in system.write([patch(row, {"first_name": "B"}) for row in rows])} == {
            Status.WRITTEN
        }
        for native_id in ids:
            was, now = before[native_id], outside.read(native_id)
            assert was is not None and now is not None
            assert (now["job_title"], now["first_name"]) == (was["job_title"], "B")

    def test_many_patches_of_different_fields_at_once(self, system: System, outside: Outside) -> None:
        ids = outside.insert_many([person(number) for number in range(40)])
        rows = [row for page in system.read_by_id(ids) for row in page]
        changes: list[dict[str, str | None]] = [
            {"first_name": "Beate"},
            {"last_name": None, "first_name": "Cleo"},
            {"last_name": "Durand"},
            {"first_name": None},
        ]
        writes = [patch(row, changes[index % len(changes)]) for index, row in enumerate(rows)]
        outcomes = list(system.write(writes))
        assert len(outcomes) == len(writes)
        for outcome in outcomes:
            assert outcome.status is Status.WRITTEN and outcome.row is not None
            assert outcome.row.values == outcome.write.target
            assert self.held(system, outside, outcome.row.native_id) == outcome.write.target

    def test_what_was_acknowledged_can_be_written_on(self, system: System) -> None:
        row = write_one(system, create({"first_name": "Ann", "primary_email": "ann@example.com"})).row
        for name in ("Beate", "Cleo", "Dora"):
            assert row is not None
            outcome = write_one(system, patch(row, {"first_name": name}))
            assert outcome.status is Status.WRITTEN
            row = outcome.row
        assert row is not None and row == read_one(system, row.native_id)
        assert row.values["first_name"] == "Dora"

    def test_a_patch_fills_in_a_missing_contact_id(self, system: System, outside: Outside) -> None:
        ids = outside.insert_many([person(number) for number in range(6)])
        rows = [row for page in system.read_by_id(ids) for row in page]
        assert {row.contact_id for row in rows} == {None}
        writes = [patch(row, {"first_name": "Beate"} if index % 2 else {}) for index, row in enumerate(rows)]
        assert {outcome.status for outcome in system.write(writes)} == {Status.WRITTEN}
        for write in writes:
            row = read_one(system, write.native_id)
            assert row.contact_id == write.contact_id
            assert row.values == write.target

    def test_a_patch_leaves_a_contact_id_alone(self, system: System) -> None:
        write = create({"first_name": "Ann", "primary_email": "ann@example.com"})
        row = write_one(system, write).row
        assert row is not None
        other = replace(patch(row, {"first_name": "Beate"}), contact_id=str(uuid.uuid4()))
        assert write_one(system, other).status is Status.WRITTEN
        assert read_one(system, row.native_id).contact_id == write.contact_id

    @pytest.mark.parametrize("trip", ROUND_TRIPS, ids=lambda trip: trip.name)
    def test_values_come_back_as_they_were_sent(self, system: System, outside: Outside, trip: RoundTrip) -> None:
        values = supported(system, trip.values)
        created = write_one(system, create(values)).row
        assert created is not None and created.values == values and not created.unread
        outside.hard_delete(created.native_id)  # some systems let only one row have an e-mail address
        bare = read_one(system, outside.insert(person(1)))
        patched = write_one(system, patch(bare, values)).row
        assert patched is not None and patched.values == {**bare.values, **values}
        assert self.held(system, outside, bare.native_id) == patched.values
        erased = write_one(system, patch(patched, dict.fromkeys(values))).row
        assert erased is not None and erased.values == {p: v for p, v in bare.values.items() if p not in values}
        assert self.held(system, outside, bare.native_id) == erased.values

    def test_a_list_or_object_loses_only_the_element_taken_out(self, system: System) -> None:
        values = supported(
            system,
            {
                "primary_email": "ann@example.com",
                "other_emails/a@example.com": "true",
                "other_emails/b@example.com": "true",
                "llm_context/kept": '{"deep":[1,2]}',
                "llm_context/dropped": "1",
            },
        )
        row = write_one(system, create(values)).row
        assert row is not None
        changes = supported(
            system, {"other_emails/a@example.com": None, "llm_context/dropped": None, "llm_context/new": "true"}
        )
        outcome = write_one(system, patch(row, changes))
        assert outcome.row is not None and outcome.row.values == outcome.write.target

    def test_empty_text_and_null_are_one(self, system: System, outside: Outside) -> None:
        native_id = outside.insert({**person(1), "job_title": "", "last_name": ""})
        row = read_one(system, native_id)
        assert "job_title" not in row.values and "last_name" not in row.values
        assert not row.unread

    # Compare and swap

    @pytest.mark.parametrize("kind", [WriteKind.PATCH, WriteKind.DELETE])
    def test_a_row_that_moved_is_left_alone(self, system: System, outside: Outside, kind: WriteKind) -> None:
        native_id = outside.insert(person(1))
        stale = read_one(system, native_id)
        self.pause()
        outside.update(native_id, {"last_name": "Moved"})
        moved = read_one(system, native_id)
        outcome = write_one(
            system, patch(stale, {"first_name": "Overwritten"} if kind is WriteKind.PATCH else {}, kind)
        )
        assert outcome.status is Status.MOVED
        assert read_one(system, native_id) == moved

    @pytest.mark.parametrize("kind", [WriteKind.PATCH, WriteKind.DELETE, WriteKind.RESTORE])
    def test_a_row_that_vanished_is_not_made_again(self, system: System, outside: Outside, kind: WriteKind) -> None:
        native_id = outside.insert(person(1))
        stale = read_one(system, native_id)
        outside.hard_delete(native_id)
        outcome = write_one(system, patch(stale, {"first_name": "Ghost"}, kind))
        assert outcome.status is Status.GONE
        assert outside.read(native_id) is None

    @pytest.mark.parametrize("each", [1, 12])
    def test_each_write_of_a_mixed_batch_has_its_own_outcome(self, system: System, outside: Outside, each: int) -> None:
        ids = outside.insert_many([person(number) for number in range(4 * each)])
        rows = {row.native_id: row for page in system.read_by_id(ids) for row in page}
        good, moved, vanished, deleted = (ids[start::4] for start in range(4))
        self.pause()
        for native_id in moved:
            outside.update(native_id, {"last_name": "Moved"})
        for native_id in vanished:
            outside.hard_delete(native_id)
        taken = write_one(system, create({"primary_email": "taken@example.com"}))
        twins = [create({"first_name": f"Twin{n}"}, taken.write.contact_id) for n in range(each)]
        twins = [replace(twin, native_id=str(uuid.uuid4())) for twin in twins]
        created = [create({"first_name": f"New{n}", "primary_email": f"new{n}@example.com"}) for n in range(each)]
        edited = [patch(rows[native_id], {"first_name": "Edited"}) for native_id in (*good, *moved, *vanished)]
        removed = [patch(rows[native_id], {}, WriteKind.DELETE) for native_id in deleted]
        writes = [write for group in zip(created, twins, strict=True) for write in group] + edited + removed

        statuses = [(outcome.write.native_id, outcome.status) for outcome in system.write(writes)]

        assert len(statuses) == len(writes)
        expected = dict.fromkeys([w.native_id for w in (*created, *removed)] + good, Status.WRITTEN)
        expected |= dict.fromkeys(moved, Status.MOVED) | dict.fromkeys(vanished, Status.GONE)
        if system.capabilities.chooses_ids:
            expected |= {twin.native_id: Status.REFUSED for twin in twins}
            assert dict(statuses) == expected
        names = {native_id: (self.held(system, outside, native_id) or {}).get("first_name") for native_id in ids}
        assert {names[native_id] for native_id in good} == {"Edited"}
        assert "Edited" not in {names[native_id] for native_id in (*moved, *vanished)}
        assert all(row.deleted for page in system.read_by_id(deleted) for row in page)

    # Deleting and restoring

    def test_a_delete_hides_the_row_and_a_restore_brings_it_back(self, system: System, outside: Outside) -> None:
        ids = outside.insert_many([person(number) for number in range(8)])
        rows = [row for page in system.read_by_id(ids) for row in page]
        gone = list(system.write([patch(row, {}, WriteKind.DELETE) for row in rows]))
        assert {outcome.status for outcome in gone} == {Status.WRITTEN}
        if not system.capabilities.soft_delete:
            assert list(system.read_by_id(ids)) == []
            return
        deleted = [outcome.row for outcome in gone if outcome.row is not None]
        assert len(deleted) == len(ids) and all(row.deleted and not row.gone for row in deleted)
        assert {row.native_id: row for page in system.read_by_id(ids) for row in page} == by_id(deleted)
        back = list(system.write([patch(row, {"first_name": "Back"}, WriteKind.RESTORE) for row in deleted]))
        assert {outcome.status for outcome in back} == {Status.WRITTEN}
        restored = by_id(row for page in system.read_by_id(ids) for row in page)
        assert set(restored) == set(ids)
        for outcome in back:
            row = restored[outcome.write.native_id]
            assert outcome.row == row and not row.deleted and row.values == outcome.write.target

    # Setting up

    def test_setting_up_again_finds_nothing_to_do(self, system: System, outside: Outside) -> None:
        native_id = outside.insert(person(1))
        before = read_one(system, native_id)
        assert list(system.init(dry_run=True)) == []
        assert list(system.init()) == []
        assert read_one(system, native_id) == before

    def test_requests_are_counted(self, system: System) -> None:
        before = system.requests
        system.marker()
        assert before < system.requests <= before + 2


def by_id(rows: Iterable[NativeRow]) -> dict[str, NativeRow]:
    return {row.native_id: row for row in rows}


def supported(system: System, values: Mapping[str, V]) -> dict[str, V]:
    """The values of the fields that the system can hold."""
    return {path: value for path, value in values.items() if field_of(path) in system.fields()}
