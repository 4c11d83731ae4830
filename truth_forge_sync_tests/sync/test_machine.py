"""A machine edits at random, breaks things at random, and then stops: everything must come to rest, equal everywhere.

When the noise stops, after two more cycles: every system holds what the hub holds, nothing is there twice, every edit
ever made is in force or told in the change log or the conflicts with its value, and one more cycle writes nothing
(laws 1-13).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from truth_forge_sync.systems.memory import Fault, Memory
from truth_forge_sync_tests.sync.crashing import CrashingEngine, PowerCut
from truth_forge_sync_tests.world import World

SYSTEMS = ("twenty", "supabase", "local", "directory")
PEOPLE = ["ann", "bo", "cy"]
HOME = "other_emails/home@{person}.example"
"""Everybody has another address: a new row with somebody else's would wait in review, as it should (law 15)."""
PATHS = ["job_title", "city", "notes", HOME, "llm_context/k", "llm_context/l"]
STEPS = 90
"""More than a cycle has: a crash at a later step is none."""

systems = st.sampled_from(SYSTEMS)
people = st.sampled_from(PEOPLE)
paths = st.sampled_from(PATHS)


def shortened(path: str, value: str) -> str | None:
    """What one of the systems makes of what it stores (law 9)."""
    return value[-2:] if path == "notes" else value


def refusing(path: str, _value: str | None) -> str | None:
    return "out of order" if path == "city" else None


class Noise(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(tempfile.mkdtemp())
        self.stack.callback(shutil.rmtree, folder)
        self.engine = CrashingEngine(folder / "hub.duckdb", "identity")
        self.world = World(self.engine, SYSTEMS)
        self.stack.enter_context(self.engine.session())
        self.world.local.normalise = shortened
        self.counter = 100
        self.stopped_clock: datetime | None = None
        # Every value typed by a person, but for those that the same person typed over before anybody could see them.
        self.told: dict[tuple[str, str, str], str] = {}
        self.must_be_known: set[tuple[str, str, str]] = set()
        # Whose row left a system unseen, and the rows that were made anew in its place: if the delete loses against a
        # later edit, the old row comes back, and the new one is a second one, for a person to look at (law 15).
        self.left: set[tuple[str, str]] = set()
        self.made_anew: set[str] = set()

    @initialize(
        offsets=st.lists(st.integers(-120, 120), min_size=len(SYSTEMS), max_size=len(SYSTEMS)),
        measured=st.booleans(),
        traceless=systems,
    )
    def clocks(self, offsets: list[int], measured: bool, traceless: str) -> None:
        """Each system's clock is off by as much as two minutes; we know by how much, or we don't."""
        for memory, seconds in zip(self.world.memories.values(), offsets, strict=True):
            offset = timedelta(seconds=seconds)
            memory.clock = lambda offset=offset: (self.stopped_clock or datetime.now(UTC)) + offset  # type: ignore[misc]
            memory.clock_offset = offset if measured else timedelta(0)
        self.traceless = traceless

    # -- people -------------------------------------------------------------------------------------------------------

    def row_of(self, memory: Memory, person: str, *, deleted: bool = False) -> str | None:
        for native_id, row in memory.rows.items():
            if row.values.get("primary_email") == f"{person}@example.com" and row.deleted is deleted:
                return native_id
        return None

    def forget(self, system: str, native_id: str) -> None:
        """What was typed into a row that is deleted before anybody looked was never there."""
        for key in [key for key in self.told if key[:2] == (system, native_id)]:
            del self.told[key]

    @rule(system=systems, person=people)
    def create(self, system: str, person: str) -> None:
        memory = self.world.memories[system]
        if self.row_of(memory, person) is None:
            self.counter += 1
            native_id = f"{system}-{self.counter}"
            memory.put(native_id, {"first_name": person, "primary_email": f"{person}@example.com"})
            if (system, person) in self.left:
                self.made_anew.add(native_id)

    @rule(system=systems, person=people, path=paths)
    def edit(self, system: str, person: str, path: str) -> None:
        memory = self.world.memories[system]
        path = path.format(person=person)
        if native_id := self.row_of(memory, person):
            self.counter += 1
            value = "true" if path.startswith("other_emails/") else str(self.counter)
            stored = memory.put(native_id, {path: value})
            # The log tells an element of a list by itself, not by its being there.
            self.told[system, native_id, path] = path.partition("other_emails/")[2] or stored.values[path]

    @rule(person=people, path=paths)
    def edit_everywhere_at_once(self, person: str, path: str) -> None:
        """Equal stamps, but for the clocks."""
        self.stopped_clock = datetime.now(UTC)
        for system in SYSTEMS:
            self.edit(system, person, path)
        self.stopped_clock = None

    @rule(system=systems, person=people, path=paths)
    def clear(self, system: str, person: str, path: str) -> None:
        memory = self.world.memories[system]
        path = path.format(person=person)
        if native_id := self.row_of(memory, person):
            memory.put(native_id, {path: None})
            self.told.pop((system, native_id, path), None)

    @rule(system=systems, person=people)
    def delete(self, system: str, person: str) -> None:
        memory = self.world.memories[system]
        if native_id := self.row_of(memory, person):
            memory.soft_delete(native_id)
            self.forget(system, native_id)
            self.left.add((system, person))

    @rule(system=systems, person=people)
    def restore(self, system: str, person: str) -> None:
        """Only where nobody made the same person anew meanwhile: that would be a duplicate of a person's making."""
        memory = self.world.memories[system]
        native_id = self.row_of(memory, person, deleted=True)
        if native_id and not any(self.row_of(other, person) for other in self.world.memories.values()):
            memory.restore(native_id)

    @rule(system=systems, person=people)
    def destroy(self, system: str, person: str) -> None:
        memory = self.world.memories[system]
        if native_id := self.row_of(memory, person):
            memory.hard_delete(native_id)
            self.forget(system, native_id)
            self.left.add((system, person))
            if system == self.traceless:
                memory.tombstones.clear()

    @rule(person=people, city=st.sampled_from(["Oslo", "Bergen", None]))
    def edit_by_sql(self, person: str, city: str | None) -> None:
        value = "NULL" if city is None else f"'{city}'"
        self.world.edit_hub(
            f"UPDATE identity.contacts_master SET city = {value} WHERE primary_email = '{person}@example.com'"
        )

    @rule(person=people)
    def delete_by_sql(self, person: str) -> None:
        self.world.edit_hub(f"DELETE FROM identity.contacts_master WHERE primary_email = '{person}@example.com'")

    # -- trouble ------------------------------------------------------------------------------------------------------

    @rule(system=systems, fault=st.sampled_from(list(Fault)))
    def trouble(self, system: str, fault: Fault) -> None:
        self.world.memories[system].faults.append(fault)

    @rule(system=systems)
    def goes_down_or_up(self, system: str) -> None:
        self.world.memories[system].down ^= True

    @rule(system=systems, names_field=st.booleans())
    def grows_picky(self, system: str, names_field: bool) -> None:
        memory = self.world.memories[system]
        memory.refuses, memory.names_field = refusing, names_field

    # -- the sync -----------------------------------------------------------------------------------------------------

    @rule(sweep=st.booleans())
    def cycle(self, sweep: bool = False) -> None:
        done = self.world.sweep() if sweep else self.world.cycle()
        for key in [key for key in self.told if key[0] in done.pulled]:
            self.must_be_known.add((*key[1:], self.told.pop(key)))
        self.left = {(system, person) for system, person in self.left if system not in done.pulled}

    @rule(crash_at=st.integers(1, STEPS))
    def cycle_that_dies(self, crash_at: int) -> None:
        self.engine.arm(crash_at)
        try:
            self.cycle()
        except PowerCut:
            pass
        finally:
            self.engine.arm(None)

    def teardown(self) -> None:
        try:
            self.comes_to_rest()
        finally:
            self.stack.close()

    def comes_to_rest(self) -> None:
        for memory in self.world.memories.values():
            memory.down, memory.refuses = False, lambda _path, _value: None
            memory.faults.clear()
        self.world.edit_hub(
            "UPDATE identity.sync_errors SET next_attempt_at = CURRENT_TIMESTAMP() WHERE status <> 'resolved'"
        )
        self.cycle(sweep=True)
        self.cycle()
        waiting = self.second_rows()
        self.assert_aligned(waiting)
        for name, memory in self.world.memories.items():
            living = [
                row.values["primary_email"]
                for row in memory.rows.values()
                if not row.deleted and row.values and row.native_id not in waiting
            ]
            assert len(living) == len(set(living)), f"a duplicate in {name}"
        self.every_edit_is_known(waiting)
        assert not self.world.cycle().writes

    def second_rows(self) -> set[str]:
        """Rows made anew that wait for a person to say whose they are."""
        reviews = self.world.sql("SELECT native_id FROM identity.sync_match_review WHERE status = 'open'")
        return self.made_anew & {row["native_id"] for row in reviews}

    def assert_aligned(self, waiting: set[str]) -> None:
        views = self.world.views()
        for name, memory in self.world.memories.items():
            held = {contact: values for contact, values in views[name].items() if contact not in waiting}
            wanted = {
                contact: {path: memory.normalise(path, value) for path, value in values.items()}
                for contact, values in views["bigquery"].items()
            }
            assert held == wanted, name

    def every_edit_is_known(self, waiting: set[str]) -> None:
        known = {
            (row["path"], row["value"])
            for row in self.world.sql(
                "SELECT path, new_value AS value FROM identity.sync_change_log "
                "UNION ALL SELECT path, losing_value FROM identity.sync_conflicts"
            )
        }
        told = {(path, value) for native_id, path, value in self.must_be_known if native_id not in waiting}
        assert not told - known, "edits that are neither in the log nor in the conflicts"


RUNS = int(os.environ.get("NOISE_RUNS", "100"))
"""How many worlds to try: always the same ones, but for a nightly run (NOISE_RUNS=2000), which takes new ones."""

Noise.TestCase.settings = settings(
    max_examples=RUNS,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize="NOISE_RUNS" not in os.environ,
)
TestNoise = pytest.mark.timeout(60 + 15 * RUNS)(Noise.TestCase)
