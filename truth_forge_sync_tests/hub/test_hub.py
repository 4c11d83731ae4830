"""The hub brings itself up to date, and tells by an id since when there can be anything of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from truth_forge_sync.hub.duckdb_engine import DuckDBEngine
from truth_forge_sync.hub.hub import Hub, day_before, new_id
from truth_forge_sync.hub.statements import declared_tables


def test_an_older_hub_is_given_the_columns_that_it_lacks_and_keeps_its_rows(tmp_path: Path) -> None:
    engine = DuckDBEngine(tmp_path / "hub.duckdb", "identity")
    hub = Hub(engine)
    hub.init()
    older = {"contacts_master": "nickname", "sync_bases": "held", "sync_cycles": "systems", "sync_errors": "path"}
    engine.script(["INSERT INTO identity.contacts_master (contact_id, first_name) VALUES ('c1', 'Ann')"])
    engine.script([f"ALTER TABLE identity.{table} DROP COLUMN {column}" for table, column in older.items()])
    hub.init()
    for table, types in declared_tables("identity").items():
        assert engine.columns(table) == set(types), table
    assert engine.query("SELECT contact_id, nickname FROM identity.contacts_master").to_pylist() == [
        {"contact_id": "c1", "nickname": None}
    ]
    hub.init()


def test_nothing_of_an_id_is_older_than_the_day_before_it_was_made() -> None:
    noon = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000
    assert int(day_before("20260301T120000_1a2b3c4d")) == noon - 86_400_000_000
    since = datetime.fromtimestamp(int(day_before(new_id())) / 1_000_000, UTC)
    assert timedelta(hours=24) <= datetime.now(UTC) - since < timedelta(hours=24, minutes=1)
