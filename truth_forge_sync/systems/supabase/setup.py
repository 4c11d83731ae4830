"""What a project lacks, and the SQL that creates it. REST cannot create tables: a person runs it in the SQL editor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from truth_forge_sync.contact import FIELD
from truth_forge_sync.mapping import Columns, mapping
from truth_forge_sync.systems.ddl import TOMBSTONES, contacts_ddl
from truth_forge_sync.systems.protocol import Step
from truth_forge_sync.systems.supabase.reading import find_columns, is_there
from truth_forge_sync.systems.supabase.rest import NAME, NO_FUNCTION, PRINT_SQL, Answered, Rest, meaning

STATUS = "truth_forge_status"
TRIGGERS = ("truth_forge_stamp", "truth_forge_bury", "truth_forge_raise")


def setup_sql(table: str, columns: Columns | None = None) -> str:
    """The script that creates what is missing; safe to run again, and on a table that exists."""
    named = (columns or mapping().columns(NAME)).named
    return contacts_ddl("postgresql", table, [(name, str(FIELD[field].type)) for field, name in named.items()])


def read_status(rest: Rest) -> dict[str, Any] | None:
    """What the database says about itself: ``sees_all`` (row-level security hides nothing from our key) and
    ``triggers``. None where our SQL was never run. Raises Retry and Stop."""
    try:
        status = rest.ask(rest.function(STATUS, {}))
    except Answered as answer:
        if answer.code in NO_FUNCTION:
            return None
        raise meaning(answer) from answer
    return status if isinstance(status, dict) else None


def missing_steps(rest: Rest, table: str, columns: Columns) -> Iterator[Step]:
    """One step, not done, for each thing that is missing; none when all is there."""
    if not is_there(rest, table):
        yield _step(f"create {table} with its triggers and functions, and {TOMBSTONES}")
        return
    there = find_columns(rest, table, columns).names
    yield from (_step(f"add column {name} to {table}") for name in columns.names if name not in there)
    if not is_there(rest, TOMBSTONES):
        yield _step(f"create {TOMBSTONES}")
    status = read_status(rest)
    if status is None:
        yield _step("create the functions (truth_forge_apply, truth_forge_marker, truth_forge_status) and the triggers")
    else:
        triggers = status.get("triggers", [])
        yield from (_step(f"create trigger {name} on {table}") for name in TRIGGERS if name not in triggers)


def _step(what: str) -> Step:
    return Step(NAME, f"{what} ({PRINT_SQL})", done=False)
