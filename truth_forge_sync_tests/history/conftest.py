"""Worlds for tests of a contact's history: an empty one, and one with two contacts that are the same person."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from truth_forge_sync_tests.history.people import ANN, ANNIE, contact_of
from truth_forge_sync_tests.hub.conftest import bigquery_emulator, running_bigquery
from truth_forge_sync_tests.world import World

__all__ = ["another", "bigquery_emulator", "running_bigquery", "two", "two_of_them", "world"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.embedded(tmp_path)
    with made.engine.session():
        yield made


@dataclass
class Two:
    """A world in which all systems hold Ann, and Annie who was edited later; with their contact ids."""

    world: World
    keep: str
    absorb: str

    def copied(self, folder: Path) -> Two:
        """The same, to go another way."""
        source: Path = self.world.engine.path  # type: ignore[attr-defined]
        shutil.copytree(source.parent, folder, dirs_exist_ok=True)
        made = World.embedded(folder)
        made.memories = copy.deepcopy(self.world.memories)
        return Two(made, self.keep, self.absorb)


@pytest.fixture(scope="session")
def two_of_them(tmp_path_factory: pytest.TempPathFactory) -> Two:
    """Made once, never touched again."""
    world = World.embedded(tmp_path_factory.mktemp("two"))
    with world.engine.session():
        world.twenty.put("t-1", ANN)
        world.settle()
        world.local.put("l-2", ANNIE)
        world.settle()
        world.assert_aligned()
        return Two(world, contact_of(world, "ann@example.com"), contact_of(world, "annie@example.com"))


@pytest.fixture
def another(two_of_them: Two, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Two]]:
    """As many such worlds as a test wants, or copies of another one that is not open."""
    with ExitStack() as opened:

        def make(of: Two = two_of_them) -> Two:
            two = of.copied(tmp_path_factory.mktemp("copy"))
            opened.enter_context(two.world.engine.session())
            return two

        yield make


@pytest.fixture
def two(another: Callable[..., Two]) -> Two:
    return another()
