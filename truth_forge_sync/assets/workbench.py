"""What the assets work with: the settings, the hub and the systems, opened when first used and shared within a run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property

from dagster import AssetExecutionContext, ConfigurableResource, InitResourceContext
from pydantic import PrivateAttr

from truth_forge_sync.hub.engine import open_engine
from truth_forge_sync.hub.hand_edits import HUB, HandEdits
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.settings import Settings, SystemName, load_settings
from truth_forge_sync.systems import open_system
from truth_forge_sync.systems.protocol import System
from truth_forge_sync.turn import turn

CYCLE_POOL = "cycle"
"""The pool of all assets: dagster.yaml lets one run at a time into it."""


class Workbench(ConfigurableResource[None]):
    """Opens the hub and the systems that the settings name. ``env_file``: read besides the environment."""

    env_file: str = ".env"

    _systems: dict[str, System] = PrivateAttr(default_factory=dict)
    _hub: Hub | None = PrivateAttr(default=None)
    _told: dict[str, dict[str, int]] = PrivateAttr(default_factory=dict)

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

    def tell(self, context: AssetExecutionContext, what: str, name: str, contacts: int) -> None:
        """A tag of the run that counts contacts by system, so that the list of runs tells what each of them did."""
        counts = self._told.setdefault(what, {})
        counts[name] = contacts
        told = ", ".join(f"{system} {count}" for system, count in counts.items())
        context.instance.add_run_tags(context.run.run_id, {what: told})

    def turn(self) -> AbstractContextManager[None]:
        """One pull, reconcile, push or command at a time."""
        return turn(self.settings.hub_path)

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        for system in self._systems.values():
            system.close()
        if self._hub:
            self._hub.close()
