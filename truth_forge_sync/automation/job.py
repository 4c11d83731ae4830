"""The jobs: ``sync``, one cycle over all assets; ``allow_losses``, which lets through what the brake holds; ``resync``,
which reads again what a person names."""

from __future__ import annotations

from datetime import UTC, datetime

from dagster import AssetSelection, DagsterInstance, DagsterRunStatus, RunRequest, RunsFilter, define_asset_job
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from truth_forge_sync.assets.hub import TRIGGER
from truth_forge_sync.assets.pulls import FULL, LIVE
from truth_forge_sync.hub.hub import HubState

QUIET = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}
"""Run config: sixty lines a cycle on the terminal otherwise. The events are in the UI all the same."""

SYNC = define_asset_job(
    "sync",
    selection=AssetSelection.all(),
    config=QUIET,
    description="One cycle: read what changed in every system, reconcile it, give each system what it lacks.",
)

ALLOW_LOSSES = define_asset_job(
    "allow_losses",
    selection=AssetSelection.groups("hub", "push"),
    config={**QUIET, "ops": {"reconcile": {"config": {"allow_losses": 0}}}},
    description="Let through what the brake holds: open the Launchpad (the arrow beside Materialize all), set "
    "allow_losses to the number of contacts that the check named brake tells, and launch. What waits is decided anew, "
    "and goes through if it is no more than that.",
)

RESYNC = define_asset_job(
    "resync",
    selection=AssetSelection.groups("hub", "push"),
    config={**QUIET, "ops": {"reconcile": {"config": {"read_again": "all", "contact_id": ""}}}},
    description="Read again and compare, whatever the systems' change markers say. Materialize all: every row of every "
    "system. In the Launchpad (the arrow beside it), read_again may name one system instead (bigquery, twenty, "
    "supabase, local), and contact_id one contact. The cursors stay where they are.",
)

IN_FLIGHT = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def run_in_flight(instance: DagsterInstance) -> str | None:
    """The id of a cycle that is queued or running, if there is one."""
    runs = instance.get_runs(RunsFilter(job_name=SYNC.name, statuses=IN_FLIGHT), limit=1)
    return runs[0].run_id if runs else None


def day_tags(first: str, last: str) -> dict[str, str]:
    """Run tags that choose the change days ``first`` to ``last`` (``YYYY-MM-DD``) of the pull assets."""
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}


def live_tags(trigger: str, first_day: str | None = None) -> dict[str, str]:
    """Run tags of a live cycle, for the days from ``first_day`` (default: today) to today."""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    return {**day_tags(first_day or today, today), LIVE: "true", TRIGGER: trigger}


def sweep_request(trigger: str) -> RunRequest:
    """A cycle that reads every row of every system, and compares all contacts."""
    return RunRequest(job_name=SYNC.name, run_config=QUIET, tags={**live_tags(trigger), FULL: "true"})


def live_request(trigger: str, first_day: str | None = None) -> RunRequest:
    return RunRequest(job_name=SYNC.name, run_config=QUIET, tags=live_tags(trigger, first_day))


def oldest_day(state: HubState) -> str | None:
    """The day of the cursor that is furthest behind, so that the run says which days it catches up on."""
    read = [cursor.read_at for cursor in state.cursors.values()]
    return f"{min(read).astimezone(UTC):%Y-%m-%d}" if read else None
