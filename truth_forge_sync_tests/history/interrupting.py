"""A process that dies in the middle of one of the hub's scripts."""

from __future__ import annotations

from typing import Any

from truth_forge_sync.hub.hub import Hub
from truth_forge_sync_tests.world import World


class Crash(Exception):
    """The process dies."""


class Dying(Hub):
    """A hub whose process dies after so many statements of the file ``script``."""

    def __init__(self, world: World, script: str, after: int) -> None:
        super().__init__(world.engine)
        self.dies_in = script
        self.after = after

    def run(self, *names: str, **identifiers: Any) -> None:
        if names != (self.dies_in,):
            super().run(*names, **identifiers)
            return
        self.engine.script(self._render(self.dies_in, **identifiers)[: self.after])
        raise Crash
