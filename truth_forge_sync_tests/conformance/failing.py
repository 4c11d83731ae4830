"""Failing: what the wire does to answers, and what the system says no to, each as the right kind of error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from truth_forge_sync.errors import Retry, Stop, Throttled
from truth_forge_sync.sandbox.faults import Drop, Failure, Hang
from truth_forge_sync.sandbox.faults import Status as Answer
from truth_forge_sync.systems.protocol import Status, System, Window
from truth_forge_sync_tests.conformance.cases import (
    WIRE,
    Cases,
    Outside,
    Wire,
    create,
    needs,
    patch,
    person,
    read_all,
    read_one,
    write_one,
)

ALWAYS_ON = 50
"""More times than anything is tried again."""

BROKEN: tuple[Failure, ...] = (
    Drop(),
    Answer(500),
    Answer(502),
    Answer(503),
    Answer(200),
    Answer(200, "a proxy's greeting"),
    Answer(200, {}),
    Answer(200, [1]),
)
"""Answers that are none: cut, of a server in trouble, of another server, malformed."""

READS: tuple[Callable[[System, str], Any], ...] = (
    lambda system, _native_id: system.marker(),
    lambda system, _native_id: read_all(system),
    read_one,
)

reading = pytest.mark.parametrize("read", READS, ids=["marker", "read_changed", "read_by_id"])


class Failing(Cases):
    """Cases of failing; all need a wire that can be broken."""

    @needs(WIRE)
    @reading
    @pytest.mark.parametrize("fault", BROKEN, ids=repr)
    def test_a_read_without_a_sound_answer_is_tried_again_later(
        self, system: System, outside: Outside, wire: Wire, fault: Failure, read: Callable[[System, str], Any]
    ) -> None:
        native_id = outside.insert(person(1))
        system.fields()
        wire.faults.before(fault, method="GET", times=ALWAYS_ON)
        with pytest.raises(Retry) as caught:
            read(system, native_id)
        assert not isinstance(caught.value, Throttled) and caught.value.system == system.name
        wire.faults.clear()
        assert read(system, native_id)

    @needs(WIRE)
    @pytest.mark.parametrize("fault", [Drop(), Answer(500), Answer(200), Answer(200, {})], ids=repr)
    def test_a_read_that_breaks_off_between_pages_is_not_the_end_of_the_table(
        self, system: System, outside: Outside, wire: Wire, fault: Failure
    ) -> None:
        outside.insert_many([person(number) for number in range(system.capabilities.read_page + 1)])
        system.fields()
        wire.faults.before(fault, method="GET", times=ALWAYS_ON, skip=1)
        pages = iter(system.read_changed(Window()))
        assert next(pages)
        with pytest.raises(Retry):
            next(pages)

    @needs(WIRE)
    def test_an_empty_page_is_not_the_end_of_a_complete_read(
        self, system: System, outside: Outside, wire: Wire
    ) -> None:
        for number in range(2):
            outside.insert_many([person(n) for n in range(number * 600, number * 600 + 600)])
            self.pause()
        system.fields()
        wire.faults.before(Answer(200, []), method="GET", times=ALWAYS_ON, skip=1)
        with pytest.raises(Retry):
            read_all(system)

    @needs(WIRE)
    @pytest.mark.parametrize("body", [None, [], {}, {"data": None}, {"data": []}], ids=repr)
    def test_an_empty_answer_is_not_an_empty_table(
        self, system: System, outside: Outside, wire: Wire, body: object
    ) -> None:
        native_id = outside.insert(person(1))
        system.fields()
        wire.faults.before(Answer(200, body), method="GET")
        try:
            rows = read_all(system)
        except Retry:
            return
        assert set(rows) == {native_id}

    @needs(WIRE)
    @reading
    def test_a_read_that_takes_too_long_is_tried_again_later(
        self, outside: Outside, wire: Wire, read: Callable[[System, str], Any]
    ) -> None:
        native_id = outside.insert(person(1))
        impatient = wire.impatient()
        impatient.fields()
        wire.faults.before(Hang(5), method="GET", times=ALWAYS_ON)
        with pytest.raises(Retry):
            read(impatient, native_id)

    @needs(WIRE)
    def test_being_asked_to_slow_down_is_known_as_such(self, system: System, outside: Outside, wire: Wire) -> None:
        row = read_one(system, outside.insert(person(1)))
        wire.faults.status(429, times=ALWAYS_ON)
        for call in (
            system.marker,
            lambda: read_all(system),
            lambda: write_one(system, patch(row, {"first_name": "Beate"})),
            lambda: write_one(system, create({"first_name": "New"})),
        ):
            with pytest.raises(Throttled):
                call()
        wire.faults.clear()
        assert list(read_all(system).values()) == [row]

    @needs(WIRE)
    @pytest.mark.parametrize("status", [401, 403])
    def test_a_key_that_is_not_accepted_needs_a_person(
        self, system: System, outside: Outside, wire: Wire, status: int
    ) -> None:
        row = read_one(system, outside.insert(person(1)))
        wire.faults.status(status, times=ALWAYS_ON)
        for call in (
            system.marker,
            lambda: read_all(system),
            lambda: write_one(system, patch(row, {"first_name": "Beate"})),
            lambda: write_one(system, create({"first_name": "New"})),
        ):
            with pytest.raises(Stop) as caught:
                call()
            assert caught.value.remedy and caught.value.system == system.name

    @needs(WIRE)
    def test_a_refusal_is_told_in_the_systems_own_words(self, system: System, outside: Outside, wire: Wire) -> None:
        row = read_one(system, outside.insert(person(1)))
        for method in ("POST", "PATCH"):
            wire.faults.before(wire.refusal, method=method, times=ALWAYS_ON)
        for write in (create({"first_name": "New"}), patch(row, {"first_name": "Beate"})):
            outcome = write_one(system, write)
            assert outcome.status is Status.REFUSED
            assert wire.words in outcome.message
        wire.faults.clear()
        assert read_all(system) == {row.native_id: row}

    @needs(WIRE)
    @pytest.mark.parametrize("fault", [Drop(), Answer(500), Answer(503), Answer(504)], ids=repr)
    def test_a_server_in_trouble_has_refused_nothing(
        self, system: System, outside: Outside, wire: Wire, fault: Failure
    ) -> None:
        row = read_one(system, outside.insert(person(1)))
        for write in (create({"first_name": "New"}), patch(row, {"first_name": "Beate"})):
            for method in ("POST", "PATCH"):
                wire.faults.before(fault, method=method, times=ALWAYS_ON)
            try:
                status = write_one(system, write).status
            except Retry:
                status = Status.UNKNOWN
            assert status is Status.UNKNOWN
            wire.faults.clear()
            assert write_one(system, write).status is Status.WRITTEN

    @needs(WIRE)
    @pytest.mark.parametrize("fault", [Drop(), Answer(504), Hang(5)], ids=repr)
    def test_a_write_whose_answer_is_lost_has_no_effect_twice(
        self, system: System, outside: Outside, wire: Wire, fault: Failure
    ) -> None:
        writer = wire.impatient() if isinstance(fault, Hang) else system
        row = read_one(system, outside.insert(person(1)))
        for write, then in (
            (create({"first_name": "New"}), Status.WRITTEN),
            (patch(row, {"job_title": "Baker"}), Status.MOVED),
        ):
            for method in ("POST", "PATCH"):
                wire.faults.after(fault, method=method)
            assert write_one(writer, write).status in (Status.UNKNOWN, Status.WRITTEN)
            wire.faults.clear()
            again = write_one(system, write)
            assert again.status is then
            assert read_one(system, write.native_id).values == write.target
        assert len(read_all(system)) == 2
