"""Merging, unmerging and rewinding leave the same behind on DuckDB and on the BigQuery emulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from truth_forge_sync.history.merge import merge, merges, plan_merge, plan_unmerge, unmerge
from truth_forge_sync.history.rewind import Scope, rewind
from truth_forge_sync.history.show import contact
from truth_forge_sync.hub.bigquery_engine import BigQueryEngine
from truth_forge_sync.settings import Settings
from truth_forge_sync_tests.history.people import ANN, ANNIE
from truth_forge_sync_tests.world import World

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SYSTEMS = ("local",)

KEPT = {
    "contacts_master": "contact_id, first_name, city, other_emails, TO_JSON_STRING(llm_context) AS llm_context",
    "contact_identifiers": "contact_id, identifier_value, is_primary, match_key",
    "sync_links": "system, native_id, contact_id",
    "sync_bases": "system, native_id, contact_id, gone, retired, held",
    "sync_change_log": "contact_id, system, change_type, path, old_value, new_value",
    "sync_conflicts": "contact_id, path, winning_value, losing_value, reason, status",
    "sync_merges": "kept_contact_id, absorbed_contact_id, links, conflicts, status",
    "sync_edits": "contact_id, path, value",
}


def snapshot(world: World) -> dict[str, list[str]]:
    return {
        table: sorted(map(repr, world.sql(f"SELECT {columns} FROM identity.{table}")))
        for table, columns in KEPT.items()
    }


def story(world: World) -> list[Any]:
    """Two contacts are merged, taken apart, spoilt and mended; what was seen on the way."""
    seen: list[Any] = []
    world.local.clock = lambda: NOON
    world.local.put("l-1", ANN, contact_id="ann")
    world.local.clock = lambda: NOON + timedelta(minutes=1)
    world.local.put("l-2", {**ANNIE, "primary_phone": "+12025550123"}, contact_id="annie")
    world.cycle()
    done = merge(world.hub, plan_merge(world.hub, "ann@example.com", "annie@example.com"))
    seen.append(snapshot(world))
    world.cycle()
    shown = contact(world.hub, "al@example.com")
    seen.append([(value.path, value.now.value, [held.value for held in value.earlier]) for value in shown.values])
    seen.append([(row.system, row.native_id, row.state) for row in shown.native_rows])
    unmerge(world.hub, plan_unmerge(world.hub, done.merge_id))
    seen.append([(one.kept_name, one.absorbed_name, one.status) for one in merges(world.hub)])
    seen.append(snapshot(world))
    world.cycle()
    world.local.put("l-2", {"city": "?", "other_emails/al@example.com": None, "llm_context/likes": "1"})
    world.local.put("l-3", {"first_name": "Spam"})
    spoilt = world.cycle().reconciled.cycle_id
    with rewind(world.hub, Scope(cycle=spoilt)) as found:
        seen.append([(count.verdict, count.paths) for count in found.counts])
        seen.append(sorted((one.field, one.value_now or "", one.value or "") for one in found.details()))
        found.apply()
    with rewind(world.hub, Scope(since=NOON, system="local")) as found:
        seen.append([(count.verdict, count.paths) for count in found.counts])
    world.cycle()
    seen.append({name: list(view.values()) for name, view in world.views().items()})
    seen.append(snapshot(world))
    return seen


@pytest.mark.timeout(900)  # a statement takes the emulator a second
def test_the_same_history_on_both(tmp_path: Path, bigquery_emulator: Settings) -> None:
    embedded = World.embedded(tmp_path, SYSTEMS)
    with embedded.engine.session():
        wanted = story(embedded)
    settings = bigquery_emulator.model_copy(update={"bigquery_dataset": "identity"})
    emulated = World(BigQueryEngine.from_settings(settings), SYSTEMS)
    for seen, want in zip(story(emulated), wanted, strict=True):
        assert seen == want
