"""The embedded hub, broken one thing at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from truth_forge_sync.doctor import Finding, examine
from truth_forge_sync.hub.engine import open_engine
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.settings import Settings
from truth_forge_sync_tests.doctor.conftest import Configure

INIT = "run: truth-forge-sync init"


def found_of(settings: Settings, *statuses: str) -> list[Finding]:
    return [finding for finding in examine(settings) if finding.system == "bigquery" and finding.status in statuses]


@pytest.fixture
def settings(configure: Configure) -> Settings:
    """Of a hub that is set up."""
    settings = configure()
    Hub(open_engine(settings)).init()
    return settings


def test_a_hub_that_is_not_there_is_not_made(configure: Configure) -> None:
    (found,) = found_of(configure(), "failed")
    assert (found.check, found.remedy) == ("schema", INIT) and "hub.duckdb" in found.message
    assert list(Path.cwd().iterdir()) == []


def test_a_hub_without_tables_is_told_in_one_line(configure: Configure) -> None:
    settings = configure()
    open_engine(settings).create_dataset()
    (found,) = found_of(settings, "failed")
    assert (found.check, found.remedy) == ("schema", INIT) and "identity" in found.message


def test_a_table_or_column_that_is_missing_is_named(settings: Settings) -> None:
    open_engine(settings).script(
        ["DROP TABLE identity.sync_errors", "ALTER TABLE identity.sync_conflicts DROP COLUMN reason"]
    )
    found = found_of(settings, "failed")
    assert {(finding.check, finding.remedy) for finding in found} == {("schema", INIT)}
    assert {finding.message for finding in found} == {
        "table identity.sync_errors is missing",
        "table identity.sync_conflicts lacks reason",
    }


def test_a_file_that_cannot_be_opened_is_told_with_its_name(configure: Configure) -> None:
    settings = configure(hub_path="hub.duckdb")
    Path("hub.duckdb").write_text("not a database" * 1000)
    (found,) = found_of(settings, "failed")
    assert found.check == "reachability" and "hub.duckdb" in found.remedy


def test_what_waits_is_a_hint(settings: Settings) -> None:
    assert not found_of(settings, "failed", "warning", "skipped")
    cycle = (
        "INSERT INTO identity.sync_cycles (cycle_id, started_at, status) VALUES ('c', CURRENT_TIMESTAMP(), 'planned')"
    )
    hold = (
        "INSERT INTO identity.sync_holds"
        " (system, native_id, contact_id, path, changed_at, gone, reason, status, held_at)"
        " VALUES ('local', 'n', 'a', 'city', CURRENT_TIMESTAMP(), FALSE, 'brake', 'held', CURRENT_TIMESTAMP())"
    )
    open_engine(settings).script([cycle, hold])
    unfinished, held = found_of(settings, "warning")
    assert "interrupted" in unfinished.message and "truth-forge-sync sync" in unfinished.remedy
    assert "1 contact of local" in held.message and "holds list" in held.remedy
    assert not found_of(settings, "failed")


def test_in_bigquery_the_roles_are_named_and_the_clock_is_asked_for(
    settings: Settings, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(settings)
    monkeypatch.setattr("truth_forge_sync.doctor.hub.open_engine", lambda _settings: engine)
    found = found_of(configure(bigquery_project="a-project"), "ok", "warning", "failed", "skipped")
    assert "project a-project" in found[0].message
    (rights,) = (finding for finding in found if finding.status != "ok")
    assert (rights.check, rights.status) == ("rights", "skipped") and "BigQuery Data Editor" in rights.remedy
    assert "no offset" in next(finding.message for finding in found if finding.check == "clock")
