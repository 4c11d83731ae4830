"""Runs that ended with the code server that ran them, before it is started anew.

After a reboot they are "started" for ever in Dagster's books, and as one cycle is at work at a time, none would follow
before run monitoring gives up on them (``max_runtime_seconds`` in dagster.yaml, an hour).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from truth_forge_sync.home import at_home, open_instance

if TYPE_CHECKING:
    from dagster import DagsterInstance


def fail_lost_runs(instance: DagsterInstance) -> list[Any]:
    """Mark the runs that the code server had at work as failed. A cycle of the command ``sync`` is not one of them."""
    from dagster import DagsterRunStatus, RunsFilter
    from dagster._core.storage.tags import GRPC_INFO_TAG

    at_work = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    lost = [run for run in instance.get_runs(RunsFilter(statuses=at_work)) if GRPC_INFO_TAG in run.tags]
    for run in lost:
        instance.report_run_failed(run, "its process ended with the code server that ran it")
    return lost


if __name__ == "__main__":
    with at_home(), open_instance() as found:
        fail_lost_runs(found)
