"""A world that people edit, cycle by cycle, on a clock of its own, and whose every decision is made twice."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from truth_forge_sync.contact import FIELD
from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.hub.duckdb_engine import DuckDBEngine
from truth_forge_sync.hub.hand_edits import HUB, HandEdits
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.inbox import holds, review
from truth_forge_sync.sync.due import register
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.sync.push import push
from truth_forge_sync.sync.reconcile import reconcile
from truth_forge_sync.sync.rules import Rules
from truth_forge_sync.systems.memory import Fault, Memory
from truth_forge_sync.systems.protocol import System, Window
from truth_forge_sync_tests.sync.model import decide
from truth_forge_sync_tests.sync.model.compare import NOON, Tables, differences
from truth_forge_sync_tests.sync.model.tables import Value
from truth_forge_sync_tests.world import QuickEngine, World


class History:
    """A world that people edit, cycle by cycle, on a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.world = World(QuickEngine(folder / "hub.duckdb", "identity"))
        self.tables = Tables(self.world)
        self.moment = NOON
        self.made = 0
        self.world.rules = replace(
            self.world.rules,
            loss_limit_count=1,
            loss_limit_percent=20,
            flip_limit=1,
            authorities=(("department", ("supabase", "local")),),
        )
        self.lacks_city = False
        twenty, supabase, local = (self.world.memories[name] for name in ("twenty", "supabase", "local"))
        twenty.clock = supabase.clock = self.clock
        local.clock = lambda: self.moment + timedelta(seconds=2)
        twenty.normalise = lambda path, value: value.upper() if path in ("city", "job_title") else value
        local.normalise = lambda path, value: None if path == "notes" else value
        supabase.refuses = lambda path, value: "no" if value in ("refused", '"refused"') else None
        local.fields = lambda: frozenset(FIELD) - ({"city"} if self.lacks_city else set())  # type: ignore[method-assign]
        local.unique_emails = True

    def begin(self) -> None:
        """Four people, known everywhere."""
        for number, name in enumerate(("ann", "bo", "cy", "di")):
            values = {
                "first_name": name,
                "primary_email": f"{name}@x.com",
                "city": "Oslo",
                f"other_emails/{name}@y.com": "true",
            }
            self.world.memories[("twenty", "supabase", "local", "twenty")[number]].put(f"row-{number}", values)
        self.cycle((), (), (), False)

    @classmethod
    def continued(cls, beginning: History, folder: Path) -> History:
        """A world of its own that begins as the other one stands."""
        assert isinstance(beginning.world.engine, DuckDBEngine)
        for file in beginning.world.engine.path.parent.iterdir():
            shutil.copy(file, folder)
        made = cls(folder)
        made.moment = beginning.moment
        for name, memory in beginning.world.memories.items():
            made.world.memories[name].rows = dict(memory.rows)
            made.world.memories[name]._last_edit = memory._last_edit
        return made

    @property
    def systems(self) -> dict[str, System]:
        return {HUB: HandEdits(self.world.hub, region="US"), **self.world.memories}

    def clock(self) -> datetime:
        return self.moment

    @property
    def now(self) -> str:
        """The moment as SQL has it."""
        return f"TIMESTAMP '{self.moment:%Y-%m-%d %H:%M:%S}+00'"

    def tick(self, seconds: int = 1) -> None:
        self.moment += timedelta(seconds=seconds)

    # -- what happens ---------------------------------------------------------------------------------------------

    def create(self, system: str, values: Mapping[str, str], own: bool) -> None:
        self.made += 1
        contact_id = f"00000000-0000-4000-8000-{self.made:012}" if own else None
        self.world.memories[system].put(f"{system}-{self.made}", values, contact_id)

    def copy(self, system: str, number: int) -> None:
        """A row that names a contact as its own."""
        if contact_id := self.contact(number):
            self.made += 1
            self.world.memories[system].put(f"{system}-{self.made}", {"first_name": "Copy"}, contact_id)

    def contact(self, number: int) -> str | None:
        known = sorted(row["contact_id"] for row in self.tables.rows("sync_registers"))
        return known[number % len(known)] if known else None

    def row(self, system: str, number: int) -> tuple[Memory, str | None]:
        memory = self.world.memories[system]
        known = sorted(memory.rows, key=lambda key: (memory.rows[key].values.get("first_name", "").lower(), key))
        return memory, known[number % len(known)] if known else None

    def put(self, system: str, number: int, path: str, value: Value) -> None:
        memory, native_id = self.row(system, number)
        if native_id:
            memory.put(native_id, {path: value})

    def delete(self, system: str, number: int) -> None:
        memory, native_id = self.row(system, number)
        if native_id:
            memory.soft_delete(native_id)

    def restore(self, system: str, number: int) -> None:
        memory, native_id = self.row(system, number)
        if native_id:
            memory.restore(native_id)

    def destroy(self, system: str, number: int, traceless: bool) -> None:
        memory, native_id = self.row(system, number)
        if native_id:
            memory.hard_delete(native_id)
            if traceless:
                del memory.tombstones[native_id]

    def garble(self, system: str, number: int, field: str) -> None:
        """Somebody types what cannot be read; with the next call it is legible again."""
        memory, native_id = self.row(system, number)
        if native_id:
            memory.garble(native_id, *(() if memory.rows[native_id].unread else (field,)))

    def column(self) -> None:
        """It appears; or it disappears while nothing is on its way."""
        self.lacks_city = not self.lacks_city and not Hub(self.world.engine).state().open_intents.get("local")

    def sql(self, number: int, assignment: str) -> None:
        if contact_id := self.contact(number):
            self.world.edit_hub(f"UPDATE identity.contacts_master SET {assignment} WHERE contact_id = '{contact_id}'")

    def sql_delete(self, number: int) -> None:
        if contact_id := self.contact(number):
            self.world.edit_hub(f"DELETE FROM identity.contacts_master WHERE contact_id = '{contact_id}'")

    def sql_insert(self, email: str) -> None:
        self.made += 1
        self.world.edit_hub(
            "INSERT INTO identity.contacts_master (contact_id, first_name, primary_email, updated_at) "
            f"VALUES ('00000000-0000-4000-8000-{self.made:012}', 'Hand', '{email}', {self.now})"
        )

    def command(self, number: int, path: str | None, value: Value) -> None:
        if contact_id := self.contact(number):
            self.made += 1
            texts = [
                f"'{text}'" if text is not None else "NULL" for text in (f"e{self.made:03}", contact_id, path, value)
            ]
            self.world.edit_hub(
                "INSERT INTO identity.sync_edits (edit_id, contact_id, path, value, origin, created_at) "
                f"VALUES ({', '.join(texts)}, 'test', {self.now})"
            )

    def restless(self, number: int) -> None:
        """A path went to and fro within the hour."""
        if contact_id := self.contact(number):
            self.world.edit_hub(
                "INSERT INTO identity.sync_change_log "
                "(event_id, cycle_id, contact_id, system, change_type, path, new_value, changed_at, recorded_at) "
                f"SELECT value, 'none', '{contact_id}', 'twenty', 'UPDATE', 'city', value, CURRENT_TIMESTAMP(), "
                "CURRENT_TIMESTAMP() FROM UNNEST(['Rome', 'Oslo', 'Rome']) AS value"
            )

    def fault(self, system: str, fault: Fault) -> None:
        self.world.memories[system].faults.append(fault)

    def look(self, system: str, whole: bool) -> None:
        """A read that only the cycle after the next takes in."""
        waiting = set(self.waiting())
        with suppress(Retry):
            window = Window() if whole else Window(since=NOON - timedelta(days=1))
            pull(self.world.hub, self.world.memories[system], window=window, clock=self.clock)
        for batch in set(self.waiting()) - waiting:
            self.world.edit_hub(f"UPDATE identity.sync_batches SET cycle_id = 'aside' WHERE batch_id = '{batch}'")

    def waiting(self) -> list[str]:
        return [row["batch_id"] for row in self.tables.rows("sync_batches", "cycle_id IS NULL")]

    def an_hour(self) -> None:
        for table, column in {"sync_change_log": "recorded_at", "sync_holds": "release_at"}.items():
            self.world.edit_hub(
                f"UPDATE identity.{table} SET {column} = TIMESTAMP_SUB({column}, INTERVAL 2 HOUR) "
                f"WHERE {column} IS NOT NULL"
            )

    def ask_again(self) -> None:
        self.world.edit_hub(
            "UPDATE identity.sync_errors SET next_attempt_at = TIMESTAMP '2020-01-01 00:00:00+00' "
            "WHERE kind = 'refused'"
        )

    def word(self, number: int, contact: int | None) -> None:
        """A person says who a row is."""
        known = sorted(review.reviews(self.world.hub), key=lambda one: one.review_id)
        if known:
            chosen, contact_id = known[number % len(known)], self.contact(contact or 0)
            system = self.systems[chosen.system]
            with suppress(Stop, Retry):
                if contact is None or contact_id is None:
                    review.separate(self.world.hub, system, chosen, clock=self.clock)
                else:
                    target = review.target(self.world.hub, chosen, contact_id)
                    review.link(self.world.hub, system, chosen, target, clock=self.clock)

    def reject(self) -> None:
        holds.reject(self.world.hub)

    # -- the sync -------------------------------------------------------------------------------------------------

    def cycle(
        self, unread: Collection[str], unwritten: Collection[str], whole: Collection[str], approved: bool
    ) -> None:
        """Pull all but ``unread``, decide twice, push to all but ``unwritten``. ``whole``: read completely."""
        world, rules = self.world, replace(self.world.rules, allowed_losses=100 if approved else 0)
        world.hub = Hub(world.engine)  # as a new process would open it
        self.tick()
        world.edit_hub("UPDATE identity.sync_batches SET cycle_id = NULL WHERE cycle_id = 'asides'")
        world.edit_hub("UPDATE identity.sync_batches SET cycle_id = 'asides' WHERE cycle_id = 'aside'")
        for system in self.systems.values():
            if system.name not in unread:
                with suppress(Retry):
                    pull(world.hub, system, clock=self.clock)
                    if system.name in whole:
                        pull(world.hub, system, window=Window(), clock=self.clock)
        self.tick()
        self.decide_twice(rules)
        self.tick()
        for memory in world.memories.values():
            if memory.name not in unwritten:
                with suppress(Retry):
                    push(world.hub, memory, clock=self.clock)
        world.edit_hub(
            "UPDATE identity.sync_errors SET next_attempt_at = TIMESTAMP '2100-01-01 00:00:00+00' "
            f"WHERE kind = 'refused' AND last_attempt_at >= {self.now}"
        )

    def decide_twice(self, rules: Rules) -> None:
        register(self.world.hub, rules.order)
        before = self.tables.state(self.moment)
        looks, swept = self.tables.looks()
        before = replace(before, moved=self.tables.moved(before, looks, swept))
        laws = decide(before, looks, rules, swept)
        done = reconcile(self.world.hub, rules, clock=self.clock)
        differing = list(differences(laws, self.tables.decided(done.cycle_id, self.moment)))
        assert not differing, "\n".join(["the SQL and the laws differ:", *differing])
