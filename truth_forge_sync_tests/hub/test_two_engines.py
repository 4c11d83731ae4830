"""One SQL, two engines: the same cycles on DuckDB and on the BigQuery emulator leave the same tables behind."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from truth_forge_sync.hub.bigquery_engine import BigQueryEngine
from truth_forge_sync.settings import Settings
from truth_forge_sync_tests.world import World

NOW = datetime.now(UTC) - timedelta(hours=1)

RUNS = int(os.environ.get("DIFFERENTIAL_RUNS", "1"))
"""How many random weeks; a nightly run takes more."""

DECIDED = {
    "plan": "contact_id, is_new, is_decided, is_accepted, is_deleted, is_deletion, version, updated_by, is_in_hub, "
    "to_hub, "
    "ARRAY(SELECT AS STRUCT r.path, r.value, r.system FROM UNNEST(registers) AS r ORDER BY r.path) AS registers",
    "scope": "contact_id, field",
    "learnt": "contact_id, system, native_id, gone, retired, is_new, own_contact_id, unread, held",
    "settled": "contact_id, path, value, system, accepted_value, is_accepted, origin",
    "claims": "contact_id, path, value, system, native_id, is_lost, outlived, winning_system, winning_value",
    "cells": "system, native_id, path, value, shown, sent, hold_reason",
    "writes": "system, native_id, kind, changes",
    "lacking": "system, native_id, path, value, is_parked",
}
"""What two engines must decide alike, by the tables of a cycle: all but its id and times of deciding."""

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
    "sync_holds": "system, native_id, path, value, gone, reason, status",
    "sync_errors": "system, native_id, field, path, value, kind, message, attempts, status",
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


def a_random_week(world: World, seed: int) -> Iterator[None]:
    """Creates, edits, erasures, deletes, restores, refusals, commands and hand edits, the same for the same seed; halts
    after every cycle. Brakes and flip-flop limits are low, so that they hold something now and then."""
    chance = random.Random(seed)
    stamps(world)
    world.rules = replace(world.rules, loss_limit_count=1, flip_limit=1, authorities=(("notes", ("local", "twenty")),))
    world.local.refuses = lambda path, value: "no" if value == "bad" else None
    people = [{"first_name": name, "last_name": "Lee", "primary_email": f"{name}@example.com"} for name in "abc"]
    paths = ["city", "notes", "other_emails/x@x.com", "other_emails/y@x.com", "llm_context/k", "birthday"]
    values = {"birthday": ["1990-02-03", "1991-01-01"], "llm_context/k": ['"a"', "[1,2]"]}
    for day in range(5):
        for _ in range(chance.randint(1, 6)):
            memory = chance.choice(list(world.memories.values()))
            living = sorted(native_id for native_id, row in memory.rows.items() if not row.deleted)
            buried = sorted(native_id for native_id, row in memory.rows.items() if row.deleted)
            what = chance.choice(["create", "edit", "edit", "edit", "clear", "delete", "restore", "hand", "command"])
            path = chance.choice(paths)
            if what == "create":
                memory.put(f"{memory.name}-{day}-{chance.randint(0, 2)}", chance.choice(people))
            elif what == "edit" and living:
                default = ["true"] if path.startswith("other_emails/") else ["one", "two", "bad"]
                memory.put(chance.choice(living), {path: chance.choice(values.get(path, default))})
            elif what == "clear" and living:
                memory.put(chance.choice(living), {path: None})
            elif what == "delete" and living:
                chance.choice([memory.soft_delete, memory.hard_delete])(chance.choice(living))
            elif what == "restore" and buried:
                memory.restore(chance.choice(buried))
            elif what == "hand":
                name = chance.choice("abc")
                world.edit_hub(f"UPDATE identity.contacts_master SET city = 'hand' WHERE first_name = '{name}'")
            elif what == "command":
                world.edit_hub(
                    "INSERT INTO identity.sync_edits (edit_id, contact_id, path, value, origin, created_at) "
                    f"SELECT CONCAT('e{day}', contact_id), contact_id, 'city', 'told', 'test', CURRENT_TIMESTAMP() "
                    "FROM identity.contacts_master WHERE first_name = 'a'"
                )
        if chance.random() < 0.2:
            world.sweep()
        world.cycle()
        yield


def keep_decisions(world: World) -> list[Any]:
    """What every cycle decides from now on, as it was before it was dropped."""
    decisions: list[Any] = []
    drop = world.engine.drop

    def kept(tables: Iterable[str]) -> None:
        tables = list(tables)
        there = world.engine.tables("sync_")
        for table in filter(there.__contains__, tables):
            kind = table.split("_")[1]
            if kind in DECIDED:
                rows = world.sql(f"SELECT {DECIDED[kind]} FROM identity.{table}")
                decisions.append((kind, sorted(rows, key=repr)))
        drop(tables)

    world.engine.drop = kept  # type: ignore[method-assign]
    return decisions


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


@pytest.mark.parametrize("seed", range(RUNS))
def test_random_cycles_decide_alike_and_leave_the_same_tables(
    tmp_path: Path, bigquery_emulator: Settings, seed: int
) -> None:
    settings = bigquery_emulator.model_copy(
        update={"bigquery_dataset": "identity", "bigquery_project": f"random-week-{seed}"}
    )
    embedded, emulated = World.embedded(tmp_path), World(BigQueryEngine.from_settings(settings))
    wanted, found = keep_decisions(embedded), keep_decisions(emulated)
    with embedded.engine.session():
        for _ in zip(a_random_week(embedded, seed), a_random_week(emulated, seed), strict=True):
            assert found == wanted
            tables = snapshot(embedded)
            for table, rows in snapshot(emulated).items():
                assert rows == tables[table], table
    assert wanted
