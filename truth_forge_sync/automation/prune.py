"""Old runs are deleted once a day: Dagster keeps every run for ever, and a day of cycles is a hundred megabytes.

What people and sensors still look at stays: the run that holds the latest event of an asset, of one of its partitions
or of a check. Without it a day would look as if it had never been read, and a check as if it had never been made.

A run is deleted in three steps: what is kept of all runs together, then its own file, then its row. The row goes last,
so that a prune that was broken off left nothing that the next one does not find. Cycles go on meanwhile: a finished run
is nobody's business but the reader's.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sql
from dagster import (
    Config,
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    Nothing,
    OpExecutionContext,
    Out,
    RunsFilter,
    ScheduleDefinition,
    job,
    op,
)
from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage
from pydantic import Field

from truth_forge_sync.automation.job import QUIET, SYNC

KEEP_DAYS = 7

RUNS_AT_ONCE = 50
"""Deleted in one transaction, for which a cycle that wants to write must wait."""

FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


class Retention(Config):
    keep_days: int = Field(
        default=KEEP_DAYS,
        ge=0,
        description="Days for which every run is kept. An older one stays only where it holds the latest event of an "
        "asset, a partition or a check.",
    )


@dataclass(frozen=True, slots=True)
class Pruned:
    """``runs_kept``: old, and still looked at. ``bytes_freed``: of the files removed; None where runs have none."""

    runs_deleted: int
    runs_kept: int
    bytes_freed: int | None


@op(out=Out(Nothing), description="Deletes old runs, and keeps those that hold the latest events.")
def prune_runs(context: OpExecutionContext, config: Retention) -> None:
    pruned = prune(context.instance, timedelta(days=config.keep_days))
    said = {name: value for name, value in asdict(pruned).items() if value is not None}
    context.log.info(", ".join(f"{name}: {value}" for name, value in said.items()))
    context.add_output_metadata(said)


@job(
    name="prune",
    config={**QUIET, "ops": {"prune_runs": {"config": {"keep_days": KEEP_DAYS}}}},
    description="Delete old runs, and keep those that hold the latest events of an asset, a partition or a check. "
    "Cycles go on meanwhile.",
)
def prune_job() -> None:
    prune_runs()


prune_every_day = ScheduleDefinition(
    name="prune_every_day",
    job=prune_job,
    run_config=prune_job.run_config,  # a schedule does not take it from the job by itself
    cron_schedule="47 4 * * *",  # the daily sweep is long over
    execution_timezone="UTC",
    default_status=DefaultScheduleStatus.RUNNING,
)


def prune(instance: DagsterInstance, keep: timedelta) -> Pruned:
    """Delete the runs that finished longer ago than ``keep``, oldest first, but for those that are still looked at.

    Raises TypeError where Dagster's events are neither in SQLite nor in PostgreSQL.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise TypeError(f"runs can be pruned in a SQL database, and not in {type(storage).__name__}")
    old = instance.run_storage.get_run_ids(
        RunsFilter(statuses=FINISHED, updated_before=datetime.now(UTC) - keep)
    )  # newest first
    # Old runs hold no new events, so what is not needed now will not be needed later.
    needed = _of_latest_events(storage) | _of_latest_cycles(instance)
    doomed = [run_id for run_id in reversed(old) if run_id not in needed]
    freed = sum(
        _delete(instance, storage, doomed[first : first + RUNS_AT_ONCE])
        for first in range(0, len(doomed), RUNS_AT_ONCE)
    )
    return Pruned(
        runs_deleted=len(doomed),
        runs_kept=len(old) - len(doomed),
        bytes_freed=freed if isinstance(storage, SqliteEventLogStorage) else None,
    )


def _of_latest_events(storage: SqlEventLogStorage) -> set[str]:
    """The runs of the latest event of each kind of every asset and partition, and of the latest of each outcome of
    every check. Two queries, however many there are.

    Planned events are a kind, too: by the last try that failed an asset is red, and so is the day it was for. And
    while a check is only planned, the UI shows the outcome before.
    """
    event, check = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
    events = (
        sql.select(sql.func.max(event.id))
        .where(event.asset_key.is_not(None), event.dagster_event_type.in_([kind.value for kind in ASSET_EVENTS]))
        .group_by(event.asset_key, event.dagster_event_type, event.partition)
    )
    checks = sql.select(sql.func.max(check.id)).group_by(
        check.asset_key, check.check_name, check.partition, check.execution_status
    )
    with storage.index_connection() as connection:
        return {
            *connection.scalars(sql.select(event.run_id).where(event.id.in_(events))),
            *connection.scalars(sql.select(check.run_id).where(check.id.in_(checks))),
        }


def _of_latest_cycles(instance: DagsterInstance) -> set[str]:
    """The last cycle of each outcome: status and alerts tell since when none has succeeded."""
    return {
        run.run_id
        for status in FINISHED
        for run in instance.get_runs(RunsFilter(job_name=SYNC.name, statuses=[status]), limit=1)
    }


def _delete(instance: DagsterInstance, storage: SqlEventLogStorage, run_ids: Sequence[str]) -> int:
    """Delete these runs; the bytes of the files that are gone.

    ``DagsterInstance.delete_run`` leaves a run's file where it is, and what its checks said; and it deletes the row
    first, so that nobody finds the rest when it is broken off.
    """
    with storage.index_transaction() as connection:
        for run_id in run_ids:
            storage.delete_events_for_run(connection, run_id)
        connection.execute(AssetCheckExecutionsTable.delete().where(AssetCheckExecutionsTable.c.run_id.in_(run_ids)))
    if storage.supports_global_concurrency_limits:
        for run_id in storage.get_concurrency_run_ids() & set(run_ids):
            storage.free_concurrency_slots_for_run(run_id)
    freed = sum(_unlink(storage, run_id) for run_id in run_ids) if isinstance(storage, SqliteEventLogStorage) else 0
    for run_id in run_ids:
        instance.run_storage.delete_run(run_id)
    return freed


def _unlink(storage: SqliteEventLogStorage, run_id: str) -> int:
    """Remove the file of a run's events, with what SQLite keeps beside it; its bytes."""
    freed = 0
    for end in ("", "-wal", "-shm"):
        path = Path(storage.path_for_shard(run_id) + end)
        if path.exists():
            freed += path.stat().st_size
            path.unlink()
    return freed
