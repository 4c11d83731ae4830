"""Law 14: a value that goes to and fro is frozen for a while and reported, not spread."""

from __future__ import annotations

from dataclasses import replace

from truth_forge_sync_tests.sync.people import ANN, only
from truth_forge_sync_tests.world import World


def flip(world: World, times: int) -> None:
    for number in range(times):
        world.twenty.put("t-1", {"city": "Rome" if number % 2 else "Oslo"})
        world.cycle()


def test_a_path_that_goes_to_and_fro_is_frozen_and_the_others_are_not(world: World) -> None:
    world.rules = replace(world.rules, flip_limit=3)
    world.twenty.put("t-1", ANN)
    world.settle()
    flip(world, 9)
    spread = world.sql("SELECT COUNT(*) AS n FROM identity.sync_change_log WHERE path = 'city'")
    assert spread == [{"n": 5}], "two values that are new, and three returns"
    world.twenty.put("t-1", {"city": "Lima", "notes": "more"})
    world.settle()
    assert only(world.local).values["city"] == "Oslo"
    assert only(world.local).values["notes"] == "more"
    (hold,) = world.sql("SELECT system, path, value, reason FROM identity.sync_holds")
    assert hold == {"system": "twenty", "path": "city", "value": "Lima", "reason": "flip_flop"}
    # An hour later.
    world.edit_hub(
        "UPDATE identity.sync_change_log SET recorded_at = TIMESTAMP_SUB(recorded_at, INTERVAL 1 HOUR) WHERE TRUE"
    )
    world.edit_hub("UPDATE identity.sync_holds SET release_at = TIMESTAMP_SUB(release_at, INTERVAL 1 HOUR) WHERE TRUE")
    world.settle()
    world.assert_aligned()
    assert only(world.local).values["city"] == "Lima"


def test_a_value_that_keeps_moving_on_is_no_flip_flop(world: World) -> None:
    world.rules = replace(world.rules, flip_limit=2)
    world.twenty.put("t-1", ANN)
    world.settle()
    for number in range(8):
        world.twenty.put("t-1", {"communication_stats/count": str(number)})
        world.settle()
    assert only(world.local).values["communication_stats/count"] == "7"
