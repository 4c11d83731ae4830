"""A cycle put into the queue from outside the daemon: the daemon's own job, and never two that wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._cli.api import _execute_run_command_body
from dagster._core.test_utils import create_run_for_test
from sqlalchemy.exc import OperationalError

from truth_forge_sync.assets.hub import TRIGGER
from truth_forge_sync.assets.pulls import LIVE
from truth_forge_sync.assets.workbench import CYCLE_POOL, Workbench
from truth_forge_sync.automation.enqueue import LOCATION, MODULE, CycleQueue
from truth_forge_sync.automation.job import live_tags, run_in_flight
from truth_forge_sync.errors import Retry
from truth_forge_sync_tests.project import make_project

ROOT = Path(__file__).parents[2]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


@pytest.fixture
def queue(instance: DagsterInstance) -> CycleQueue:
    return CycleQueue(instance, "webhook")


def runs(instance: DagsterInstance, *statuses: DagsterRunStatus) -> list[DagsterRun]:
    return list(instance.get_runs(RunsFilter(statuses=statuses)))


def test_it_is_the_location_of_the_workspace() -> None:
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert location == {"python_module": {"module_name": MODULE, "location_name": LOCATION}}


def test_the_run_is_like_that_of_a_sensor(instance: DagsterInstance, queue: CycleQueue) -> None:
    run_id = queue.start()
    (run,) = runs(instance, DagsterRunStatus.QUEUED)
    assert run.run_id == run_id == run_in_flight(instance)
    assert live_tags("webhook").items() <= run.tags.items()
    assert run.tags[TRIGGER] == "webhook" and run.tags[LIVE] == "true"
    assert run.remote_job_origin and run.remote_job_origin.location_name == LOCATION
    assert run.run_op_concurrency and run.run_op_concurrency.all_pools == {CYCLE_POOL}, "it waits its turn"


def test_one_that_waits_is_enough_and_one_at_work_is_not(instance: DagsterInstance, queue: CycleQueue) -> None:
    create_run_for_test(instance, job_name="sync", status=DagsterRunStatus.STARTED)
    assert queue.start()
    assert [queue.start() for _ in range(5)] == [None] * 5
    assert len(runs(instance, DagsterRunStatus.QUEUED)) == 1


def test_one_that_reads_chosen_days_again_is_not_enough(instance: DagsterInstance, queue: CycleQueue) -> None:
    first = queue.start()
    assert first
    instance.add_run_tags(first, {LIVE: "false"})
    assert queue.start()


def test_the_queued_run_is_a_whole_cycle(
    instance: DagsterInstance, queue: CycleQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(tmp_path, monkeypatch)
    bench = Workbench()
    bench.hub.init()
    bench.hub.engine.close()
    run_id = queue.start()
    assert run_id
    # As the daemon does it with what it takes from the queue.
    starting = DagsterEvent(event_type_value=DagsterEventType.PIPELINE_STARTING.value, job_name="sync")
    instance.report_dagster_event(starting, run_id)
    _execute_run_command_body(run_id, instance, lambda _event: None, set_exit_code_on_failure=False)
    run = instance.get_run_by_id(run_id)
    assert run and run.status is DagsterRunStatus.SUCCESS
    (cycle,) = Workbench().hub.engine.query("SELECT trigger FROM identity.sync_cycles").to_pylist()
    assert cycle == {"trigger": "webhook"}


def test_a_queue_that_can_not_be_written_is_tried_again(
    queue: CycleQueue, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object, **__: object) -> None:
        raise OperationalError("INSERT …", {}, Exception("database is locked"))

    with monkeypatch.context() as patch:
        patch.setattr(instance, "submit_run", locked)
        with pytest.raises(Retry):
            queue.start()
    assert run_in_flight(instance) is None, "what was half made keeps nobody waiting"
    assert queue.start()


def test_what_a_dead_process_left_half_made_is_given_up(instance: DagsterInstance) -> None:
    create_run_for_test(instance, job_name="sync", status=DagsterRunStatus.NOT_STARTED, tags={TRIGGER: "webhook"})
    CycleQueue(instance, "webhook")
    assert run_in_flight(instance) is None
