"""What a status says, given what the instance and the hub remember."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, OpExecutionContext, job, op
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat

from truth_forge_sync.automation.schedule import sync_every_five_minutes
from truth_forge_sync.past import CRON, SCHEDULE, Past, Turn, read_past
from truth_forge_sync.settings import Settings
from truth_forge_sync.status import HubCounts, compose, is_fine

NOW = 1_700_000_000.0
FINE = Turn("ok", NOW - 10, None)
PAST = Past(running=True, pulls={"bigquery": FINE, "local": FINE}, pushes={"local": FINE})
HUB = HubCounts(contacts=4, aligned=3, conflicts_open=1, review_open=2, errors_parked=0, pending={"local": 1})


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("LOCAL_DATABASE_URL", "sqlite:///x.db")
    return Settings(_env_file=None)  # type: ignore[call-arg]


def composed(settings: Settings, past: Past = PAST, hub: HubCounts = HUB) -> dict[str, Any]:
    return compose(settings, past, hub, now=NOW)


def test_all_is_fine(settings: Settings) -> None:
    told = composed(settings)
    assert is_fine(told)
    assert told["aligned_share"] == 0.75
    assert told["systems"]["local"] == {
        "configured": True, "healthy": True, "last_read_at": "2023-11-14T22:13:10+00:00", "lag_seconds": 10.0,
        "pending": 1, "message": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("past", "hub", "system", "message"),
    [
        (replace(PAST, pulls={"bigquery": FINE, "local": Turn("down", NOW, "no answer")}), HUB, "local", "no answer"),
        (replace(PAST, pushes={"local": Turn("stopped", NOW, "wrong key")}), HUB, "local", "wrong key"),
        (replace(PAST, pulls={"bigquery": FINE}), HUB, "local", "not read yet"),
        (PAST, HubCounts(message="the hub is busy"), "bigquery", "the hub is busy"),
    ],
)
def test_a_system_that_is_not_well_says_why(
    settings: Settings, past: Past, hub: HubCounts, system: str, message: str
) -> None:
    told = composed(settings, past, hub)
    assert not is_fine(told)
    assert (told["systems"][system]["healthy"], told["systems"][system]["message"]) == (False, message)


def test_a_dead_daemon_is_not_fine(settings: Settings) -> None:
    assert not is_fine(composed(settings, replace(PAST, running=False)))


def test_a_system_that_is_not_configured_is_no_fault(settings: Settings) -> None:
    told = composed(settings)["systems"]["twenty"]
    assert (told["configured"], told["healthy"], told["lag_seconds"]) == (False, False, None)
    assert "not configured" in told["message"]


def test_a_look_that_found_nothing_new_counts_as_a_read(settings: Settings) -> None:
    told = composed(settings, hub=replace(HUB, read_at={"local": NOW - 5_000}))
    assert told["systems"]["local"]["lag_seconds"] == 10.0


def test_an_empty_hub_is_aligned_and_one_that_is_not_there_tells_no_share(settings: Settings) -> None:
    assert composed(settings, hub=HubCounts(contacts=0, aligned=0))["aligned_share"] == 1.0
    assert composed(settings, hub=HubCounts(message="gone"))["aligned_share"] is None


def test_the_daemon_runs_while_its_heartbeats_are_fresh_and_its_schedule_tells_the_next_cycle(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert read_past(instance) == Past()
        keep_schedule(instance, InstigatorStatus.DECLARED_IN_CODE)
        beat(instance, age=10)
        past = read_past(instance)
        assert past.running
        assert past.next_sync is not None
        assert 0 < past.next_sync - time.time() <= 300
        assert past.next_sync % 300 == 0
        beat(instance, age=300)
        assert read_past(instance) == Past()


def test_a_schedule_that_a_person_stopped_has_no_next_cycle(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        keep_schedule(instance, InstigatorStatus.STOPPED)
        beat(instance, age=10)
        assert read_past(instance) == Past(running=True)


@op
def work(context: OpExecutionContext) -> None:
    if context.run.tags.get("fails"):
        raise RuntimeError("as asked")


@job(name="sync")
def sync() -> None:
    work()


def test_the_last_cycle_and_the_last_good_one_are_told_apart() -> None:
    with DagsterInstance.ephemeral() as instance:
        sync.execute_in_process(instance=instance)
        good = read_past(instance)
        assert good.last_sync == good.last_success
        sync.execute_in_process(instance=instance, tags={"fails": "yes"}, raise_on_error=False)
        bad = read_past(instance)
        assert bad.last_success == good.last_success
        assert bad.last_sync is not None
        assert good.last_sync is not None
        assert bad.last_sync > good.last_sync


def beat(instance: DagsterInstance, *, age: float) -> None:
    for kind in ("SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR"):
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age, kind, "1"))


def keep_schedule(instance: DagsterInstance, status: InstigatorStatus) -> None:
    """What the daemon keeps of the schedule."""
    target = LoadableTargetOrigin(python_file="definitions.py")
    repository = RemoteRepositoryOrigin(InProcessCodeLocationOrigin(target), "repository")
    origin = RemoteInstigatorOrigin(repository, SCHEDULE)
    kept = ScheduleInstigatorData("*/5 * * * *", time.time())
    instance.add_instigator_state(InstigatorState(origin, InstigatorType.SCHEDULE, status, kept))


def test_the_schedule_has_the_name_and_the_rhythm_that_status_looks_for() -> None:
    assert (sync_every_five_minutes.name, sync_every_five_minutes.cron_schedule) == (SCHEDULE, CRON)
