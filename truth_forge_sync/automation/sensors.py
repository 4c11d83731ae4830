"""Sensors on the systems' change markers: a cycle within seconds of an edit.

A sensor compares a system's marker with the one that the last pull read under, as its materialization says. So a cycle
that another sensor or the schedule started counts for all of them, a change seen while a cycle is at work is not
forgotten, and a failed cycle is tried again.
"""

from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from truth_forge_sync.assets.presentation import SYSTEM_TITLES
from truth_forge_sync.assets.pulls import READ_UNDER, fingerprint
from truth_forge_sync.assets.workbench import Workbench
from truth_forge_sync.automation.job import SYNC, live_request, run_in_flight
from truth_forge_sync.errors import SyncError
from truth_forge_sync.settings import SYSTEMS, SystemName

SECONDS_BETWEEN_LOOKS = 5


def change_sensor(name: SystemName) -> SensorDefinition:
    """The sensor that looks at one system's change marker."""

    @sensor(
        name=f"{name}_change_sensor",
        job=SYNC,
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Starts a cycle within seconds of a change in {SYSTEM_TITLES[name]}.",
    )
    def look(context: SensorEvaluationContext, workbench: Workbench) -> RunRequest | SkipReason:
        if not workbench.is_configured(name):
            return SkipReason(f"{name} is not configured")
        if run := run_in_flight(context.instance):
            return SkipReason(f"a cycle is at work already (run {run})")
        try:
            marker = workbench.system(name).marker()
            if fingerprint(marker) == last_read_under(context.instance, name) and not last_cycle_failed(
                context.instance
            ):
                return SkipReason("nothing changed")
            other = workbench.hub.other_holder()
        except SyncError as error:
            return SkipReason(str(error))
        return SkipReason(f"{other} is at work on this hub") if other else live_request("sensor")

    return look


def last_read_under(instance: DagsterInstance, name: SystemName) -> str | None:
    """Fingerprint of the marker that the last pull read under; None where it was no live one."""
    event = instance.get_latest_materialization_event(AssetKey([name, "contacts"]))
    materialization = event.asset_materialization if event else None
    value = materialization.metadata.get(READ_UNDER) if materialization else None
    return str(value.value) if value else None


def last_cycle_failed(instance: DagsterInstance) -> bool:
    runs = instance.get_runs(RunsFilter(job_name=SYNC.name), limit=1)
    return bool(runs) and runs[0].status in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


SENSORS = [change_sensor(name) for name in SYSTEMS]
