"""Stamps are told by one clock: each system's own, corrected for how far it is off, and never in the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from truth_forge_sync_tests.sync.people import ANN, at, only
from truth_forge_sync_tests.world import World

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


def test_an_edit_that_was_made_later_wins_though_its_clock_is_behind(world: World, now: datetime) -> None:
    """Two people who did not see each other's edit: only the stamps can tell who was later."""
    world.twenty.clock_offset, world.local.clock_offset = 2 * MINUTE, -2 * MINUTE
    at(now + 2 * MINUTE, world.twenty).put("t-1", {**ANN, "city": "earlier"})
    at(now + MINUTE - 2 * MINUTE, world.local).put("l-1", {**ANN, "city": "later"})
    world.settle()
    world.assert_aligned()
    assert only(world.supabase).values["city"] == "later"


def test_a_stamp_of_the_future_counts_as_now(world: World, now: datetime) -> None:
    at(datetime(2099, 1, 1, tzinfo=UTC), world.twenty).put("t-1", {**ANN, "city": "Oslo"})
    world.settle()
    (register,) = world.sql(
        "SELECT r.changed_at FROM identity.sync_registers AS c CROSS JOIN UNNEST(c.registers) AS r "
        "WHERE r.path = 'city'"
    )
    assert register["changed_at"] <= datetime.now(UTC)
    world.local.put(only(world.local).native_id, {"city": "Rome"})
    world.settle()
    assert only(world.twenty).values["city"] == "Rome"


def test_a_stamp_of_the_future_does_not_carry_the_cursor_past_what_is_yet_to_come(world: World, now: datetime) -> None:
    at(datetime(2099, 1, 1, tzinfo=UTC), world.twenty).put("t-1", {**ANN, "city": "Oslo"})
    world.settle()
    at(datetime.now(UTC), world.twenty).put("t-2", {"first_name": "Bo", "primary_email": "bo@example.com"})
    world.settle()
    world.assert_aligned()
    assert len(world.local.rows) == 2
