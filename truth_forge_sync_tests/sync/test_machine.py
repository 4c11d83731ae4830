"""A machine edits at random, breaks things at random, and then stops: everything must come to rest, equal everywhere.

When the noise stops: every system holds what the hub holds, nothing is there twice, and every edit ever made is in
force or told in the change log or the conflicts with its value (laws 1-9, 11-13).
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
from truth_forge_sync_tests.world import World

PEOPLE = ["ann", "bo", "cy", "di"]
PATHS = ["job_title", "city", "notes", "other_emails/x@x.com", "llm_context/k", "llm_context/l"]

systems = st.sampled_from(["twenty", "supabase", "local"])
people = st.sampled_from(PEOPLE)
paths = st.sampled_from(PATHS)


class Noise(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp())
        self.stack.callback(shutil.rmtree, self.folder)
        self.world = World.embedded(self.folder)
        self.stack.enter_context(self.world.engine.session())
        self.counter = 0
        # Every value typed by a person, but for those that the same person typed over before anybody could see them.
        self.told: dict[tuple[str, str, str], str] = {}
        self.must_be_known: set[tuple[str, str]] = set()

    @initialize(offsets=st.lists(st.integers(-120, 120), min_size=3, max_size=3))
    def clocks(self, offsets: list[int]) -> None:
        for memory, offset in zip(self.world.memories.values(), offsets, strict=True):
            memory.clock = lambda offset=offset: datetime.now(UTC) + timedelta(seconds=offset)  # type: ignore[misc]

    # -- people -------------------------------------------------------------------------------------------------------

    def row_of(self, memory: Memory, person: str) -> str | None:
        for native_id, row in memory.rows.items():
            if row.values.get("primary_email") == f"{person}@example.com" and not row.deleted:
                return native_id
        return None

    def typed(self, system: str, native_id: str, path: str, value: str) -> None:
        self.told[system, native_id, path] = value

    @rule(system=systems, person=people)
    def create(self, system: str, person: str) -> None:
        memory = self.world.memories[system]
        if self.row_of(memory, person) is None:
            self.counter += 1
            native_id = f"{system}-{self.counter}"
            memory.put(native_id, {"first_name": person, "primary_email": f"{person}@example.com"})

    @rule(system=systems, person=people, path=paths)
    def edit(self, system: str, person: str, path: str) -> None:
        memory = self.world.memories[system]
        if native_id := self.row_of(memory, person):
            self.counter += 1
            value = "true" if path.startswith("other_emails/") else str(self.counter)
            memory.put(native_id, {path: value})
            self.typed(system, native_id, path, value)

    @rule(system=systems, person=people, path=paths)
    def clear(self, system: str, person: str, path: str) -> None:
        memory = self.world.memories[system]
        if native_id := self.row_of(memory, person):
            memory.put(native_id, {path: None})
            self.told.pop((system, native_id, path), None)

    @rule(system=systems, person=people)
    def delete(self, system: str, person: str) -> None:
        memory = self.world.memories[system]
        if native_id := self.row_of(memory, person):
            memory.soft_delete(native_id)
            for key in [key for key in self.told if key[:2] == (system, native_id)]:
                del self.told[key]

    @rule(system=systems, person=people)
    def destroy(self, system: str, person: str) -> None:
        memory = self.world.memories[system]
        if native_id := self.row_of(memory, person):
            memory.hard_delete(native_id)
            for key in [key for key in self.told if key[:2] == (system, native_id)]:
                del self.told[key]

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

    # -- the sync -----------------------------------------------------------------------------------------------------

    @rule()
    def cycle(self) -> None:
        done = self.world.cycle()
        for system, native_id, path in [key for key in self.told if key[0] in done.pulled]:
            self.must_be_known.add((path, self.told.pop((system, native_id, path))))

    def teardown(self) -> None:
        try:
            self.comes_to_rest()
        finally:
            self.stack.close()

    def comes_to_rest(self) -> None:
        for memory in self.world.memories.values():
            memory.down = False
            memory.faults.clear()
        self.cycle()
        self.world.settle(most=4)
        self.world.assert_aligned()
        for name, memory in self.world.memories.items():
            living = [row.values["primary_email"] for row in memory.rows.values() if not row.deleted and row.values]
            assert len(living) == len(set(living)), f"a duplicate in {name}"
        self.every_edit_is_known()

    def every_edit_is_known(self) -> None:
        known = {
            (row["field"], row["value"])
            for row in self.world.sql(
                "SELECT field, new_value AS value FROM identity.sync_change_log "
                "UNION ALL SELECT field, losing_value FROM identity.sync_conflicts"
            )
        }
        for path, value in self.must_be_known:
            told = ("other_emails", "x@x.com") if path.startswith("other_emails/") else (path, value)
            assert told in known, f"the edit of {path} is neither in the log nor in the conflicts"


RUNS = int(os.environ.get("NOISE_RUNS", "12"))
"""How many worlds to try: always the same ones, but for a nightly run (NOISE_RUNS=2000), which takes new ones."""

Noise.TestCase.settings = settings(
    max_examples=RUNS,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize="NOISE_RUNS" not in os.environ,
)
TestNoise = pytest.mark.timeout(60 + 15 * RUNS)(Noise.TestCase)
