"""The system in memory."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, ClassVar

import pytest

from truth_forge_sync.contact import from_paths, to_paths
from truth_forge_sync.errors import Retry
from truth_forge_sync.systems.memory import Fault, Memory
from truth_forge_sync.systems.protocol import Status, Window, WriteKind
from truth_forge_sync_tests.conformance.cases import (
    LATE_COMMITS,
    REGION,
    WIRE,
    Opened,
    create,
    patch,
    person,
    read_all,
    read_one,
    write_one,
)
from truth_forge_sync_tests.conformance.suite import SystemConformance


class Hand:
    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def insert(self, fields: Mapping[str, Any]) -> str:
        native_id = str(uuid.uuid4())
        self.memory.put(native_id, to_paths(fields, region=REGION)[0])
        return native_id

    def insert_many(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        now, clock = self.memory.clock(), self.memory.clock
        self.memory.clock = lambda: now
        ids = [self.insert(row) for row in rows]
        self.memory.clock = clock
        return ids

    def update(self, native_id: str, fields: Mapping[str, Any]) -> None:
        self.memory.put(native_id, to_paths(fields, region=REGION)[0])

    def soft_delete(self, native_id: str) -> None:
        self.memory.soft_delete(native_id)

    def restore(self, native_id: str) -> None:
        self.memory.restore(native_id)

    def hard_delete(self, native_id: str) -> None:
        self.memory.hard_delete(native_id)

    def read(self, native_id: str) -> Mapping[str, Any] | None:
        row = self.memory.rows.get(native_id)
        return None if row is None else from_paths(row.values, self.memory.fields())


class TestMemory(SystemConformance):
    title = "in memory"
    card = Memory().capabilities
    without: ClassVar = {WIRE: "it is called, not asked", LATE_COMMITS: "it has no transactions"}

    @pytest.fixture
    def opened(self) -> Opened:
        memory = Memory(unique_emails=True)
        return Opened(memory, Hand(memory))


def test_what_it_stores_is_what_it_acknowledges() -> None:
    memory = Memory(
        normalise=lambda path, value: value.upper() if path == "city" else None if path == "notes" else value
    )
    outcome = write_one(memory, create({"city": "Bern", "notes": "not kept", "nickname": "Ann"}))
    assert outcome.row is not None and outcome.row.values == {"city": "BERN", "nickname": "Ann"}


def test_a_logical_clock_gives_the_stamps() -> None:
    stamp = datetime(2026, 1, 2, tzinfo=UTC)
    memory = Memory(clock=lambda: stamp)
    assert memory.put("a", {"city": "Bern"}).changed_at == stamp


def test_a_write_with_a_refused_value_is_refused_as_a_whole() -> None:
    memory = Memory(refuses=lambda path, value: f"{path} is odd" if value == "Atlantis" else None)
    row = memory.put("a", {"city": "Bern"}, "contact")
    for write in (
        create({"first_name": "Ann", "city": "Atlantis"}),
        patch(row, {"first_name": "Ann", "city": "Atlantis"}),
        patch(row, {"first_name": "Ann", "city": "Atlantis"}, WriteKind.DELETE),
    ):
        outcome = write_one(memory, write)
        assert (outcome.status, outcome.message, outcome.field) == (Status.REFUSED, "city is odd", None)
    assert memory.rows == {"a": row}
    assert write_one(memory, patch(row, {"first_name": "Ann"})).status is Status.WRITTEN


def test_a_refusal_may_name_the_field() -> None:
    memory = Memory(refuses=lambda path, _value: "no" if path.startswith("other_phones/") else None, names_field=True)
    outcome = write_one(memory, create({"city": "Bern", "other_phones/+12025550123": "true"}))
    assert (outcome.status, outcome.field) == (Status.REFUSED, "other_phones")


def test_an_erasure_may_be_refused() -> None:
    memory = Memory(refuses=lambda path, value: "required" if path == "last_name" and value is None else None)
    row = memory.put("a", {"last_name": "Example", "city": "Bern"})
    assert write_one(memory, patch(row, {"last_name": None})).status is Status.REFUSED
    assert write_one(memory, patch(row, {"city": None})).status is Status.WRITTEN


def test_a_person_brings_a_deleted_row_back() -> None:
    seconds = count()
    memory = Memory(clock=lambda: datetime(2026, 1, 2, tzinfo=UTC) + timedelta(seconds=next(seconds)))
    memory.put("a", {"city": "Bern"}, "contact")
    memory.soft_delete("a")
    deleted, marker = memory.rows["a"], memory.marker()
    memory.restore("a")
    row = memory.rows["a"]
    assert (deleted.deleted, row.deleted, row.values) == (True, False, {"city": "Bern"})
    assert row.version != deleted.version and row.changed_at > deleted.changed_at and memory.marker() != marker


def test_an_address_may_be_unique() -> None:
    memory = Memory(unique_emails=True, normalise=lambda _path, value: value.lower())
    memory.put("live", {"primary_email": "ann@example.com"})
    memory.put("deleted", {"primary_email": "bea@example.com"})
    memory.soft_delete("deleted")
    row = memory.put("a", {"primary_email": "cleo@example.com"})
    for address in ("Ann@example.com", "bea@example.com"):
        for write in (create({"primary_email": address}), patch(row, {"primary_email": address})):
            outcome = write_one(memory, write)
            assert (outcome.status, outcome.field) == (Status.REFUSED, None)
            assert outcome.message == "A duplicate entry was detected"
    assert write_one(memory, patch(row, {"primary_email": "Cleo@example.com"})).status is Status.WRITTEN


def test_a_read_may_break_off_half_way() -> None:
    memory = Memory(faults=[Fault.READ_HALF])
    for number in range(1_500):
        memory.put(str(number), {"city": "Bern"})
    with pytest.raises(Retry):
        read_all(memory)
    assert len(read_all(memory)) == 1_500


def test_a_write_may_fail_before_or_after_it_took_effect() -> None:
    memory = Memory(faults=[Fault.WRITE_BEFORE, Fault.WRITE_AFTER])
    row = memory.put("a", {"city": "Bern"}, "contact")
    with pytest.raises(Retry):
        write_one(memory, patch(row, {"city": "Basel"}))
    assert read_one(memory, "a").values == {"city": "Bern"}
    assert write_one(memory, patch(row, {"city": "Basel"})).status is Status.UNKNOWN
    assert read_one(memory, "a").values == {"city": "Basel"}


def test_half_of_a_batch_may_take_effect() -> None:
    memory = Memory(faults=[Fault.WRITE_HALF])
    with pytest.raises(Retry):
        list(memory.write([create(person(number)) for number in range(4)]))
    assert len(memory.rows) == 2


def test_nothing_answers_while_it_is_down() -> None:
    memory = Memory(down=True)
    for call in (
        memory.marker,
        lambda: read_all(memory),
        lambda: list(memory.read_by_id([])),
        lambda: list(memory.init()),
    ):
        with pytest.raises(Retry):
            call()
    memory.down = False
    assert list(memory.read_changed(Window())) == []
