"""One SQL, two engines: the same cycles on DuckDB and on the BigQuery emulator leave the same tables behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from truth_forge_sync.hub.bigquery_engine import BigQueryEngine
from truth_forge_sync.settings import Settings
from truth_forge_sync_tests.world import World

NOW = datetime.now(UTC) - timedelta(hours=1)

# What every engine must agree on; ids of cycles and times of deciding differ, of course.
COMPARED = {
    "contacts_master": "contact_id, first_name, primary_email, other_emails, city, birthday, is_business, "
    "TO_JSON_STRING(llm_context) AS llm_context, canonical_name, deleted_at IS NULL AS lives, "
    "version, updated_by, source_systems",
    "contact_identifiers": "contact_id, identifier_type, identifier_value, is_primary, match_key",
    "sync_links": "system, native_id, contact_id",
    "sync_bases": "system, native_id, contact_id, gone, held",
    "sync_registers": "contact_id, version, registers",
    "sync_intents": "system, native_id, kind, changes, status",
    "sync_change_log": "contact_id, system, change_type, field, old_value, new_value, changed_at",
    "sync_conflicts": "contact_id, field, winning_value, losing_system, losing_value, reason",
    "sync_match_review": "system, native_id, rule, candidate_contact_ids",
    "sync_systems": "system, rank, active",
}


def stamps(world: World) -> None:
    """Logical clocks: the same on both engines."""
    moment = NOW

    def tick() -> datetime:
        nonlocal moment
        moment += timedelta(seconds=1)
        return moment

    for memory in world.memories.values():
        memory.clock = tick


def a_few_days(world: World) -> None:
    """Creates that meet, edits side by side, an erasure, a delete, a restore, ambiguous and refused rows."""
    stamps(world)
    ann = {"first_name": "Ann", "last_name": "Lee", "primary_email": "ann@example.com"}
    world.twenty.put("t-1", {**ann, "city": "Oslo", "other_emails/a@x.com": "true", "llm_context/k": '[1,{"a":"ü"}]'})
    world.local.put("l-1", {**ann, "city": "Rome", "birthday": "1990-02-03", "is_business": "false"})
    world.supabase.put("s-1", {"first_name": "Bo", "primary_email": "bo@example.com", "primary_phone": "+12025550123"})
    world.settle()
    (native_id,) = [row.native_id for row in world.supabase.rows.values() if row.values["first_name"] == "Ann"]
    world.supabase.put(native_id, {"city": None, "other_emails/b@x.com": "true", "llm_context/l": "2"})
    world.local.put("l-1", {"notes": "two\nlines", "other_emails/a@x.com": None})
    world.twenty.put("t-2", {"primary_email": "ann@example.com", "other_emails/bo@example.com": "true"})
    world.settle()
    world.edit_hub("UPDATE identity.contacts_master SET notes = 'by hand' WHERE first_name = 'Ann'")
    world.supabase.soft_delete("s-1")
    world.settle()
    world.supabase.put("s-1", {})
    world.edit_hub("UPDATE identity.contacts_master SET deleted_at = NULL WHERE first_name = 'Bo'")
    world.settle()


def snapshot(world: World) -> dict[str, list[Any]]:
    found = {}
    for table, columns in COMPARED.items():
        rows = world.sql(f"SELECT {columns} FROM identity.{table}")
        for row in rows:  # stamps of hand edits are the time of our look at them
            row.pop("changed_at", None)
            for register in row.get("registers", []):
                register.pop("changed_at")
        found[table] = sorted(rows, key=repr)
    return found


def test_the_same_cycles_leave_the_same_tables(tmp_path: Path, bigquery_emulator: Settings) -> None:
    embedded = World.embedded(tmp_path)
    with embedded.engine.session():
        a_few_days(embedded)
        wanted = snapshot(embedded)
    assert [len(wanted[table]) for table in ("contacts_master", "sync_match_review")] == [2, 1]

    settings = bigquery_emulator.model_copy(update={"bigquery_dataset": "identity"})
    emulated = World(BigQueryEngine.from_settings(settings))
    a_few_days(emulated)
    for table, rows in snapshot(emulated).items():
        assert rows == wanted[table], table
