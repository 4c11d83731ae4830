"""A world for each test, and what its hub is sent. The hub stays open meanwhile, since nothing in it is slow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from truth_forge_sync_tests.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.embedded(tmp_path)
    with made.engine.session():
        yield made


@pytest.fixture
def statements(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement of a script that the hub is sent from now on."""
    sent: list[str] = []
    script = world.engine.script

    def recorded(statements: Sequence[str]) -> None:
        sent.extend(statements)
        script(statements)

    monkeypatch.setattr(world.engine, "script", recorded)
    return sent
