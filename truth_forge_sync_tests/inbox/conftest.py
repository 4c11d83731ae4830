"""A world for each test. Its hub stays open meanwhile, since nothing in it is slow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from truth_forge_sync_tests.hub.conftest import bigquery_emulator, running_bigquery
from truth_forge_sync_tests.world import World

__all__ = ["bigquery_emulator", "running_bigquery", "world"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.embedded(tmp_path)
    with made.engine.session():
        yield made
