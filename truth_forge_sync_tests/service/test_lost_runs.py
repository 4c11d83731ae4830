"""Runs that ended with their code server, as after a reboot."""

from __future__ import annotations

from pathlib import Path

from dagster import DagsterInstance, DagsterRunStatus, job
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test

from truth_forge_sync.service.lost_runs import fail_lost_runs


@job
def sync() -> None:
    """A job of that name."""


def test_what_the_code_server_ran_has_failed_and_a_cycle_of_the_command_goes_on(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        lost = create_run_for_test(instance, "sync", status=DagsterRunStatus.STARTED, tags={GRPC_INFO_TAG: "{}"})
        ours = create_run_for_test(instance, "sync", status=DagsterRunStatus.STARTED)
        waiting = create_run_for_test(instance, "sync", status=DagsterRunStatus.NOT_STARTED, tags={GRPC_INFO_TAG: "{}"})
        assert [run.run_id for run in fail_lost_runs(instance)] == [lost.run_id]
        states = {run.run_id: run.status for run in instance.get_runs()}
    assert states == {
        lost.run_id: DagsterRunStatus.FAILURE,
        ours.run_id: DagsterRunStatus.STARTED,
        waiting.run_id: DagsterRunStatus.NOT_STARTED,
    }
