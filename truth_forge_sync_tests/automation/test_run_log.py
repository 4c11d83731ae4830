"""What a run writes down through connections that stay open is there for everybody else, at once."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, JobDefinition, job, op

from truth_forge_sync.automation.run_log import kept_open

STEPS = 5


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path), overrides={"telemetry": {"enabled": False}}) as opened:
        yield opened


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every database that is opened from now on."""
    paths: list[str] = []
    connect = sqlite3.dbapi2.connect

    def counted(path: str, *given: object, **named: object) -> sqlite3.Connection:
        paths.append(path)
        return connect(path, *given, **named)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3.dbapi2, "connect", counted)
    return paths


def some_steps(heard: list[int] | None = None, elsewhere: DagsterInstance | None = None) -> JobDefinition:
    """``heard``: how many events of the run another instance finds as its first step runs."""

    @op
    def first(context) -> None:  # type: ignore[no-untyped-def]
        if elsewhere is not None and heard is not None:
            heard.append(len(elsewhere.all_logs(context.run_id)))

    @op
    def further() -> None: ...

    @job
    def several() -> None:
        first()
        for number in range(STEPS):
            further.alias(f"step_{number}")()

    return several


def test_a_run_opens_its_databases_once_and_not_for_every_event(instance: DagsterInstance, opened: list[str]) -> None:
    some_steps().execute_in_process(instance=instance)
    before = len([path for path in opened if "/history/runs/" in path])
    opened.clear()
    with kept_open(instance):
        done = some_steps().execute_in_process(instance=instance)
    logs = [path for path in opened if "/history/runs/" in path]
    assert before > 5 * STEPS
    assert len(logs) < 10, "those in which Dagster makes a run's own"
    assert [event.event_type_value for event in done.all_events] == [
        record.dagster_event.event_type_value for record in instance.all_logs(done.run_id) if record.dagster_event
    ]


def test_others_see_an_event_as_soon_as_it_is_written(instance: DagsterInstance, tmp_path: Path) -> None:
    heard: list[int] = []
    with DagsterInstance.local_temp(str(tmp_path)) as elsewhere, kept_open(instance):
        some_steps(heard, elsewhere).execute_in_process(instance=instance)
    assert heard[0] > 3


def test_who_watches_a_run_is_told_before_it_ends(instance: DagsterInstance, tmp_path: Path) -> None:
    told: list[str] = []
    with DagsterInstance.local_temp(str(tmp_path)) as elsewhere, kept_open(instance):
        run = instance.create_run_for_job(some_steps())
        elsewhere.watch_event_logs(run.run_id, None, lambda event, _cursor: told.append(event.run_id))
        instance.report_engine_event("begun", run)
        deadline = time.monotonic() + 20
        while not told and time.monotonic() < deadline:
            time.sleep(0.05)
    assert told == [run.run_id]


def test_another_storage_is_left_as_it_is() -> None:
    with DagsterInstance.ephemeral() as instance, kept_open(instance):
        assert some_steps().execute_in_process(instance=instance).success
