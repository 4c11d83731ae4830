"""Runs forked from a warm process: they run, they can be stopped, and a lost one is known to be lost."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]
from dagster import DagsterInstance, DagsterRunStatus, in_process_executor, job, op, reconstructable
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.launcher.base import LaunchRunContext, WorkerStatus
from dagster._daemon.monitoring.run_monitoring import monitor_starting_run

from truth_forge_sync.automation.launcher import PROCESS_TAG, WarmRunLauncher

PROJECT = Path(__file__).parent.parent.parent

INSTANCE = """
run_launcher:
  module: truth_forge_sync.automation.launcher
  class: WarmRunLauncher
telemetry:
  enabled: false
"""


@op
def work() -> None: ...


@op
def long_work() -> None:
    time.sleep(60)


@op
def warm_work() -> None:
    missing = {"pandas", "truth_forge_sync.hub.duckdb_engine"} - set(sys.modules)
    assert not missing, f"to be imported by every run: {missing}"


@job
def short() -> None:
    work()


@job(executor_def=in_process_executor)
def warm() -> None:
    warm_work()


@job
def long() -> None:
    long_work()


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))  # for the process that runs are forked from
    (tmp_path / "dagster.yaml").write_text(INSTANCE)
    with DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def launched(instance: DagsterInstance, definition: object) -> str:
    """The id of a run of the job that was handed to the launcher."""
    recon = reconstructable(definition)  # type: ignore[arg-type]
    run = instance.create_run_for_job(
        recon.get_definition(), job_code_origin=recon.get_python_origin(), status=DagsterRunStatus.STARTING
    )
    instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
    return run.run_id


def wait_for(instance: DagsterInstance, run_id: str, *statuses: DagsterRunStatus) -> DagsterRunStatus:
    deadline = time.monotonic() + 90
    while (run := instance.get_run_by_id(run_id)) and time.monotonic() < deadline:
        if run.status in statuses:
            return run.status
        time.sleep(0.1)
    raise AssertionError(f"the run stayed {run and run.status}")


def health(instance: DagsterInstance, run_id: str) -> WorkerStatus:
    run = instance.get_run_by_id(run_id)
    assert run
    return instance.run_launcher.check_run_worker_health(run).status


def test_a_run_is_a_process_of_its_own(instance: DagsterInstance) -> None:
    assert isinstance(instance.run_launcher, WarmRunLauncher)
    run_id = launched(instance, short)
    assert wait_for(instance, run_id, DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE) is DagsterRunStatus.SUCCESS
    run = instance.get_run_by_id(run_id)
    assert run
    assert int(run.tags[PROCESS_TAG].split()[0]) != os.getpid()


def test_a_run_finds_imported_what_cycles_need(instance: DagsterInstance) -> None:
    run_id = launched(instance, warm)
    assert wait_for(instance, run_id, DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE) is DagsterRunStatus.SUCCESS


def test_a_run_can_be_stopped(instance: DagsterInstance) -> None:
    run_id = launched(instance, long)
    wait_for(instance, run_id, DagsterRunStatus.STARTED)
    assert health(instance, run_id) is WorkerStatus.RUNNING
    time.sleep(1)
    assert instance.run_launcher.terminate(run_id)
    assert wait_for(instance, run_id, DagsterRunStatus.CANCELED, DagsterRunStatus.FAILURE) is DagsterRunStatus.CANCELED
    assert not instance.run_launcher.terminate(run_id)


def test_a_run_whose_process_was_killed_is_known_to_be_lost(instance: DagsterInstance) -> None:
    run_id = launched(instance, long)
    wait_for(instance, run_id, DagsterRunStatus.STARTED)
    run = instance.get_run_by_id(run_id)
    assert run
    process = psutil.Process(int(run.tags[PROCESS_TAG].split()[0]))
    process.kill()
    deadline = time.monotonic() + 20
    while health(instance, run_id) is not WorkerStatus.NOT_FOUND:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    instance.report_run_failed(run)


@pytest.mark.parametrize("file", ["dagster.yaml", "deploy/dagster.postgres.yaml"])
def test_a_run_that_a_power_cut_met_before_it_began_gives_way_within_two_minutes(file: str, tmp_path: Path) -> None:
    monitoring = yaml.safe_load((PROJECT / file).read_text())["run_monitoring"]
    (tmp_path / "dagster.yaml").write_text(INSTANCE + yaml.safe_dump({"run_monitoring": monitoring}))
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        run = instance.create_run_for_job(short)
        looked_last = time.time() - 120 + instance.run_monitoring_poll_interval_seconds
        begins = DagsterEvent(DagsterEventType.PIPELINE_STARTING.value, run.job_name)
        instance.report_dagster_event(begins, run.run_id, timestamp=looked_last)
        record = instance.get_run_record_by_id(run.run_id)
        assert record
        assert record.dagster_run.status is DagsterRunStatus.STARTING
        monitor_starting_run(instance, record, logging.getLogger())
        assert wait_for(instance, run.run_id, DagsterRunStatus.FAILURE)


def test_another_process_with_the_same_number_is_not_the_run(instance: DagsterInstance) -> None:
    run_id = instance.create_run_for_job(short).run_id
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        instance.add_run_tags(run_id, {PROCESS_TAG: f"{other.pid} 1.00"})
        assert health(instance, run_id) is WorkerStatus.NOT_FOUND
        instance.add_run_tags(run_id, {PROCESS_TAG: f"{other.pid} {psutil.Process(other.pid).create_time():.2f}"})
        assert health(instance, run_id) is WorkerStatus.RUNNING
        other.communicate(b"\n")
    assert health(instance, run_id) is WorkerStatus.NOT_FOUND
