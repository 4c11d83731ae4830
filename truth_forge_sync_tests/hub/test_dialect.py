"""A statement is transpiled once, whatever ids and numbers it carries from cycle to cycle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from truth_forge_sync.hub.dialect import Dialect
from truth_forge_sync.hub.hub import Hub, new_id, wide
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.sync.push import push
from truth_forge_sync.sync.reconcile import reconcile
from truth_forge_sync_tests.world import World


@pytest.mark.parametrize(
    "generated",
    [(new_id(), new_id()), ("5f0c1e6a-3b8e-4d5f-9a55-0f7f3f1f2a01", "0" * 8 + "-1111" * 3 + "-" + "2" * 12)],
)
def test_generated_ids_come_back_as_they_were(tmp_path: Path, generated: tuple[str, str]) -> None:
    dialect = Dialect(tmp_path / "statements.json")
    for text in generated:
        assert (
            dialect.of(f"SELECT '{text}', {wide(7)}, 7 FROM identity.t")
            == f"SELECT '{text}', {wide(7)}, 7 FROM identity.t"
        )
    dialect.save()
    assert len(json.loads((tmp_path / "statements.json").read_text())["shapes"]) == 1


def test_cycle_after_cycle_no_statement_is_new(tmp_path: Path) -> None:
    world = World.embedded(tmp_path)

    def cycle(number: int) -> int:
        """A cycle as another run has it, and as long as it takes."""
        world.twenty.put("t-1", {"first_name": "Ann", "primary_email": "ann@example.com", "notes": str(number)})
        hub = Hub(world.engine)
        for memory in world.memories.values():
            pull(hub, memory)
        reconcile(hub, world.rules, run_id=f"{number:08}-0000-4000-8000-000000000000")
        for memory in world.memories.values():
            push(hub, memory)
        return len(json.loads((tmp_path / "hub.statements.json").read_text())["shapes"])

    counts = [cycle(number) for number in range(1, 7)]
    assert counts[2:] == [counts[2]] * 4


@pytest.mark.parametrize(
    ("google", "duckdb"),
    [
        (
            "SELECT held FROM identity.sync_bases WHERE contact_id IN (SELECT contact_id FROM few) AND NOT gone",
            (
                "SELECT held FROM identity.sync_bases WHERE rowid IN "
                "(SELECT rowid FROM identity.sync_bases WHERE contact_id IN (SELECT contact_id FROM few)) AND NOT gone"
            ),
        ),
        (
            "SELECT native_id FROM identity.sync_links WHERE contact_id IN (SELECT contact_id FROM few)",
            "SELECT native_id FROM identity.sync_links WHERE contact_id IN (SELECT contact_id FROM few)",
        ),
        (
            (
                "MERGE INTO identity.sync_registers AS t USING (SELECT contact_id FROM few) AS s "
                "ON t.contact_id = s.contact_id WHEN MATCHED THEN DELETE"
            ),
            (
                "MERGE INTO identity.sync_registers AS t USING ("
                "WITH source AS MATERIALIZED (SELECT * FROM (SELECT contact_id FROM few) AS s) "
                "SELECT source.*, found.place FROM source "
                "LEFT JOIN (SELECT rowid AS place, contact_id FROM identity.sync_registers "
                "WHERE contact_id IN (SELECT contact_id FROM source)) AS found USING (contact_id)) AS s "
                "ON t.rowid = s.place WHEN MATCHED THEN DELETE"
            ),
        ),
        (
            "MERGE INTO identity.sync_links AS t USING (SELECT a FROM few) AS s ON t.a = s.a WHEN MATCHED THEN DELETE",
            "MERGE INTO identity.sync_links AS t USING (SELECT a FROM few) AS s ON t.a = s.a WHEN MATCHED THEN DELETE",
        ),
        ("SELECT FARM_FINGERPRINT(TO_JSON_STRING(held))", "SELECT CAST(HASH(held) >> 1 AS BIGINT)"),
        ("SELECT MOD(FARM_FINGERPRINT(contact_id), 3)", "SELECT CAST(HASH(contact_id) >> 1 AS BIGINT) % 3"),
        (
            "SELECT ARRAY_AGG(STRUCT(path AS path, value AS value) ORDER BY path) FROM t",
            "SELECT LIST_SORT(ARRAY_AGG({'path': path, 'value': value})) FROM t",
        ),
        (
            "SELECT ARRAY_AGG(IF(a, NULL, STRUCT(b AS b)) IGNORE NULLS ORDER BY b) FROM t",
            (
                "SELECT LIST_SORT(ARRAY_AGG(CASE WHEN a THEN NULL ELSE {'b': b} END) "
                "FILTER(WHERE CASE WHEN a THEN NULL ELSE {'b': b} END IS NOT NULL)) FROM t"
            ),
        ),
        (
            "SELECT ARRAY_AGG(STRUCT(a AS a) ORDER BY b) FROM t",
            "SELECT ARRAY_AGG({'a': a} ORDER BY b NULLS FIRST) FROM t",
        ),
        ("SELECT ARRAY_AGG(a ORDER BY a DESC) FROM t", "SELECT ARRAY_AGG(a ORDER BY a DESC) FROM t"),
    ],
)
def test_what_duckdb_is_slow_at_is_said_in_another_way(tmp_path: Path, google: str, duckdb: str) -> None:
    assert Dialect(tmp_path / "statements.json").of(google) == duckdb


def test_statements_of_another_transpiler_are_made_anew(tmp_path: Path) -> None:
    kept = tmp_path / "statements.json"
    kept.write_text(json.dumps({"transpiler": "another", "shapes": {"SELECT 1": "SELECT 2"}}))
    assert Dialect(kept).of("SELECT 1") == "SELECT 1"
