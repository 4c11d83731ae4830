"""Sensors on the systems' change markers: a cycle within seconds of an edit.

A sensor compares a system's marker with the one that the last pull read under, as its materialization says. So a cycle
that another sensor or the schedule started counts for all of them, a change seen while a cycle is at work is not
forgotten, and a failed cycle is tried again, less and less often.
"""

import time
from dataclasses import dataclass
from itertools import takewhile

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

LONGEST_WAIT = 300.0
"""Between two tries of a cycle that goes on failing: the schedule tries as often."""
COUNTED_FAILURES = 7
"""So many failures in a row reach the longest wait."""

_FAILED = (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)


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
        failed = failures(context.instance)
        if (left := failed.seconds_left) > 0:
            return SkipReason(f"the last {failed.cycles} cycles failed: the next try is in {left:.0f} s")
        try:
            marker = workbench.system(name).marker()
            if not failed.cycles and fingerprint(marker) == last_read_under(context.instance, name):
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


@dataclass(frozen=True, slots=True)
class Failures:
    """How many of the last cycles failed in a row, and when the last of them ended (Unix seconds)."""

    cycles: int
    ended_at: float

    @property
    def seconds_left(self) -> float:
        """Until the next try. The first one comes at once; then each waits twice as long as the one before it, since a
        cycle that fails for hours would fill the disk with runs."""
        if self.cycles < 2:
            return 0.0
        wait = min(10.0 * 2.0 ** (self.cycles - 2), LONGEST_WAIT)
        return self.ended_at + wait - time.time()


def failures(instance: DagsterInstance) -> Failures:
    last = instance.get_run_records(RunsFilter(job_name=SYNC.name), limit=COUNTED_FAILURES)
    failed = list(takewhile(lambda record: record.dagster_run.status in _FAILED, last))
    return Failures(len(failed), (last[0].end_time or last[0].update_timestamp.timestamp()) if failed else 0.0)


SENSORS = [change_sensor(name) for name in SYSTEMS]
