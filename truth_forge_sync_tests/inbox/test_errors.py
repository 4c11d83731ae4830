"""A refused value waits longer each time, and is offered again at once when a person says so (law 10)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from truth_forge_sync.errors import Stop
from truth_forge_sync.inbox.errors import Parked, errors, retry, retry_all
from truth_forge_sync.systems.memory import Memory
from truth_forge_sync.systems.protocol import NativeRow
from truth_forge_sync_tests.world import World

ANN = {"first_name": "Ann", "last_name": "Lee", "primary_email": "ann@example.com"}
WORDS = "no such city"


def only(memory: Memory) -> NativeRow:
    (row,) = memory.rows.values()
    return row


def takes_no_atlantis(path: str, value: str | None) -> str | None:
    return WORDS if (path, value) == ("city", "Atlantis") else None


def parked(world: World) -> Parked:
    world.local.refuses = takes_no_atlantis
    world.twenty.put("t-1", {**ANN, "city": "Atlantis"})
    world.settle()
    (one,) = errors(world.hub)
    return one


def minutes_left(one: Parked) -> float:
    assert one.next_attempt_at
    assert one.last_attempt_at
    return (one.next_attempt_at - one.last_attempt_at) / timedelta(minutes=1)


def test_an_error_tells_what_was_refused_and_the_systems_own_words(world: World) -> None:
    one = parked(world)
    assert (one.system, one.name, one.field, one.value) == ("local", "Ann Lee", "city", "Atlantis")
    assert (one.kind, one.message, one.attempts, one.status) == ("refused", WORDS, 1, "parked")
    assert minutes_left(one) == 5


def test_a_value_is_offered_again_at_once_and_then_waits_twice_as_long(world: World) -> None:
    one = parked(world)
    requests = world.local.requests
    assert not world.cycle().pushed["local"].refused, "it waits"
    assert world.local.requests == requests + 1, "nothing was sent"
    assert retry(world.hub, [one.error_id[:6]]) == [one]
    (again,) = errors(world.hub)
    assert again.status == "retrying"
    assert world.cycle().pushed["local"].refused == 1
    (again,) = errors(world.hub)
    assert (again.status, again.attempts, minutes_left(again)) == ("parked", 2, 10)
    assert not world.cycle().pushed["local"].refused, "it waits again"


def test_a_value_that_is_taken_at_last_is_resolved(world: World) -> None:
    one = parked(world)
    world.local.refuses = lambda _path, _value: None
    world.cycle()
    assert "city" not in only(world.local).values, "nobody said so"
    assert retry_all(world.hub) == [one]
    world.settle()
    world.assert_aligned()
    assert not world.cycle().writes
    assert only(world.local).values["city"] == "Atlantis"
    assert errors(world.hub) == []
    assert [found.status for found in errors(world.hub, everything=True)] == ["resolved"]
    with pytest.raises(Stop, match="is resolved"):
        retry(world.hub, [one.error_id])


def test_a_value_that_cannot_be_read_is_corrected_where_it_is(world: World) -> None:
    one = parked(world)
    world.supabase.garble(only(world.supabase).native_id, "birthday")
    world.cycle()
    (unreadable,) = [found for found in errors(world.hub) if found.kind == "unreadable"]
    assert (unreadable.system, unreadable.field, unreadable.value) == ("supabase", "birthday", None)
    with pytest.raises(Stop, match=r"supabase row .* field birthday: illegible — correct the value there"):
        retry(world.hub, [one.error_id, unreadable.error_id])
    assert {found.status for found in errors(world.hub)} == {"parked"}, "none is touched"
    assert retry_all(world.hub) == [one]
    assert {found.kind: found.status for found in errors(world.hub)} == {"refused": "retrying", "unreadable": "parked"}


def test_an_unknown_error_is_refused_with_where_to_find_them(world: World) -> None:
    with pytest.raises(Stop, match="errors list"):
        retry(world.hub, ["abc"])
    assert retry_all(world.hub) == []
