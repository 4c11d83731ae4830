"""Two contacts that are one person, and how to look at them."""

from __future__ import annotations

from collections.abc import Mapping

from truth_forge_sync.systems.memory import Memory
from truth_forge_sync.systems.protocol import NativeRow
from truth_forge_sync_tests.world import World

ANN = {"first_name": "Ann", "last_name": "Lee", "primary_email": "ann@example.com", "city": "Oslo", "title": "Dr"}
ANNIE = {
    "first_name": "Annie",
    "last_name": "Lee",
    "primary_email": "annie@example.com",
    "city": "Rome",
    "notes": "met in May",
    "other_emails/al@example.com": "true",
    "llm_context/likes": '"tea"',
}
BOTH = {**ANNIE, "title": "Dr", "other_emails/ann@example.com": "true"}
"""What Ann holds once Annie, who is later, is merged into her."""


def living(memory: Memory) -> list[NativeRow]:
    return [row for row in memory.rows.values() if not row.deleted]


def named(memory: Memory, name: str) -> NativeRow:
    """The living row of that first name."""
    (row,) = [row for row in living(memory) if row.values.get("first_name") == name]
    return row


def contact_of(world: World, email: str) -> str:
    """The contact id of whom that is the primary e-mail."""
    (row,) = world.sql(
        f"SELECT contact_id FROM identity.contact_identifiers WHERE identifier_value = '{email}' AND is_primary"
    )
    return str(row["contact_id"])


def assert_holds(world: World, contacts: Mapping[str, Mapping[str, str]]) -> None:
    """Soon every system holds these contacts, a living row each, and then all is quiet."""
    world.settle()
    world.assert_aligned()
    assert world.views()["bigquery"] == contacts
    for name, memory in world.memories.items():
        assert len(living(memory)) == len(contacts), name
    assert world.sql("SELECT COUNT(*) AS n FROM identity.sync_intents WHERE status = 'open'") == [{"n": 0}]
