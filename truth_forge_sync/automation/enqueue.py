"""A cycle put into Dagster's run queue from outside the daemon, as the daemon itself does it for a sensor.

The daemon takes it from there, one cycle at a time. Neither a webserver nor a code server is asked: the definitions are
loaded in this process, once.
"""

from __future__ import annotations

import sys

from dagster import DagsterError, DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.definitions.selector import JobSubsetSelector
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from sqlalchemy.exc import SQLAlchemyError

from truth_forge_sync.assets.hub import TRIGGER
from truth_forge_sync.assets.pulls import LIVE
from truth_forge_sync.automation.job import SYNC, live_request
from truth_forge_sync.errors import Retry

LOCATION = "truth_forge_sync"
"""The location's name in workspace.yaml, and its module."""
MODULE = "truth_forge_sync.definitions"


class CycleQueue:
    """Puts live cycles into the queue of an instance."""

    def __init__(self, instance: DagsterInstance, trigger: str) -> None:
        self._instance = instance
        self._trigger = trigger
        target = LoadableTargetOrigin(executable_path=sys.executable, module_name=MODULE)
        self._location = InProcessCodeLocationOrigin(target, location_name=LOCATION).create_location(instance)
        # Made by a process that died before they were queued: the sensors would wait for them for ever.
        half_made = RunsFilter(job_name=SYNC.name, statuses=[DagsterRunStatus.NOT_STARTED], tags={TRIGGER: trigger})
        for run in instance.get_runs(half_made):
            instance.report_run_failed(run, "it was never put into the queue")

    def start(self) -> str | None:
        """The id of the new run; None where a live cycle waits already: it will see whatever this one would.

        A cycle at work may have read too early, and one for chosen days may not look at today: they do not count.
        Raises Retry.
        """
        try:
            waiting = RunsFilter(job_name=SYNC.name, statuses=[DagsterRunStatus.QUEUED], tags={LIVE: "true"})
            return None if self._instance.get_runs(waiting, limit=1) else self._submit()
        except (DagsterError, SQLAlchemyError, OSError) as error:
            raise Retry(f"Dagster's run queue could not be written ({type(error).__name__})") from error

    def _submit(self) -> str:
        request = live_request(self._trigger)
        (repository,) = self._location.get_repositories().values()
        job = self._location.get_job(
            JobSubsetSelector(
                location_name=LOCATION, repository_name=repository.name, job_name=SYNC.name, op_selection=None
            )
        )
        plan = self._location.get_execution_plan(
            job, request.run_config, step_keys_to_execute=None, known_state=None, instance=self._instance
        )
        run = self._instance.create_run(
            job_name=job.name,
            run_id=None,
            run_config=request.run_config,
            status=DagsterRunStatus.NOT_STARTED,
            tags={**job.run_tags, **request.tags},
            root_run_id=None,
            parent_run_id=None,
            step_keys_to_execute=None,
            execution_plan_snapshot=plan.execution_plan_snapshot,
            job_snapshot=job.job_snapshot,
            parent_job_snapshot=job.parent_job_snapshot,
            asset_selection=None,
            asset_check_selection=None,
            resolved_op_selection=job.resolved_op_selection,
            op_selection=None,
            remote_job_origin=job.get_remote_origin(),
            job_code_origin=job.get_python_origin(),
            asset_graph=repository.asset_graph,
        )
        try:
            self._instance.submit_run(run.run_id, None)  # type: ignore[arg-type] # a queue looks at no workspace
        except Exception:
            self._instance.report_run_failed(run, "it could not be put into the queue")
            raise
        return run.run_id
