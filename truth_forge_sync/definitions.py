"""The Dagster code location. Importing it opens nothing and reads no setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import Definitions, in_process_executor

from truth_forge_sync.assets.hub import reconcile_hub
from truth_forge_sync.assets.pulls import PULLS
from truth_forge_sync.assets.pushes import PUSHES
from truth_forge_sync.assets.workbench import Workbench
from truth_forge_sync.automation.alerts import alerts
from truth_forge_sync.automation.job import ALLOW_LOSSES, RESYNC, SYNC
from truth_forge_sync.automation.prune import prune_every_day, prune_job
from truth_forge_sync.automation.schedule import sweep_every_day, sync_every_five_minutes
from truth_forge_sync.automation.sensors import SENSORS


def build_defs(resource_overrides: Mapping[str, Any] | None = None) -> Definitions:
    """All definitions; tests put their own resources in place of the real ones."""
    return Definitions(
        assets=[*PULLS, reconcile_hub, *PUSHES],
        jobs=[SYNC, ALLOW_LOSSES, RESYNC, prune_job],
        schedules=[sync_every_five_minutes, sweep_every_day, prune_every_day],
        sensors=[*SENSORS, alerts],
        resources={"workbench": Workbench(), **(resource_overrides or {})},
        # A cycle takes a second in one process and nine in one process a step; and what a run opens is shared.
        executor=in_process_executor,
    )


defs = build_defs()
