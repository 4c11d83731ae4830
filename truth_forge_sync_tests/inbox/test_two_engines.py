"""The same words of a person leave the same contacts behind on DuckDB and on the BigQuery emulator."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from truth_forge_sync.hub.bigquery_engine import BigQueryEngine
from truth_forge_sync.inbox import conflicts, errors, holds, review
from truth_forge_sync.settings import Settings
from truth_forge_sync_tests.world import World

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN = {"first_name": "Ann", "last_name": "Lee", "primary_email": "ann@example.com"}


def words(world: World) -> list[Any]:
    """One word in each inbox; what the inboxes said."""
    said: list[Any] = []
    for number, memory in enumerate(world.memories.values()):
        memory.clock = lambda number=number: NOON + timedelta(minutes=number)  # type: ignore[misc]
    world.local.refuses = lambda path, _value: "no notes" if path == "notes" else None
    world.twenty.put("t-1", {**ANN, "city": "Lima", "notes": "note", "other_emails/a@x.com": "true"})
    world.supabase.put("s-1", {**ANN, "city": "Suva"})
    world.cycle()
    world.supabase.put("s-2", {**ANN, "job_title": "Chair"})
    world.cycle()

    (lost,) = conflicts.conflicts(world.hub).shown
    said.append((lost.name, lost.field, lost.losing_value, lost.value_now, lost.contact))
    conflicts.restore(world.hub, lost.conflict_id[:8])
    (found,) = review.reviews(world.hub)
    said.append((found.native_id, found.rule, [candidate.name for candidate in found.candidates]))
    review.link(world.hub, world.supabase, found, review.target(world.hub, found))
    (refused,) = errors.errors(world.hub)
    said.append((refused.name, refused.field, refused.value, refused.attempts))
    errors.retry(world.hub, [refused.error_id[:8]])
    world.cycle()
    said.append([one.attempts for one in errors.errors(world.hub)])
    said.append([one.status for one in conflicts.conflicts(world.hub, everything=True).shown])
    conflicts.dismiss_all(world.hub)

    world.rules = replace(world.rules, loss_limit_count=0)
    world.twenty.soft_delete("t-1")
    world.cycle()
    said += [(held.system, held.deletes, held.contacts) for held in holds.holds(world.hub)]
    said += [(change.name, change.path, change.value) for change in holds.held_changes(world.hub)]
    holds.reject(world.hub)
    world.cycle()
    said.append([found.status for found in review.reviews(world.hub, everything=True)])
    said.append({name: list(view.values()) for name, view in world.views().items()})
    return said


@pytest.mark.timeout(600)  # a statement takes the emulator a second
def test_the_same_words_leave_the_same_contacts(tmp_path: Path, bigquery_emulator: Settings) -> None:
    embedded = World.embedded(tmp_path)
    with embedded.engine.session():
        wanted = words(embedded)
    settings = bigquery_emulator.model_copy(update={"bigquery_dataset": "identity"})
    emulated = World(BigQueryEngine.from_settings(settings))
    for said, want in zip(words(emulated), wanted, strict=True):
        assert said == want
