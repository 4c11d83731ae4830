"""Dagster's books, read without Dagster: they say what Dagster says."""

import importlib.util
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, AssetMaterialization, DagsterInstance
from dagster._core.scheduler.instigation import InstigatorStatus

from truth_forge_sync import books
from truth_forge_sync.books import Unfamiliar, read_books
from truth_forge_sync.home import open_instance
from truth_forge_sync.past import Past, read_past
from truth_forge_sync.status import look_back
from truth_forge_sync_tests.project import Project, make_project
from truth_forge_sync_tests.test_status import beat, keep_schedule, sync

ROOT = Path(__file__).parents[1]
needs_postgres_storage = pytest.mark.skipif(
    importlib.util.find_spec("dagster_postgres") is None, reason="the extra `postgres` is not installed"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in a folder with a blank and a percent sign in its path."""
    folder = tmp_path / "my contacts 100%"
    folder.mkdir()
    return make_project(folder, monkeypatch)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=needs_postgres_storage)])
def instance(request: pytest.FixtureRequest, project: Project) -> Iterator[DagsterInstance]:
    kept_in_postgres = request.param == "postgres"
    name = "deploy/dagster.postgres.yaml" if kept_in_postgres else "dagster.yaml"
    (project.folder / "dagster.yaml").write_text((ROOT / name).read_text())
    if kept_in_postgres:
        dsn: str = request.getfixturevalue("postgres_dsn")
        project.configure(DAGSTER_POSTGRES_URL=dsn.replace("postgresql:", "postgresql+psycopg2:"))
    with open_instance() as opened:
        yield opened


def materialize(instance: DagsterInstance, name: str, asset: str, status: str, message: str | None = None) -> None:
    told: dict[str, Any] = {"status": status, "read": 3, "seconds": 0.5, **({"message": message} if message else {})}
    instance.report_runless_asset_event(AssetMaterialization([name, asset], metadata=told))


def agreed(instance: DagsterInstance) -> Past:
    past = read_books()
    assert past == read_past(instance)
    return past


def test_the_books_say_at_every_step_what_dagster_says(instance: DagsterInstance) -> None:
    assert agreed(instance) == Past()

    instance.create_run_for_job(sync)
    assert agreed(instance).last_sync is not None  # it waits, and was made only
    sync.execute_in_process(instance=instance)
    good = agreed(instance)
    assert good.last_sync == good.last_success is not None
    sync.execute_in_process(instance=instance, tags={"fails": "yes"}, raise_on_error=False)
    bad = agreed(instance)
    assert bad.last_success == good.last_success != bad.last_sync

    materialize(instance, "local", "contacts", "down", "no answer")
    materialize(instance, "local", "contacts", "ok")
    materialize(instance, "twenty", "published", "stopped", "wrong key: “ß”")
    turned = agreed(instance)
    assert (turned.pulls["local"].status, turned.pulls["local"].message) == ("ok", None)
    turn = turned.pushes["twenty"]
    assert (turn.status, turn.message) == ("stopped", "wrong key: “ß”")
    instance.wipe_assets([AssetKey(["local", "contacts"])])
    assert "local" not in agreed(instance).pulls
    materialize(instance, "local", "contacts", "ok")
    assert "local" in agreed(instance).pulls

    keep_schedule(instance, InstigatorStatus.DECLARED_IN_CODE)
    beat(instance, age=300)
    assert not agreed(instance).running
    beat(instance, age=1)
    assert agreed(instance).next_sync is not None


def test_a_stopped_schedule_has_no_next_tick(instance: DagsterInstance) -> None:
    keep_schedule(instance, InstigatorStatus.STOPPED)
    beat(instance, age=1)
    assert agreed(instance) == Past(running=True)


def another_revision(project: Project) -> None:
    with closing(sqlite3.connect(project.folder / ".truth_forge/dagster/history/runs.db")) as runs, runs:
        runs.execute("UPDATE alembic_version SET version_num = '16e3115a602a'")


def another_table(project: Project) -> None:
    with closing(sqlite3.connect(project.folder / ".truth_forge/dagster/history/runs/index.db")) as events, events:
        events.execute("UPDATE asset_keys SET last_materialization = NULL, asset_details = 'what is this?'")
        events.execute("ALTER TABLE asset_keys RENAME COLUMN asset_details TO details")


def another_storage(project: Project) -> None:
    (project.folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")


@pytest.mark.parametrize("changed", [another_revision, another_table, another_storage])
def test_what_is_not_as_we_know_it_is_left_to_dagster(project: Project, changed: Callable[[Project], None]) -> None:
    (project.folder / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    with open_instance() as instance:
        sync.execute_in_process(instance=instance)
        materialize(instance, "local", "contacts", "ok")
        agreed(instance)
    changed(project)
    with pytest.raises(Unfamiliar):
        read_books()


def test_dagster_is_asked_where_the_books_are_unfamiliar(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.folder / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    with open_instance() as instance:
        sync.execute_in_process(instance=instance)
    known = read_books()
    monkeypatch.setattr(books, "REVISION", "of a later Dagster")
    with pytest.raises(Unfamiliar):
        read_books()
    assert look_back() == known != Past()


def test_where_nothing_was_remembered_yet_nothing_is_made(project: Project) -> None:
    assert read_books() == Past()
    (project.folder / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    assert read_books() == Past()
    assert [path.name for path in project.folder.iterdir()] == ["dagster.yaml"]
