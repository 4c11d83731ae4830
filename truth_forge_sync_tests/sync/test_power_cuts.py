"""Law 11, statement by statement: a reconcile dies before any of them, and the next one ends what it began."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from truth_forge_sync.hub.hand_edits import HandEdits
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.sync.reconcile import reconcile
from truth_forge_sync.systems.protocol import System
from truth_forge_sync_tests.sync.crashing import CrashingEngine, PowerCut
from truth_forge_sync_tests.world import World

# Left out: ids of cycles and when something was done.
KEPT = {
    "contacts_master": "contact_id, first_name, city, version, updated_by, deleted_at IS NULL AS is_living",
    "contact_identifiers": "contact_id, identifier_value, is_primary, match_key",
    "sync_links": "system, native_id, contact_id",
    "sync_bases": "system, native_id, contact_id, gone, held",
    "sync_registers": "contact_id, version, registers",
    "sync_intents": "system, native_id, status",
    "sync_change_log": "contact_id, system, change_type, path, old_value, new_value",
    "sync_conflicts": "contact_id, path, winning_value, losing_value, status",
    "sync_match_review": "system, native_id, candidate_contact_ids, status",
    "sync_holds": "system, native_id, path",
    "sync_cycles": "SUM(contacts_created) AS created, SUM(contacts_updated) AS updated, "
    "SUM(contacts_deleted) AS deleted, SUM(conflicts) AS conflicts",
}


def after_the_pulls(folder: Path) -> World:
    """Everything that a reconcile can have to do is staged: a create, edits that meet, a delete, a doubtful row."""
    world = World(CrashingEngine(folder / "hub.duckdb", "identity"))
    for name in ("ann", "bo", "cy"):
        world.twenty.put(name, {"first_name": name, "primary_email": f"{name}@example.com", "city": "Oslo"})
    world.settle()
    world.twenty.put("di", {"first_name": "di", "primary_email": "di@example.com"})
    world.twenty.put("ann", {"city": "Rome", "primary_email": "ann@example.org"})
    for native_id, row in world.local.rows.items():
        world.local.put(native_id, {"city": f"Lima {row.values['first_name']}"})
    world.supabase.soft_delete(
        next(key for key, row in world.supabase.rows.items() if row.values["first_name"] == "bo")
    )
    world.local.put("doubtful", {"primary_email": "ann@example.com", "other_emails/cy@example.com": "true"})
    world.edit_hub("UPDATE identity.contacts_master SET nickname = 'C' WHERE first_name = 'cy'")
    systems: list[System] = [HandEdits(world.hub, region="US"), *world.memories.values()]
    for system in systems:
        pull(world.hub, system)
    return world


def copy_of(world: World, folder: Path) -> World:
    folder.mkdir()
    assert isinstance(world.engine, CrashingEngine)
    for file in world.engine.path.parent.glob("hub.*"):
        shutil.copy(file, folder)
    made = World(CrashingEngine(folder / "hub.duckdb", "identity"))
    made.engine.contacts_at_once = world.engine.contacts_at_once
    for name, memory in world.memories.items():
        made.memories[name].rows = dict(memory.rows)
        made.memories[name]._last_edit = memory._last_edit
    return made


# Where one share of a cycle is carried out and the next one is not, rows in doubt are matched again, with what is
# accepted by then: another contact may be meant.
KEPT_OF_SHARES = KEPT | {"sync_match_review": "system, native_id, status"}


@pytest.mark.parametrize(("contacts_at_once", "kept"), [(None, KEPT), (6, KEPT_OF_SHARES)], ids=["whole", "in_shares"])
def test_it_ends_as_if_nothing_had_happened_wherever_it_dies(
    tmp_path: Path, contacts_at_once: int | None, kept: Mapping[str, str]
) -> None:
    (tmp_path / "begun").mkdir()
    begun = after_the_pulls(tmp_path / "begun")
    begun.engine.contacts_at_once = contacts_at_once
    whole = copy_of(begun, tmp_path / "whole")
    with whole.engine.session():
        assert isinstance(whole.engine, CrashingEngine)
        whole.engine.arm(None)
        reconcile(whole.hub, whole.rules)
        steps = whole.engine.step
        decided = whole.snapshot(kept)
        whole.settle()
        at_rest = whole.views()
    assert steps > 30
    for step in range(1, steps + 1):
        world = copy_of(begun, tmp_path / str(step))
        assert isinstance(world.engine, CrashingEngine)
        with world.engine.session():
            world.engine.arm(step)
            with pytest.raises(PowerCut):
                reconcile(world.hub, world.rules)
            world.engine.arm(None)
            reconcile(Hub(world.engine), world.rules)
            assert world.snapshot(kept) == decided, f"died before step {step}"
    with world.engine.session():
        world.settle()
        assert world.views() == at_rest
