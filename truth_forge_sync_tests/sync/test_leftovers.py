"""A crash may leave scratch tables behind; they go with the next sweep that is a day later."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from truth_forge_sync.hub.hub import staged_tables
from truth_forge_sync.sync.leftovers import OLD, drop_leftovers
from truth_forge_sync.sync.pull import pull, utc_now
from truth_forge_sync.sync.reconcile import reconcile
from truth_forge_sync.systems.protocol import Window
from truth_forge_sync_tests.sync.crashing import CrashingEngine, PowerCut
from truth_forge_sync_tests.world import World

LATER = OLD + timedelta(minutes=1)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A cycle died before it dropped what it needs no more; another one went well after it."""
    world = World(CrashingEngine(tmp_path / "hub.duckdb", "identity"))
    world.twenty.put("ann", {"first_name": "Ann"})
    pull(world.hub, world.twenty)
    with monkeypatch.context() as patched:
        patched.setattr(world.engine, "drop", Mock(side_effect=PowerCut))
        with pytest.raises(PowerCut):
            reconcile(world.hub, world.rules)
    world.settle()
    assert scratch(world)
    return world


def scratch(world: World) -> set[str]:
    """Tables of one cycle, batch or push."""
    return {table for table in world.engine.tables("sync_") if re.search(r"\d{8}T\d{6}", table)}


def test_a_sweep_drops_what_is_a_day_old(world: World) -> None:
    world.sweep()
    assert scratch(world), "a cycle that runs somewhere may need them"
    pull(world.hub, world.twenty, window=Window())
    reconcile(world.hub, world.rules, clock=lambda: utc_now() + LATER)
    assert not scratch(world)
    assert world.engine.tables("sync_") >= {"sync_bases", "sync_cycles", "sync_systems"}


def test_what_waits_to_be_decided_about_stays(world: World) -> None:
    world.twenty.put("bo", {"first_name": "Bo"})
    pull(world.hub, world.twenty)
    drop_leftovers(world.hub, utc_now() + LATER)
    assert scratch(world) == set(staged_tables(world.hub.state().batches)) != set()
    world.settle()
    world.assert_aligned()
    assert len(world.local.rows) == 2
