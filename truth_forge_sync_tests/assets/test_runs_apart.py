"""Assets in runs of their own: staged batches wait in the hub for whichever run reconciles next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import AssetsDefinition, DagsterInstance, ExecuteInProcessResult, materialize

from truth_forge_sync.assets.hub import reconcile_hub
from truth_forge_sync.assets.pulls import LIVE, PULLS
from truth_forge_sync.assets.pushes import PUSHES
from truth_forge_sync.assets.workbench import Workbench
from truth_forge_sync.automation.job import day_tags
from truth_forge_sync_tests.project import Project, make_project

ASSETS: dict[str, AssetsDefinition] = {asset.key.to_user_string(): asset for asset in [*PULLS, *PUSHES]}
LOCAL_DATABASE = "sqlite:///local.sqlite"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make_project(tmp_path, monkeypatch)
    made.configure(LOCAL_DATABASE_URL=LOCAL_DATABASE)
    bench = Workbench()
    bench.hub.init()
    list(bench.system("local").init())
    return made


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


def run(
    asset: AssetsDefinition, instance: DagsterInstance, tags: dict[str, str] | None = None
) -> ExecuteInProcessResult:
    """One asset in a run of its own, with everything opened anew as in a new process."""
    partition = f"{datetime.now(UTC):%Y-%m-%d}" if asset.partitions_def and not tags else None
    return materialize(
        [asset], instance=instance, resources={"workbench": Workbench()}, partition_key=partition, tags=tags
    )


def execute(statement: str) -> list[dict[str, object]]:
    with sa.create_engine(LOCAL_DATABASE).begin() as connection:
        result = connection.execute(sa.text(statement))
        return [dict(row) for row in result.mappings()] if result.returns_rows else []


@pytest.mark.usefixtures("project")
def test_an_edit_travels_through_runs_of_one_asset_each(instance: DagsterInstance) -> None:
    execute("INSERT INTO contacts_master (id, first_name, primary_email) VALUES ('a1', 'Ann', 'ann@example.com')")
    assert run(ASSETS["local/contacts"], instance).success
    assert run(reconcile_hub, instance).success
    Workbench().hub.engine.script(["UPDATE identity.contacts_master SET city = 'Oslo' WHERE TRUE"])
    assert run(ASSETS["bigquery/contacts"], instance).success
    assert run(reconcile_hub, instance).success
    assert run(ASSETS["local/published"], instance).success
    assert execute("SELECT first_name, city FROM contacts_master") == [{"first_name": "Ann", "city": "Oslo"}]


@pytest.mark.usefixtures("project")
def test_a_backfill_of_days_reads_them_in_one_run_and_leaves_the_cursor_alone(instance: DagsterInstance) -> None:
    execute("INSERT INTO contacts_master (id, first_name, primary_email) VALUES ('a1', 'Ann', 'ann@example.com')")
    today = datetime.now(UTC)
    days = day_tags(f"{today - timedelta(days=3):%Y-%m-%d}", f"{today:%Y-%m-%d}")
    result = run(ASSETS["local/contacts"], instance, days)
    (event,) = {event.materialization.metadata["read"].value for event in result.get_asset_materialization_events()}
    assert event == 1
    assert Workbench().hub.state().cursors == {}
    assert run(reconcile_hub, instance).success
    assert Workbench().hub.state().cursors == {}


@pytest.mark.usefixtures("project")
def test_rows_are_read_again_where_a_person_asks_for_it(instance: DagsterInstance) -> None:
    execute("INSERT INTO contacts_master (id, first_name, primary_email) VALUES ('a1', 'Ann', 'ann@example.com')")
    config = {"ops": {"reconcile": {"config": {"read_again": "local"}}}}
    result = materialize([reconcile_hub], instance=instance, resources={"workbench": Workbench()}, run_config=config)
    said = metadata_of(result, "hub/contacts")
    assert (said["read_again"], said["created"]) == ({"local": 1}, 1)
    unset = {"twenty": "not configured", "supabase": "not configured"}
    (contact,) = Workbench().hub.engine.query("SELECT contact_id FROM identity.contacts_master").to_pylist()
    config = {"ops": {"reconcile": {"config": {"contact_id": contact["contact_id"]}}}}
    result = materialize([reconcile_hub], instance=instance, resources={"workbench": Workbench()}, run_config=config)
    assert metadata_of(result, "hub/contacts")["read_again"] == {"bigquery": 0, "local": 1, **unset}


def test_a_system_that_does_not_answer_keeps_no_other_from_being_read_again(
    project: Project, instance: DagsterInstance
) -> None:
    project.configure(LOCAL_DATABASE_URL="sqlite:////nowhere/at/all.sqlite")
    config = {"ops": {"reconcile": {"config": {"read_again": "all"}}}}
    result = materialize([reconcile_hub], instance=instance, resources={"workbench": Workbench()}, run_config=config)
    assert result.success
    read = metadata_of(result, "hub/contacts")["read_again"]
    assert read["bigquery"] == 0
    assert "cannot be opened" in read["local"]


@pytest.mark.usefixtures("project")
def test_the_list_of_runs_tells_what_each_of_them_did(instance: DagsterInstance) -> None:
    execute("INSERT INTO contacts_master (id, first_name, primary_email) VALUES ('a1', 'Ann', 'ann@example.com')")
    assert run(ASSETS["local/contacts"], instance).success
    reconciled = run(reconcile_hub, instance)
    Workbench().hub.engine.script(["UPDATE identity.contacts_master SET city = 'Oslo' WHERE TRUE"])
    assert run(ASSETS["bigquery/contacts"], instance).success
    assert run(reconcile_hub, instance).success
    pushed = run(ASSETS["local/published"], instance)
    assert tags_of(instance, reconciled)["changed"] == "local 1"
    assert tags_of(instance, pushed)["wrote"] == "local 1"
    assert not {"changed", "wrote"} & set(tags_of(instance, run(ASSETS["local/published"], instance)))


def test_a_system_that_does_not_answer_is_red_and_fails_no_run(project: Project, instance: DagsterInstance) -> None:
    healthy = run(ASSETS["local/contacts"], instance)
    assert all(check.passed for check in healthy.get_asset_check_evaluations())
    project.configure(LOCAL_DATABASE_URL="sqlite:////nowhere/at/all.sqlite")
    for _ in range(2):
        result = run(ASSETS["local/contacts"], instance, {**day_tags("2026-01-01", "2026-01-01"), LIVE: "true"})
        assert result.success
        checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
        assert not checks["answers"].passed
        assert "local" in str(checks["answers"].metadata["message"].value)
        assert checks["fresh"].passed, "it answered a moment ago"
        said = metadata_of(result, "local/contacts")
        assert said["answered_at"] == metadata_of(healthy, "local/contacts")["answered_at"]
        assert 0 < said["seconds_without_answer"] < 900


def metadata_of(result: ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    (said,) = (
        event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.materialization.asset_key.to_user_string() == asset
    )
    return {name: value.value for name, value in said.items()}


def tags_of(instance: DagsterInstance, result: ExecuteInProcessResult) -> Mapping[str, str]:
    run = instance.get_run_by_id(result.run_id)
    assert run
    return run.tags
