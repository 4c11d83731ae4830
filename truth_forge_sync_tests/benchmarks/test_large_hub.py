"""A hub that was multiplied is what the engine would have made of as many contacts, and behaves like it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.changes import Changes, carry_out_by_hand
from benchmarks.large_hub import large_hub, reconcile_hub
from benchmarks.plain_engine import PlainEngine
from truth_forge_sync.hub.hub import Hub

CONTACTS = 60
BY_ENGINE = 20

PER_CONTACT = (
    "contacts_master",
    "contact_identifiers",
    "sync_links",
    "sync_bases",
    "sync_registers",
    "sync_change_log",
    "sync_intents",
    "sync_conflicts",
    "sync_match_review",
    "sync_holds",
    "sync_errors",
)


@pytest.fixture(scope="module")
def made() -> Iterator[PlainEngine]:
    with large_hub(CONTACTS, by_engine=BY_ENGINE) as engine:
        yield engine


@pytest.fixture
def multiplied(made: PlainEngine, tmp_path: Path) -> PlainEngine:
    """A hub of its own for each test; two contacts of three are copies."""
    return _copy(made, tmp_path)


def test_it_has_as_many_rows_in_every_table_as_one_that_the_engine_made(multiplied: PlainEngine) -> None:
    with large_hub(CONTACTS) as engine:
        by_engine = {table: _count(engine, table) for table in PER_CONTACT}
    assert by_engine["contacts_master"] == CONTACTS
    assert {table: _count(multiplied, table) for table in PER_CONTACT} == by_engine


def test_no_two_of_its_contacts_share_an_id_or_an_address(multiplied: PlainEngine) -> None:
    for column, table in (
        ("contact_id", "contacts_master"),
        ("primary_email", "contacts_master"),
        ("other_emails[1]", "contacts_master"),
        ("contact_id", "sync_registers"),
        ("(system, native_id)", "sync_bases"),
        ("(system, contact_id)", "sync_bases"),
        ("(system, native_id)", "sync_links"),
        ("match_key", "contact_identifiers"),
        ("event_id", "sync_change_log"),
    ):
        assert multiplied.plain(f"SELECT count(*) - count(DISTINCT {column}) FROM identity.{table}") == [(0,)], column


def test_its_tables_tell_one_story_of_each_contact(multiplied: PlainEngine) -> None:
    """What a row is known to hold, what is accepted, and what people see are the same values."""
    assert not multiplied.plain(
        """
        SELECT bases.contact_id
        FROM identity.sync_bases AS bases
        JOIN identity.sync_registers AS registers USING (contact_id)
        JOIN identity.contacts_master AS contacts USING (contact_id)
        JOIN identity.sync_links AS links USING (system, native_id)
        WHERE links.contact_id <> bases.contact_id
          OR list_sort(list_transform(held, lambda one: one.path || '=' || one.value))
            <> list_sort(list_transform(registers, lambda one: one.path || '=' || one.value))
          OR NOT list_contains(list_transform(held, lambda one: one.value), contacts.primary_email)
          OR NOT list_contains(list_transform(held, lambda one: one.path), 'other_emails/' || contacts.other_emails[1])
        """
    )


def test_nothing_in_it_looks_like_an_edit_by_hand(multiplied: PlainEngine) -> None:
    assert Hub(multiplied).rows("hand_edits", count_only=False) == []
    assert multiplied.plain("SELECT count(DISTINCT version) FROM identity.sync_bases WHERE system = 'bigquery'") == [
        (CONTACTS,)
    ]


def test_an_edit_updates_the_edited_contacts_alone_and_is_to_be_sent_to_the_two_other_systems(
    multiplied: PlainEngine,
) -> None:
    before = _job_titles(multiplied)
    numbers = {name.removeprefix("twenty-") for name in _staged_ids(multiplied, Changes(multiplied).edit(12))}
    assert any("-" in number for number in numbers), "a copy is among them"

    reconciled = reconcile_hub(multiplied)

    assert (reconciled.created, reconciled.updated, reconciled.deleted, reconciled.review) == (0, 12, 0, 0)
    after = _job_titles(multiplied)
    assert {number for number in before if before[number] != after[number]} == numbers
    intents = multiplied.plain("SELECT native_id, changes[1].path, changes[1].value FROM identity.sync_intents")
    assert sorted(intents) == [
        (f"{system}-{number}", "job_title", after[number])
        for system in ("local", "supabase")
        for number in sorted(numbers)
    ]
    assert Hub(multiplied).rows("hand_edits", count_only=False) == []


def test_each_edit_finds_other_contacts_from_all_over_the_hub_and_the_same_ones_each_time(
    made: PlainEngine, tmp_path: Path
) -> None:
    hubs = [_copy(made, tmp_path / name) for name in ("one", "another")]
    (first, second), again = (_two_edits(hub) for hub in hubs)
    assert again == [first, second] and first != second
    assert {name.count("-") for name in first} == {1, 2}, "copies, and what was copied"


def test_by_hand_the_same_change_comes_to_the_same_end(multiplied: PlainEngine, tmp_path: Path) -> None:
    batch = Changes(multiplied).edit(12)
    by_hand = _copy(multiplied, tmp_path / "by hand")
    carry_out_by_hand(by_hand, batch)
    assert reconcile_hub(multiplied).updated == 12
    for state in (
        "SELECT * EXCLUDE (updated_at) REPLACE (llm_context::VARCHAR AS llm_context) FROM identity.contacts_master",
        "SELECT * FROM identity.sync_registers",
        "SELECT system, contact_id, native_id, kind, changes, status FROM identity.sync_intents",
        "SELECT contact_id, system, change_type, field, path, old_value, new_value FROM identity.sync_change_log",
        "SELECT system, native_id, contact_id, list_sort(held) FROM identity.sync_bases",
        "SELECT table_name FROM information_schema.tables",
    ):
        ours, theirs = (sorted(map(str, engine.plain(state))) for engine in (multiplied, by_hand))
        assert ours == theirs, state


def _copy(engine: PlainEngine, folder: Path) -> PlainEngine:
    folder.mkdir(exist_ok=True)
    return PlainEngine(Path(shutil.copy(engine.path, folder)), engine.dataset)


def _two_edits(engine: PlainEngine) -> list[set[str]]:
    changes = Changes(engine)
    return [set(_staged_ids(engine, changes.edit(12))) for _ in range(2)]


def _count(engine: PlainEngine, table: str) -> int:
    ((count,),) = engine.plain(f"SELECT count(*) FROM identity.{table}")
    return int(count)


def _staged_ids(engine: PlainEngine, batch: str) -> list[str]:
    return [native_id for (native_id,) in engine.plain(f"SELECT native_id FROM identity.sync_staged_{batch}")]


def _job_titles(engine: PlainEngine) -> dict[str, str]:
    """By the contact's number in all three systems."""
    return dict(
        engine.plain(
            """
            SELECT regexp_extract(links.native_id, '^twenty-(.*)', 1), contacts.job_title
            FROM identity.contacts_master AS contacts
            JOIN identity.sync_links AS links ON links.contact_id = contacts.contact_id AND links.system = 'twenty'
            """
        )
    )
