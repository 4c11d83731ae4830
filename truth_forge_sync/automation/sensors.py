"""Sensors on the systems' change markers: a cycle within seconds of an edit.

A sensor's cursor is the marker that it last asked a cycle for. While a cycle is at work nothing is asked and the cursor
stays, so a change seen meanwhile is not forgotten; when the last cycle failed, the same marker asks again.
"""

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from truth_forge_sync.assets.presentation import SYSTEM_TITLES
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
    def look(context: SensorEvaluationContext, workbench: Workbench) -> SensorResult | SkipReason:
        if not workbench.is_configured(name):
            return SkipReason(f"{name} is not configured")
        if run := run_in_flight(context.instance):
            return SkipReason(f"a cycle is at work already (run {run})")
        try:
            marker = workbench.system(name).marker()
        except SyncError as error:
            return SkipReason(str(error))
        if marker == context.cursor and not last_cycle_failed(context.instance):
            return SkipReason("nothing changed")
        return SensorResult(run_requests=[live_request("sensor")], cursor=marker)

    return look


def last_cycle_failed(instance: DagsterInstance) -> bool:
    runs = instance.get_runs(RunsFilter(job_name=SYNC.name), limit=1)
    return bool(runs) and runs[0].status in (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


SENSORS = [change_sensor(name) for name in SYSTEMS]
