"""The system in memory."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from truth_forge_sync.contact import from_paths, to_paths
from truth_forge_sync.errors import Retry
from truth_forge_sync.systems.memory import Fault, Memory
from truth_forge_sync.systems.protocol import Status, Window
from truth_forge_sync_tests.conformance.suite import (
    REGION,
    Opened,
    SystemConformance,
    create,
    patch,
    person,
    read_all,
    read_one,
    write_one,
)


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

    def hard_delete(self, native_id: str) -> None:
        self.memory.hard_delete(native_id)

    def read(self, native_id: str) -> Mapping[str, Any] | None:
        row = self.memory.rows.get(native_id)
        return None if row is None else from_paths(row.values, self.memory.fields())


class TestMemory(SystemConformance):
    @pytest.fixture
    def opened(self) -> Opened:
        memory = Memory()
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
