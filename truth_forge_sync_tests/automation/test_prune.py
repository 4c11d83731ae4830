"""Old runs go, and what people and sensors look at stays."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import (
    AssetCheckKey,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    RunsFilter,
    build_schedule_context,
)
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
)
from dagster._core.events import AssetMaterializationPlannedData, AssetObservationData, StepMaterializationData
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage
from dagster._core.utils import make_new_run_id

from truth_forge_sync import automation
from truth_forge_sync.automation.prune import Pruned, prune, prune_every_day, prune_job

CONTACTS = AssetKey(["twenty", "contacts"])
OTHER = AssetKey(["hub", "contacts"])
ANSWERS = AssetCheckKey(CONTACTS, "answers")
WEEK = timedelta(days=7)
ORIGIN = RemoteJobOrigin(RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("location"), "repository"), "sync")
"""A queued run must have one."""

Event = tuple[DagsterEventType, object]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an instance in SQLite files, in which nothing has run."""
    folder = tmp_path_factory.mktemp("instance")
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with DagsterInstance.from_config(str(folder)):
        return folder


@pytest.fixture
def instance(empty: Path, tmp_path: Path) -> Iterator[DagsterInstance]:
    shutil.copytree(empty, tmp_path, dirs_exist_ok=True)
    with DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def materialized(asset: AssetKey = CONTACTS, day: str | None = None) -> Event:
    return DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(AssetMaterialization(asset, partition=day))


def observed() -> Event:
    return DagsterEventType.ASSET_OBSERVATION, AssetObservationData(AssetObservation(CONTACTS))


def planned(day: str | None = None) -> Event:
    return DagsterEventType.ASSET_MATERIALIZATION_PLANNED, AssetMaterializationPlannedData(CONTACTS, partition=day)


def checked(*, passed: bool = True) -> Event:
    return DagsterEventType.ASSET_CHECK_EVALUATION, AssetCheckEvaluation(CONTACTS, ANSWERS.name, passed)


def check_planned() -> Event:
    return DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED, AssetCheckEvaluationPlanned(
        asset_key=CONTACTS, check_name=ANSWERS.name
    )


def ran(
    instance: DagsterInstance,
    *events: Event,
    days_ago: float = 30,
    end: DagsterEventType = DagsterEventType.RUN_SUCCESS,
    job: str = "sync",
) -> str:
    """The id of a run that said this, and came so far so long ago."""
    run_id = make_new_run_id()
    instance.add_run(DagsterRun(job_name=job, run_id=run_id, remote_job_origin=ORIGIN))
    for kind, data in events:
        say(instance, run_id, kind, data)
    came_so_far = DagsterEvent(end.value, job)
    when = datetime.now(UTC) - timedelta(days=days_ago)
    instance.run_storage.handle_run_event(run_id, came_so_far, update_timestamp=when)
    return run_id


def say(instance: DagsterInstance, run_id: str, kind: DagsterEventType, data: object) -> None:
    instance.report_dagster_event(DagsterEvent(kind.value, "sync", event_specific_data=data), run_id)  # type: ignore[arg-type]


def runs(instance: DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


def files(instance: DagsterInstance) -> set[str]:
    storage = instance.event_log_storage
    assert isinstance(storage, SqliteEventLogStorage)
    return set(storage.get_all_run_ids())


def cover(instance: DagsterInstance) -> str:
    """A young run that says whatever the others did, so that none is needed for its events."""
    return ran(instance, planned(), materialized(), observed(), check_planned(), checked(), days_ago=0.1)


def test_an_old_run_leaves_nothing_behind(instance: DagsterInstance) -> None:
    old = ran(instance, planned(), materialized(), check_planned(), checked())
    young = cover(instance)
    assert files(instance) == {old, young}
    pruned = prune(instance, WEEK)
    assert (pruned.runs_deleted, pruned.runs_kept) == (1, 0)
    assert pruned.bytes_freed and pruned.bytes_freed > 50_000, "its file was one of that size at least"
    assert runs(instance) == files(instance) == {young}
    assert {event.run_id for event in instance.fetch_materializations(CONTACTS, limit=10).records} == {young}
    history = instance.event_log_storage.get_asset_check_execution_history(ANSWERS, limit=10)
    assert {execution.run_id for execution in history} == {young}


def test_the_latest_materialization_and_observation_stay(instance: DagsterInstance) -> None:
    for _ in range(2):
        ran(instance, materialized(), observed())
    others = ran(instance, materialized(OTHER))
    seen = ran(instance, observed())
    read = ran(instance, materialized())
    ran(instance, job="other")
    prune(instance, WEEK)
    assert runs(instance) == {others, seen, read}
    latest = instance.get_latest_materialization_event(CONTACTS)
    assert latest and latest.run_id == read
    assert [record.run_id for record in instance.fetch_materializations(CONTACTS, limit=10).records] == [read]
    assert [record.run_id for record in instance.fetch_observations(CONTACTS, limit=10).records] == [seen]


def test_every_day_that_was_read_stays_read(instance: DagsterInstance) -> None:
    ran(instance, materialized(day="2025-01-01"))
    first = ran(instance, materialized(day="2025-01-01"), materialized(day="2025-01-02"))
    last = ran(instance, materialized(day="2025-01-02"))
    young = ran(instance, materialized(day="2025-01-03"), days_ago=1)
    prune(instance, WEEK)
    assert runs(instance) == {first, last, young}
    assert instance.get_materialized_partitions(CONTACTS) == {"2025-01-01", "2025-01-02", "2025-01-03"}


def test_the_last_try_of_a_day_stays_red(instance: DagsterInstance) -> None:
    read = ran(instance, planned("2025-01-01"), materialized(day="2025-01-01"))
    failed = ran(instance, planned("2025-01-01"), end=DagsterEventType.RUN_CANCELED)
    ran(instance, planned("2025-01-02"))
    after = ran(instance, planned("2025-01-02"), materialized(day="2025-01-02"))
    prune(instance, WEEK)
    assert runs(instance) == {read, failed, after}
    tries = instance.event_log_storage.get_latest_asset_partition_materialization_attempts_without_materializations(
        CONTACTS
    )
    assert {day: run_id for day, (run_id, _event) in tries.items()} == {"2025-01-01": failed}


def test_the_outcome_of_a_check_stays_though_it_was_planned_again(instance: DagsterInstance) -> None:
    ran(instance, check_planned(), checked(passed=False))
    failed = ran(instance, check_planned(), checked(passed=False))
    broken_off = ran(instance, check_planned(), end=DagsterEventType.RUN_CANCELED)
    ran(instance, job="other")
    ran(instance, days_ago=1)
    prune(instance, WEEK)
    summary = instance.event_log_storage.get_asset_check_summary_records([ANSWERS])[ANSWERS]
    assert summary.last_check_execution_record and summary.last_check_execution_record.run_id == broken_off
    completed = summary.last_completed_check_execution_record
    assert completed and completed.run_id == failed
    assert {failed, broken_off} < runs(instance)
    assert len(runs(instance)) == 3


def test_what_is_not_finished_stays_however_old(instance: DagsterInstance) -> None:
    old = ran(instance)
    unfinished = {
        ran(instance, end=end)
        for end in (
            DagsterEventType.RUN_ENQUEUED, DagsterEventType.RUN_STARTING,
            DagsterEventType.RUN_START, DagsterEventType.RUN_CANCELING,
        )
    }  # fmt: skip
    young = ran(instance, days_ago=6.9)
    assert prune(instance, WEEK).runs_deleted == 1
    assert runs(instance) == unfinished | {young}
    assert old not in runs(instance)


def test_the_last_good_cycle_stays_known(instance: DagsterInstance) -> None:
    ran(instance)
    good = ran(instance, days_ago=20)
    ran(instance, days_ago=19, job="other")
    bad = [ran(instance, days_ago=days, end=DagsterEventType.RUN_CANCELED) for days in (15, 10, 1)]
    prune(instance, WEEK)
    assert runs(instance) == {good, bad[-1]}


def test_nothing_is_left_for_a_second_prune(instance: DagsterInstance) -> None:
    for day in ("2025-01-01", "2025-01-01", "2025-01-02"):
        ran(instance, planned(day), materialized(day=day), checked())
    assert prune(instance, WEEK).runs_deleted == 1
    left = runs(instance)
    assert prune(instance, WEEK) == Pruned(runs_deleted=0, runs_kept=2, bytes_freed=0)
    assert runs(instance) == files(instance) == left


def test_the_next_prune_finishes_one_that_was_broken_off(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(automation.prune, "RUNS_AT_ONCE", 2)
    old = [ran(instance, materialized()) for _ in range(5)]
    young = cover(instance)
    delete = instance.run_storage.delete_run

    def killed_at_the_third(run_id: str) -> None:
        if run_id == old[2]:
            raise KeyboardInterrupt
        delete(run_id)

    with monkeypatch.context() as broken:
        broken.setattr(instance.run_storage, "delete_run", killed_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            prune(instance, WEEK)
    assert runs(instance) == {*old[2:], young}, "the oldest go first, and a row goes last, so that it is found again"
    assert files(instance) == {old[4], young}, "two at once"
    assert prune(instance, WEEK).runs_deleted == 3
    assert runs(instance) == files(instance) == {young}


def test_cycles_go_on_meanwhile(instance: DagsterInstance, tmp_path: Path) -> None:
    """A run at work, as in a process of its own, writes all the while; both come to their end."""
    for _ in range(5):
        ran(instance, planned(), materialized(), checked())
    young = cover(instance)
    at_work = ran(instance, days_ago=0, end=DagsterEventType.RUN_START)
    begun, stop = threading.Event(), threading.Event()
    written: list[str] = []

    def work() -> None:
        with DagsterInstance.from_config(str(tmp_path)) as own:
            while not stop.is_set() or len(written) < 3:
                say(own, at_work, *materialized())
                written.append(at_work)
                begun.set()

    cycle = threading.Thread(target=work)
    cycle.start()
    assert begun.wait(60)
    pruned = prune(instance, WEEK)
    stop.set()
    cycle.join(60)
    assert not cycle.is_alive()
    assert pruned.runs_deleted == 5
    assert runs(instance) == {young, at_work}
    kinds = {DagsterEventType.ASSET_MATERIALIZATION}
    assert len(instance.get_records_for_run(at_work, of_type=kinds).records) == len(written)
    latest = instance.get_latest_materialization_event(CONTACTS)
    assert latest and latest.run_id == at_work


def test_the_job_says_what_it_did(instance: DagsterInstance) -> None:
    ran(instance, materialized())
    ran(instance, materialized(), days_ago=8)
    ran(instance, days_ago=1)
    result = prune_job.execute_in_process(instance=instance)
    (output,) = (event.step_output_data for event in result.all_events if event.is_successful_output)
    said = {name: value.value for name, value in output.metadata.items()}
    assert said.pop("bytes_freed")
    assert said == {"runs_deleted": 1, "runs_kept": 1}
    assert instance.get_runs_count(RunsFilter(job_name="sync")) == 2


def test_the_days_can_be_chosen(instance: DagsterInstance) -> None:
    ran(instance, days_ago=2)
    ran(instance, days_ago=1)
    config = {"ops": {"prune_runs": {"config": {"keep_days": 0}}}}
    prune_job.execute_in_process(instance=instance, run_config=config)
    assert instance.get_runs_count(RunsFilter(job_name="sync")) == 1


def test_what_the_schedule_asks_for_is_what_the_launchpad_shows() -> None:
    now = datetime.now(UTC)
    tick = prune_every_day.evaluate_tick(build_schedule_context(scheduled_execution_time=now))
    assert tick.run_requests and tick.run_requests[0].run_config == prune_job.run_config
    assert tick.run_requests[0].run_config["ops"] == {"prune_runs": {"config": {"keep_days": 7}}}
