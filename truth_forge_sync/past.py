"""What Dagster remembers of the sync: does its daemon run, when were the last cycles, how did each system fare."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from truth_forge_sync.settings import SYSTEMS

if TYPE_CHECKING:
    from dagster import DagsterInstance

FRESH_SECONDS = 90
"""The daemon's threads beat every 30 s; after three beats missed it counts as dead."""

SCHEDULE = "sync_every_five_minutes"
CRON, CRON_SECONDS = "*/5 * * * *", 300.0

_DAEMONS = {"SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR"}
"""The daemon's threads without which nothing happens by itself."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The last pull or push of a system: its outcome (``ok``, ``down``, ``stopped``, ``skipped``), when, and why."""

    status: str
    at: float
    message: str | None


@dataclass(frozen=True, slots=True)
class Past:
    """What the Dagster instance remembers. Times are Unix seconds."""

    running: bool = False
    last_sync: float | None = None
    last_success: float | None = None
    next_sync: float | None = None
    pulls: Mapping[str, Turn] = field(default_factory=dict)
    pushes: Mapping[str, Turn] = field(default_factory=dict)


def is_alive(beats: Mapping[str, float]) -> bool:
    """Whether the daemon runs, given the last beat of each of its threads in Unix seconds."""
    return {kind for kind, at in beats.items() if time.time() - at < FRESH_SECONDS} >= _DAEMONS


def read_past(instance: DagsterInstance) -> Past:
    """What the instance remembers of the daemon, of the runs of job ``sync`` and of each system's last turns."""
    from dagster import DagsterRunStatus, RunsFilter

    running = is_alive({kind: beat.timestamp for kind, beat in instance.get_daemon_heartbeats().items()})
    last = instance.get_run_records(RunsFilter(job_name="sync"), limit=1)
    good = instance.get_run_records(RunsFilter(job_name="sync", statuses=[DagsterRunStatus.SUCCESS]), limit=1)
    return Past(
        running=running,
        last_sync=(last[0].end_time or last[0].start_time or last[0].create_timestamp.timestamp()) if last else None,
        last_success=good[0].end_time if good else None,
        next_sync=_next_tick(instance) if running else None,
        pulls=_turns(instance, "contacts"),
        pushes=_turns(instance, "published"),
    )


def _turns(instance: DagsterInstance, asset: str) -> dict[str, Turn]:
    from dagster import AssetKey

    turns: dict[str, Turn] = {}
    for name in SYSTEMS:
        event = instance.get_latest_materialization_event(AssetKey([name, asset]))
        if event and (materialization := event.asset_materialization):
            found = {key: value.value for key, value in materialization.metadata.items()}
            turns[name] = Turn(str(found.get("status")), event.timestamp, found.get("message"))  # type: ignore[arg-type]
    return turns


def _next_tick(instance: DagsterInstance) -> float | None:
    """As the daemon keeps it, since our own definitions take seconds to load; None where a person stopped it."""
    from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType, ScheduleInstigatorData
    from dagster._utils.schedules import cron_string_iterator

    if instance.schedule_storage is None:  # an instance that forgets
        return None
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
        kept = state.instigator_data
        ours = state.instigator_name == SCHEDULE and state.status is not InstigatorStatus.STOPPED
        if ours and isinstance(kept, ScheduleInstigatorData):
            return next(cron_string_iterator(time.time(), str(kept.cron_schedule), "UTC")).timestamp()
    return None
