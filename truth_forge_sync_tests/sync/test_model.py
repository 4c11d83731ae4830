"""Random histories, decided twice: by the hub's SQL and by the laws in plain Python (model.py). Every table must agree."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from truth_forge_sync.contact import FIELD, Unread, field_of
from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.hub.duckdb_engine import DuckDBEngine
from truth_forge_sync.hub.hand_edits import HUB, HandEdits
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.inbox import holds, review
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.sync.push import push
from truth_forge_sync.sync.reconcile import reconcile, register
from truth_forge_sync.sync.rules import Rules
from truth_forge_sync.systems.memory import Fault, Memory
from truth_forge_sync.systems.protocol import System, Window
from truth_forge_sync_tests.sync.model import (
    Base,
    Change,
    Conflict,
    Decision,
    Edit,
    Held,
    Hold,
    Intent,
    Look,
    Refusal,
    Register,
    Review,
    State,
    Value,
    decide,
    newest,
)
from truth_forge_sync_tests.world import QuickEngine, World

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


# -- The hub's tables as the model's state ------------------------------------------------------------------------


class Tables:
    def __init__(self, world: World) -> None:
        self.world = world

    def rows(self, table: str, where: str = "TRUE") -> list[dict[str, Any]]:
        return self.world.sql(f"SELECT * FROM identity.{table} WHERE {where}")

    def state(self, now: datetime, looks: Iterable[Look] = ()) -> State:
        clock = datetime.now(UTC)
        an_hour_ago = clock - timedelta(hours=1)
        recent = defaultdict[tuple[str, str], list[Value]](list)
        for row in self.rows("sync_change_log"):
            if row["recorded_at"] > an_hour_ago:
                recent[row["contact_id"], row["path"]].append(row["new_value"])
        return State(
            now=now,
            systems=self.world.hub.state().systems,
            registers={
                row["contact_id"]: {r["path"]: Register(r["value"], r["changed_at"], r["system"]) for r in row["registers"]}
                for row in self.rows("sync_registers")
            },
            bases={
                (row["system"], row["native_id"]): Base(
                    row["contact_id"], row["version"], row["changed_at"], row["known_at"],
                    {held["path"]: Held(held["value"], held["sent"]) for held in row["held"]},
                    row["gone"], frozenset(row["unread"] or ()), row["retired"] or False,
                )
                for row in self.rows("sync_bases")
            },
            intents={
                Intent(
                    row["contact_id"], (row["system"], row["native_id"]), row["kind"],
                    tuple((change["path"], change["value"]) for change in row["changes"]),
                ): row["status"] == "open"
                for row in self.rows("sync_intents")
                if row["status"] == "open" or row["superseded_at"] > an_hour_ago
            },
            holds={
                ((row["system"], row["native_id"]), row["path"]): Hold(
                    row["contact_id"], row["value"], row["changed_at"], row["gone"], row["reason"],
                    row["status"] == "rejected", row["release_at"] is not None and row["release_at"] <= clock,
                )
                for row in self.rows("sync_holds")
            },
            refusals={
                ((row["system"], row["native_id"]), row["path"]): Refusal(
                    row["contact_id"], row["value"], row["next_attempt_at"] <= clock
                )
                for row in self.rows("sync_errors", "kind = 'refused' AND status <> 'resolved'")
            },
            reviews={
                (row["system"], row["native_id"]): Review(
                    frozenset(row["candidate_contact_ids"]), row["rule"], row["status"], row["contact_id"]
                )
                for row in self.rows("sync_match_review")
            },
            edits=[
                Edit(row["edit_id"], row["contact_id"], row["path"], Register(row["value"], row["created_at"], HUB), row["origin"])
                for row in self.rows("sync_edits")
            ],
            recent=recent,
            living=len(self.rows("contacts_master", "deleted_at IS NULL")),
        )  # fmt: skip

    def looks(self) -> tuple[list[Look], dict[str, datetime]]:
        looks: list[Look] = []
        swept: dict[str, datetime] = {}
        for batch in self.rows("sync_batches", "cycle_id IS NULL"):
            if batch["complete"]:
                swept[batch["system"]] = max(batch["read_at"], swept.get(batch["system"], batch["read_at"]))
            if batch["row_count"]:
                looks += [
                    Look(
                        (row["system"], row["native_id"]), row["version"], row["changed_at"], row["read_at"],
                        {item["path"]: item["value"] for item in row["fields"]}, row["own_contact_id"],
                        row["deleted"], row["gone"], frozenset(item["field"] for item in row["unread"]),
                    )
                    for row in self.rows(f"sync_staged_{batch['batch_id']}")
                ]  # fmt: skip
        return looks, swept

    def moved(self, before: State, looks: list[Look], swept: dict[str, datetime]) -> frozenset[str]:
        """Contacts of which contacts_master shows another row than the one that is decided about."""
        expected = {row[1]: base.version for row, base in before.bases.items() if row[0] == HUB and not base.gone}
        actual = expected | {
            row["contact_id"] or row["known_id"]: row["version_now"] or ""
            for row in self.world.hub.rows("hand_edits", count_only=False)
        }
        expected |= {row[1]: look.version for row, look in newest(before, looks, swept).items() if row[0] == HUB}
        return frozenset(who for who in {*expected, *actual} if expected.get(who) != actual.get(who))

    def decided(self, cycle: str | None, now: datetime) -> Decision:
        where = f"cycle_id = '{cycle}'"
        changes = {
            Change(
                row["contact_id"], row["path"], row["change_type"], raw(row["path"], row["old_value"]),
                Register(raw(row["path"], row["new_value"]), row["changed_at"], row["system"]), row["origin"],
            )
            for row in self.rows("sync_change_log", where)
        }  # fmt: skip
        conflicts = {
            Conflict(
                row["contact_id"], row["path"],
                Register(raw(row["path"], row["winning_value"]), row["winning_changed_at"], row["winning_system"]),
                Register(raw(row["path"], row["losing_value"]), row["losing_changed_at"], row["losing_system"]),
                row["reason"],
            )
            for row in self.rows("sync_conflicts", where)
        }  # fmt: skip
        return Decision(self.state(now), changes, conflicts)


def raw(path: str, told: Value) -> Value:
    """A list's element is told by its text; its path's value only says that it is there."""
    is_list = path != "deleted" and FIELD[field_of(path)].type.is_list
    return "true" if is_list and told is not None else told


def differences(model: Decision, sql: Decision) -> Iterator[str]:
    """Contact by contact, row by row, path by path."""
    for name in ("registers", "bases", "intents", "holds", "refusals", "reviews"):
        ours, theirs = comparable(getattr(model.after, name)), comparable(getattr(sql.after, name))
        for key in sorted({*ours, *theirs}, key=str):
            if ours.get(key) != theirs.get(key):
                yield f"{name} {key}:\n    laws {ours.get(key)}\n    SQL  {theirs.get(key)}"
    for name, laws, found in (
        ("change", model.changes, sql.changes),
        ("conflict", model.conflicts, sql.conflicts),
    ):
        yield from (f"{name} missing: {one}" for one in sorted(laws - found, key=str))
        yield from (f"{name} too much: {one}" for one in sorted(found - laws, key=str))


def comparable(table: Mapping[Any, Any]) -> dict[Any, Any]:
    """One entry a path where there are paths. What the hub stores of itself has the hub's own version and stamp."""
    flat: dict[Any, Any] = {}
    for key, entry in table.items():
        if isinstance(entry, dict):
            flat |= {(key, path): register for path, register in entry.items()}
        elif isinstance(entry, Base):
            flat |= {(key, path): held for path, held in entry.held.items()}
            flat[key] = replace(entry, held={})
            if key[0] == HUB:
                flat[key] = replace(entry, held={}, version="", changed_at=NOON)
        elif isinstance(entry, Hold):
            flat[key] = entry._replace(ripe=False)
        else:
            flat[key] = entry
    return flat


# -- A world to make history in ---------------------------------------------------------------------------------------

Operation = tuple[Any, ...]


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
            row = memory.put(
                native_id, {path: None for path in memory.rows[native_id].values if field_of(path) == field}
            )
            unread = () if row.unread else (Unread(field, "expected something else"),)
            memory.rows[native_id] = replace(row, unread=unread)

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
            f"VALUES ('00000000-0000-4000-8000-{self.made:012}', 'Hand', '{email}', TIMESTAMP '{self.moment:%Y-%m-%d %H:%M:%S}+00')"
        )

    def command(self, number: int, path: str | None, value: Value) -> None:
        if contact_id := self.contact(number):
            self.made += 1
            texts = [
                f"'{text}'" if text is not None else "NULL" for text in (f"e{self.made:03}", contact_id, path, value)
            ]
            self.world.edit_hub(
                "INSERT INTO identity.sync_edits (edit_id, contact_id, path, value, origin, created_at) "
                f"VALUES ({', '.join(texts)}, 'test', TIMESTAMP '{self.moment:%Y-%m-%d %H:%M:%S}+00')"
            )

    def restless(self, number: int) -> None:
        """A path went to and fro within the hour."""
        if contact_id := self.contact(number):
            self.world.edit_hub(
                "INSERT INTO identity.sync_change_log "
                "(event_id, cycle_id, contact_id, system, change_type, path, new_value, changed_at, recorded_at) "
                f"SELECT value, 'none', '{contact_id}', 'twenty', 'UPDATE', 'city', value, CURRENT_TIMESTAMP(), CURRENT_TIMESTAMP() "
                "FROM UNNEST(['Rome', 'Oslo', 'Rome']) AS value"
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
        for table, column in (
            ("sync_change_log", "recorded_at"), ("sync_holds", "release_at"),
        ):  # fmt: skip
            self.world.edit_hub(
                f"UPDATE identity.{table} SET {column} = TIMESTAMP_SUB({column}, INTERVAL 2 HOUR) WHERE {column} IS NOT NULL"
            )

    def ask_again(self) -> None:
        self.world.edit_hub(
            "UPDATE identity.sync_errors SET next_attempt_at = TIMESTAMP '2020-01-01 00:00:00+00' WHERE kind = 'refused'"
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
            f"WHERE kind = 'refused' AND last_attempt_at >= TIMESTAMP '{self.moment:%Y-%m-%d %H:%M:%S}+00'"
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


# -- Random histories -------------------------------------------------------------------------------------------------

systems = st.sampled_from(["twenty", "supabase", "local"])
some = st.sampled_from([0, 0, 0, 1, 1, 2, 3])
emails = st.sampled_from(["ann@x.com", "bo@x.com", "cy@x.com", "di@x.com"])
people = st.fixed_dictionaries(
    {"first_name": st.sampled_from(["Ann", "Bo"]), "last_name": st.just("Lee")},
    optional={
        "primary_email": emails | st.just("info@x.com"),
        "other_emails/ann@x.com": st.just("true"),
        "primary_phone": st.sampled_from(["+12025550123", "+12025550199"]),
        "is_business": st.just("true"),
        "city": st.sampled_from(["Oslo", "Rome"]),
    },
)
VALUES = {
    "city": ["Oslo", "Rome", "Lima", None, None, "OSLO"],
    "job_title": ["Dr", "DR", "Mr", None],
    "department": ["Sales", "Sales", "Legal", "Legal", None],
    "notes": ["one", "refused", None],
    "other_emails/x@x.com": ["true", None],
    "other_emails/bo@x.com": ["true", None],
    "llm_context/k": ["1", "2", '"refused"', None],
    "llm_context/l": ["1", None],
    "primary_email": ["ann@x.com", "bo@x.com", "eve@x.com", None],
    "is_business": ["true", None],
}
edits = st.sampled_from([(path, value) for path, values in VALUES.items() for value in values])
assignments = st.sampled_from([
    "city = 'Oslo'", "city = NULL", "department = 'Sales'", "department = NULL", "other_emails = ['x@x.com']",
    "other_emails = []", """llm_context = JSON '{"k": 2}'""", "llm_context = NULL", "deleted_at = TIMESTAMP '2026-01-01 00:00:00+00'", "deleted_at = NULL",
    "primary_email = 'nonsense'", "primary_email = 'eve@x.com'",
])  # fmt: skip


def operation(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Operation]:
    return st.tuples(st.sampled_from([1, 0, 3]), st.just(name), *arguments)


put = edits.flatmap(lambda edit: operation("put", systems, some, st.just(edit[0]), st.just(edit[1])))
operations = st.one_of(
    operation("create", systems, people, st.booleans()),
    *[put] * 12,
    operation("delete", systems, some),
    operation("restore", systems, some),
    operation("destroy", systems, some, st.booleans()),
    operation("copy", systems, some),
    operation("garble", systems, some, st.sampled_from(["city", "llm_context", "primary_email"])),
    operation("column"),
    operation("sql", some, assignments), operation("sql", some, assignments),
    operation("sql_delete", some),
    operation("sql_insert", emails),
    edits.flatmap(lambda edit: operation("command", some, st.just(edit[0]), st.just(edit[1]))),
    operation("command", some, st.sampled_from(["deleted", None]), st.sampled_from(["true", None])),
    operation("fault", systems, st.sampled_from([Fault.WRITE_AFTER, Fault.WRITE_HALF, Fault.READ_HALF])),
    operation("look", systems, st.booleans()),
    operation("restless", some), operation("an_hour"), operation("ask_again"), operation("reject"),
    operation("word", some, st.none() | some),
)  # fmt: skip
rarely = st.sampled_from([(), (), (), (), (HUB,), ("twenty",), ("supabase", "local")])
happening = st.tuples(*[st.lists(operations, max_size=8)] * 3).map(
    lambda lists: [one for many in lists for one in many]
)
cycles = st.tuples(happening, rarely, rarely, rarely, st.sampled_from([False, False, False, True]))

RUNS = int(os.environ.get("MODEL_RUNS", "10"))
"""How many histories: always the same ones, but for a nightly run (MODEL_RUNS=300), which makes up new ones."""


@pytest.mark.skipif("MODEL_RUNS" not in os.environ, reason="not settled yet: run with MODEL_RUNS=10")
@pytest.mark.timeout(60 + 30 * RUNS)
@settings(
    max_examples=RUNS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize="MODEL_RUNS" not in os.environ,
    print_blob=True,
    phases=[phase for phase in Phase if phase is not Phase.shrink or "MODEL_SHRINK" in os.environ],
)
@given(st.lists(cycles, max_size=8))
def test_the_hub_decides_as_the_laws_do(history: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = History.continued(beginning(), Path(folder))
        with made.world.engine.session():
            for happens, unread, unwritten, whole, approved in history:
                for seconds, name, *arguments in happens:
                    made.tick(seconds)
                    getattr(made, name)(*arguments)
                made.cycle(unread, unwritten, whole, approved)


@cache
def beginning() -> History:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    begun = History(folder)
    begun.begin()
    return begun
