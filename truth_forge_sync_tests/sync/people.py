"""Contacts for the tests of the laws, and what to ask of a system in memory."""

from __future__ import annotations

from datetime import datetime

from truth_forge_sync.systems.memory import Memory
from truth_forge_sync.systems.protocol import NativeRow

ANN = {"first_name": "Ann", "last_name": "Lee", "primary_email": "ann@example.com"}


def crowd(size: int) -> dict[str, dict[str, str]]:
    """So many different people, by native id."""
    return {
        f"n-{n:03}": {"first_name": f"Person {n}", "primary_email": f"p{n}@example.com", "city": "Oslo"}
        for n in range(size)
    }


def only(memory: Memory) -> NativeRow:
    """The one row of a system."""
    (row,) = memory.rows.values()
    return row


def named(memory: Memory, first_name: str) -> NativeRow:
    """The living row of a person."""
    (row,) = (row for row in memory.rows.values() if row.values.get("first_name") == first_name and not row.deleted)
    return row


def living(memory: Memory) -> set[str]:
    """First names of the living rows."""
    return {row.values["first_name"] for row in memory.rows.values() if not row.deleted}


def at(moment: datetime, memory: Memory) -> Memory:
    """The system with its clock stopped at that moment."""
    memory.clock = lambda: moment
    return memory
