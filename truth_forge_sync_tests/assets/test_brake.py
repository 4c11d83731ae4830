"""Law 14 as people meet it: a check in red says what waits, a job with a ceiling lets it through."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, ExecuteInProcessResult

from truth_forge_sync.assets.pulls import FULL
from truth_forge_sync.assets.workbench import Workbench
from truth_forge_sync.automation.job import ALLOW_LOSSES, SYNC, live_tags
from truth_forge_sync.checks.hub import ALIGNED, BRAKE
from truth_forge_sync.definitions import build_defs
from truth_forge_sync_tests.project import make_project

LOCAL_DATABASE = "sqlite:///local.sqlite"


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(autouse=True)
def six_contacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: DagsterInstance) -> None:
    project = make_project(tmp_path, monkeypatch)
    project.configure(LOCAL_DATABASE_URL=LOCAL_DATABASE, TRUTH_FORGE_DELETE_LIMIT_COUNT="2")
    bench = Workbench()
    bench.hub.init()
    list(bench.system("local").init())
    for number in range(6):
        execute(
            "INSERT INTO contacts_master (id, first_name, primary_email) "
            f"VALUES ('a{number}', 'Person {number}', 'p{number}@example.com')"
        )
    run(SYNC.name, instance)


def execute(statement: str) -> None:
    with sa.create_engine(LOCAL_DATABASE).begin() as connection:
        connection.execute(sa.text(statement))


def run(
    job: str, instance: DagsterInstance, allow_losses: int | None = None, tags: dict[str, str] | None = None
) -> ExecuteInProcessResult:
    config = {} if allow_losses is None else {"ops": {"reconcile": {"config": {"allow_losses": allow_losses}}}}
    result = (
        build_defs({"workbench": Workbench()})
        .resolve_job_def(job)
        .execute_in_process(
            instance=instance,
            run_config=config,
            tags=tags or (live_tags("manual") if job == SYNC.name else None),
        )
    )
    assert result.success
    return result


def passed(result: ExecuteInProcessResult, check: str) -> bool:
    (found,) = (one for one in result.get_asset_check_evaluations() if one.check_name == check)
    assert found.passed or "remedy" in found.metadata
    return found.passed


def living() -> int:
    (row,) = (
        Workbench()
        .hub.engine.query("SELECT COUNT(*) AS n FROM identity.contacts_master WHERE deleted_at IS NULL")
        .to_pylist()
    )
    return int(row["n"])


def test_too_many_losses_are_red_until_a_person_allows_them(instance: DagsterInstance) -> None:
    execute("DELETE FROM contacts_master WHERE id IN ('a0', 'a1', 'a2')")
    assert not passed(run(SYNC.name, instance), BRAKE)
    assert not passed(run(SYNC.name, instance), BRAKE), "and stays red in cycles that have nothing to do"
    assert living() == 6
    assert not passed(run(ALLOW_LOSSES.name, instance, allow_losses=2), BRAKE)
    assert living() == 6
    assert passed(run(ALLOW_LOSSES.name, instance, allow_losses=3), BRAKE)
    assert living() == 3


def test_the_sweep_tells_the_share_of_contacts_that_were_equal_everywhere(instance: DagsterInstance) -> None:
    execute("DROP TRIGGER IF EXISTS truth_forge_stamp")
    execute("UPDATE contacts_master SET first_name = 'Silently changed' WHERE id = 'a0'")
    found = run(SYNC.name, instance, tags={**live_tags("schedule"), FULL: "true"})
    assert not passed(found, ALIGNED)
    (check,) = (one for one in found.get_asset_check_evaluations() if one.check_name == ALIGNED)
    assert check.metadata["aligned_share"].value == pytest.approx(5 / 6)
    assert passed(run(SYNC.name, instance, tags={**live_tags("schedule"), FULL: "true"}), ALIGNED)
