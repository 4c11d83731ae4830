"""Random histories, decided twice: by the hub's SQL and by the laws in plain Python. Every table must agree."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from truth_forge_sync.hub.hand_edits import HUB
from truth_forge_sync.systems.memory import Fault
from truth_forge_sync_tests.sync.history import History

Operation = tuple[Any, ...]

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
    "other_emails = []", """llm_context = JSON '{"k": 2}'""", "llm_context = NULL",
    "deleted_at = TIMESTAMP '2026-01-01 00:00:00+00'", "deleted_at = NULL",
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
