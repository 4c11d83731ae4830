"""The Dagster side: its names, and each asset right when it is materialized alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    AssetsDefinition,
    DagsterInstance,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    materialize,
    validate_run_config,
)

from truth_forge_sync.assets.hub import TRIGGER, ReadAgain, changes_by_field, reconcile_hub
from truth_forge_sync.assets.pulls import FULL, LIVE, PULLS
from truth_forge_sync.assets.pushes import PUSHES
from truth_forge_sync.assets.workbench import Workbench
from truth_forge_sync.definitions import build_defs, defs
from truth_forge_sync.settings import SYSTEMS
from truth_forge_sync_tests.project import make_project

ASSETS = {
    "bigquery/contacts", "twenty/contacts", "supabase/contacts", "local/contacts",
    "hub/contacts", "hub/change_log", "hub/conflicts",
    "twenty/published", "supabase/published", "local/published",
}  # fmt: skip
SENSORS = {"twenty_change_sensor", "supabase_change_sensor", "local_change_sensor", "bigquery_change_sensor", "alerts"}
PARTITIONED = {"bigquery/contacts", "twenty/contacts", "supabase/contacts", "local/contacts"}


@pytest.fixture
def workbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """On an embedded hub; no other system is configured."""
    make_project(tmp_path, monkeypatch)
    bench = Workbench()
    bench.hub.init()
    return bench


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


def test_the_assets_are_those_that_people_rely_on() -> None:
    nodes = {
        key.to_user_string(): defs.resolve_asset_graph().get(key)
        for key in defs.resolve_asset_graph().get_all_asset_keys()
    }
    assert set(nodes) == ASSETS
    assert {name for name, node in nodes.items() if node.partitions_def} == PARTITIONED
    assert {parent.to_user_string() for parent in nodes["hub/contacts"].parent_keys} == PARTITIONED
    assert {parent.to_user_string() for parent in nodes["local/published"].parent_keys} == {"hub/contacts"}
    assert all(node.description for node in nodes.values())


def test_one_job_takes_all_assets() -> None:
    job = defs.resolve_job_def("sync")
    assert {key.to_user_string() for key in job.asset_layer.selected_asset_keys} == ASSETS
    validate_run_config(job, {})


def test_what_the_brake_holds_can_be_allowed_without_reading_anything_again() -> None:
    job = defs.resolve_job_def("allow_losses")
    assert {key.to_user_string() for key in job.asset_layer.selected_asset_keys} == ASSETS - PARTITIONED
    assert job.partitions_def is None, "else the UI would ask for days"
    validate_run_config(job, {"ops": {"reconcile": {"config": {"allow_losses": 50}}}})


def test_a_person_may_have_everything_one_system_or_one_contact_read_again() -> None:
    job = defs.resolve_job_def("resync")
    assert {key.to_user_string() for key in job.asset_layer.selected_asset_keys} == ASSETS - PARTITIONED
    assert job.partitions_def is None, "else the UI would ask for days"
    choices = {choice.name for choice in ReadAgain}
    assert choices == {"nothing", "all", *SYSTEMS}
    for choice in choices:
        chosen = {"read_again": choice, "contact_id": "abc"}
        validate_run_config(job, {"ops": {"reconcile": {"config": chosen}}})


def test_every_asset_tells_its_owners_kinds_and_how_fresh_it_should_be() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.owners == ["team:contacts"]
        assert node.kinds
        assert node.freshness_policy


def test_the_columns_told_of_the_hubs_tables_are_those_that_people_find_there(workbench: Workbench) -> None:
    tables = {"contacts": "contacts_master", "change_log": "sync_change_log", "conflicts": "sync_conflicts"}
    for key, table in tables.items():
        node = defs.resolve_asset_graph().get(AssetKey(["hub", key]))
        told = {column.name for column in node.metadata["dagster/column_schema"].columns}
        assert told == set(workbench.hub.engine.columns(table))


def test_pruning_waits_for_no_cycle() -> None:
    job = defs.resolve_job_def("prune")
    assert not job.asset_layer.selected_asset_keys
    assert {pool for node in job.all_node_defs for pool in node.pools} == set(), "a cycle in the pool would hold it up"
    validate_run_config(job, {"ops": {"prune_runs": {"config": {"keep_days": 30}}}})
    validate_run_config(job, {})


def test_the_guide_to_the_ui_names_every_check_job_and_tag() -> None:
    guide = (Path(__file__).parent.parent / "docs" / "ui.md").read_text(encoding="utf-8")
    checks = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
    jobs = {job.name for job in defs.get_repository_def().get_all_jobs() if not job.name.startswith("__")}
    assert {name for name in {*checks, *jobs, TRIGGER, FULL} if f"`{name}" not in guide} == set()


def test_schedules_and_sensors_run_by_default() -> None:
    repository = defs.get_repository_def()
    schedules = {(one.name, one.cron_schedule, one.execution_timezone) for one in repository.schedule_defs}
    assert schedules == {
        ("sync_every_five_minutes", "*/5 * * * *", "UTC"),
        ("sweep_every_day", "17 3 * * *", "UTC"),
        ("prune_every_day", "47 4 * * *", "UTC"),
    }
    assert all(one.default_status is DefaultScheduleStatus.RUNNING for one in repository.schedule_defs)
    assert {sensor.name for sensor in repository.sensor_defs} == SENSORS
    assert all(sensor.default_status is DefaultSensorStatus.RUNNING for sensor in repository.sensor_defs)


def test_definitions_take_other_resources() -> None:
    bench = Workbench(env_file="other.env")
    assert build_defs({"workbench": bench}).resources == {"workbench": bench}


@pytest.mark.parametrize(
    "asset",
    [*PULLS, reconcile_hub, *PUSHES],
    ids=lambda asset: asset.key.to_user_string() if len(asset.keys) == 1 else "hub",
)
def test_an_asset_stands_alone(workbench: Workbench, instance: DagsterInstance, asset: AssetsDefinition) -> None:
    partition = f"{datetime.now(UTC):%Y-%m-%d}" if asset.partitions_def else None
    result = materialize([asset], instance=instance, resources={"workbench": workbench}, partition_key=partition)
    assert result.success
    assert {event.asset_key for event in result.get_asset_materialization_events()} == asset.keys
    name = next(iter(asset.keys)).path[0]
    for event in result.get_asset_materialization_events():
        status = event.materialization.metadata.get("status")
        assert name == "hub" or (status is not None and status.value == ("ok" if name == "bigquery" else "skipped"))
    assert all(check.passed for check in result.get_asset_check_evaluations())


def test_a_cycle_shows_how_often_each_field_changed_and_no_value(
    workbench: Workbench, instance: DagsterInstance
) -> None:
    insert = "INSERT INTO identity.contacts_master (first_name, city, llm_context) VALUES"
    workbench.hub.engine.script(
        [f"{insert} ('Bo', 'Oslo', NULL)", f"""{insert} ('Al', NULL, JSON '{{"hobby": "chess"}}')"""]
    )
    tags = {LIVE: "true"}
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    resources = {"workbench": workbench}
    assert materialize([PULLS[0]], instance=instance, resources=resources, partition_key=today, tags=tags).success
    result = materialize([reconcile_hub], instance=instance, resources=resources)
    said = {event.asset_key: event.materialization.metadata for event in result.get_asset_materialization_events()}
    table = said[AssetKey(["hub", "change_log"])]["changes_by_field"].value
    assert isinstance(table, str)
    lines = [[cell.strip() for cell in line.split("|")] for line in table.splitlines()]
    rows = {cells[1]: cells[2:4] for cells in lines}
    assert rows["field"] == ["bigquery", "all"]
    assert rows["first_name"] == ["2", "2"]
    assert rows["llm_context"] == ["1", "1"]
    assert not {"Oslo", "chess", "hobby"} & set(table.replace("|", " ").split())


def test_a_cycle_without_changes_has_an_empty_table(workbench: Workbench) -> None:
    assert changes_by_field(workbench.hub, "20240101T000000_00000000").value is not None
