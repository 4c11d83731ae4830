"""When a cycle starts by itself: a marker that moved, no cycle at work, and again after one that failed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    DagsterInstance,
    DagsterRunStatus,
    RunRequest,
    SkipReason,
    build_schedule_context,
    build_sensor_context,
)
from dagster._core.test_utils import create_run_for_test

from truth_forge_sync.assets.pulls import LIVE, READ_UNDER, fingerprint
from truth_forge_sync.assets.workbench import Workbench
from truth_forge_sync.automation.schedule import sync_every_five_minutes
from truth_forge_sync.automation.sensors import SENSORS, failures
from truth_forge_sync_tests.project import make_project

SENSOR = {sensor.name: sensor for sensor in SENSORS}["bigquery_change_sensor"]


@pytest.fixture
def workbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    make_project(tmp_path, monkeypatch)
    bench = Workbench()
    bench.hub.init()
    return bench


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def look(workbench: Workbench, instance: DagsterInstance) -> object:
    with build_sensor_context(instance=instance, resources={"workbench": workbench}) as context:
        return SENSOR(context)


def pulled_under(marker: str, instance: DagsterInstance) -> None:
    instance.report_runless_asset_event(
        AssetMaterialization(AssetKey(["bigquery", "contacts"]), metadata={READ_UNDER: fingerprint(marker)})
    )


def test_a_marker_that_was_read_under_starts_nothing_and_another_one_does(
    workbench: Workbench, instance: DagsterInstance
) -> None:
    pulled_under(workbench.system("bigquery").marker(), instance)
    assert isinstance(look(workbench, instance), SkipReason)
    workbench.hub.engine.script(["INSERT INTO identity.contacts_master (contact_id, first_name) VALUES ('c1', 'Ann')"])
    request = look(workbench, instance)
    assert isinstance(request, RunRequest)
    assert request.tags[LIVE] == "true"
    assert request.run_key is None, "a key would never fire again after a failed run"


@pytest.mark.parametrize(
    ("status", "starts"),
    [
        (DagsterRunStatus.NOT_STARTED, False),
        (DagsterRunStatus.STARTED, False),
        (DagsterRunStatus.SUCCESS, False),
        (DagsterRunStatus.FAILURE, True),
        (DagsterRunStatus.CANCELED, True),
    ],
)
def test_an_unchanged_marker_starts_a_cycle_only_after_one_that_failed(
    workbench: Workbench, instance: DagsterInstance, status: DagsterRunStatus, starts: bool
) -> None:
    pulled_under(workbench.system("bigquery").marker(), instance)
    create_run_for_test(instance, job_name="sync", status=status)
    assert isinstance(look(workbench, instance), RunRequest) == starts


def test_a_cycle_that_goes_on_failing_is_tried_less_and_less_often(
    workbench: Workbench, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = []
    for _ in range(9):
        create_run_for_test(instance, job_name="sync", status=DagsterRunStatus.FAILURE)
        waits.append(failures(instance).seconds_left)
    assert waits == pytest.approx([0, 10, 20, 40, 80, 160, 300, 300, 300], abs=3)
    skipped = look(workbench, instance)
    assert isinstance(skipped, SkipReason)
    assert "the last 7 cycles failed" in str(skipped.skip_message)
    later = time.time() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    assert isinstance(look(workbench, instance), RunRequest)
    create_run_for_test(instance, job_name="sync", status=DagsterRunStatus.SUCCESS)
    assert failures(instance).cycles == 0


@pytest.mark.parametrize(("status", "starts"), [(DagsterRunStatus.STARTED, False), (DagsterRunStatus.FAILURE, True)])
def test_the_schedule_waits_for_the_cycle_that_is_at_work(
    workbench: Workbench, instance: DagsterInstance, status: DagsterRunStatus, starts: bool
) -> None:
    create_run_for_test(instance, job_name="sync", status=status)
    with build_schedule_context(instance=instance, resources={"workbench": workbench}) as context:
        assert isinstance(sync_every_five_minutes(context), RunRequest) == starts
