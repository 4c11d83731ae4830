"""What the assets work with: the settings, the hub and the systems, opened when first used and shared within a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from dagster import ConfigurableResource, InitResourceContext
from filelock import FileLock, Timeout
from pydantic import PrivateAttr

from truth_forge_sync.errors import Retry
from truth_forge_sync.hub.engine import open_engine
from truth_forge_sync.hub.hand_edits import HUB, HandEdits
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.settings import Settings, SystemName, load_settings
from truth_forge_sync.systems import open_system
from truth_forge_sync.systems.protocol import System

CYCLE_POOL = "cycle"
"""The pool of all assets: dagster.yaml lets one run at a time into it."""

TURN_SECONDS = 15 * 60
"""How long one asset waits for another process to finish its turn."""


class Workbench(ConfigurableResource[None]):
    """Opens the hub and the systems that the settings name. ``env_file``: read besides the environment."""

    env_file: str = ".env"

    _systems: dict[str, System] = PrivateAttr(default_factory=dict)
    _hub: Hub | None = PrivateAttr(default=None)

    @cached_property
    def settings(self) -> Settings:
        return load_settings(self.env_file)

    @property
    def hub(self) -> Hub:
        if self._hub is None:
            self._hub = Hub(open_engine(self.settings))
        return self._hub

    def is_configured(self, name: SystemName) -> bool:
        return name in self.settings.configured

    def system(self, name: SystemName) -> System:
        """Raises :class:`~truth_forge_sync.errors.SyncError` where it can't even be opened."""
        if name not in self._systems:
            self._systems[name] = (
                HandEdits(self.hub, region=self.settings.default_region)
                if name == HUB
                else open_system(name, self.settings)
            )
        return self._systems[name]

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One pull, reconcile or push at a time on this machine, whichever run or command it belongs to: so no look at
        a system can be overtaken by our own write."""
        path: Path = self.settings.hub_path.with_name("turn.lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(path, timeout=TURN_SECONDS):
                yield
        except Timeout as error:
            raise Retry(f"another cycle has been at work for over {TURN_SECONDS // 60} minutes") from error

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        for system in self._systems.values():
            system.close()
        if self._hub:
            self._hub.engine.close()
