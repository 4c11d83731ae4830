"""The peak of a first sync's memory is that of the process that ran it, and of nothing else."""

from __future__ import annotations

from pathlib import Path

from benchmarks.memory import peak_of_first_sync
from benchmarks.two_databases import make_two_databases
from truth_forge_sync.systems.protocol import Window


def test_it_counts_what_the_run_held_and_not_what_its_starter_holds() -> None:
    ballast = b"x" * 2_000_000_000
    peak = peak_of_first_sync(3)
    assert 50 < peak < len(ballast) / 1e6


def test_the_contacts_of_the_full_database_are_no_two_alike(tmp_path: Path) -> None:
    made = make_two_databases(tmp_path, 30)
    rows = [row for page in made.open_full().read_changed(Window()) for row in page]
    assert len({row.native_id for row in rows}) == len({row.values["primary_email"] for row in rows}) == 30
    assert {len(row.values) for row in rows} == {12} and not any(row.unread for row in rows)
    assert not [row for page in made.open_empty().read_changed(Window()) for row in page]
