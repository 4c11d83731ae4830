"""Reading the contacts table over REST: which columns it has, keyset pages, rows by id, the marker."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence

from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.mapping import Columns
from truth_forge_sync.systems.contacts_table import OWN_COLUMNS, chunks, instant
from truth_forge_sync.systems.protocol import Window
from truth_forge_sync.systems.supabase.rest import (
    NAME,
    NO_COLUMN,
    NO_FUNCTION,
    NO_TABLE,
    PRINT_SQL,
    Answered,
    NoTable,
    Query,
    Rest,
    Row,
    meaning,
)

PAGE = 1_000
"""A response never holds more rows, whatever is asked; a project may be set to give fewer."""
IDS = 200
"""Ids in one filter: the address of a request has an upper limit (8 KB here, 16 KB refused)."""

MARKER = "truth_forge_marker"

TOMBSTONE_COLUMNS = ("id", "contact_id", "deleted_at")

_MISSING = re.compile(r'column (?:\S+\.)?"?(\w+)"? does not exist')


def find_columns(rest: Rest, table: str, columns: Columns) -> Columns:
    """Which of these columns the table has. REST has no catalogue: a query for all names the first that is missing.

    Raises Stop where the table, or a column that we cannot do without, is missing.
    """
    while True:
        try:
            rest.read(rest.table(table).select(*selected(columns)).limit(1))
        except Answered as answer:
            missing = _MISSING.search(answer.message) if answer.code in NO_COLUMN else None
            if missing is None or missing[1] not in selected(columns):
                raise meaning(answer) from answer
            if missing[1] in OWN_COLUMNS:
                raise Stop(f"{table} has no column {missing[1]}", system=NAME, remedy=PRINT_SQL) from answer
            columns = columns.among({*columns.names} - {missing[1]})
        else:
            return columns


def selected(columns: Columns) -> tuple[str, ...]:
    """What to ask for of a row."""
    return (*OWN_COLUMNS, *columns.names)


def pages(rest: Rest, table: str, columns: Sequence[str], stamp: str, window: Window) -> Iterator[list[Row]]:
    """Rows whose column ``stamp`` lies in the window, in the order (stamp, id), until a page comes back empty.

    A page shorter than asked proves nothing: a project may be set to answer fewer rows than we ask for. An empty one
    does not either where all rows were asked for: what a sweep does not see counts as gone. There the newest row is
    asked for as well; what was edited meanwhile is read, and where nothing comes though there is more, Retry is raised.
    """
    after: Row | None = None
    while True:
        query = rest.table(table).select(*columns).order(stamp).order("id").limit(PAGE)
        if after is not None:
            last, last_id = after[stamp], after["id"]
            query = query.or_(f'{stamp}.gt."{last}",and({stamp}.eq."{last}",id.gt."{last_id}")')
            query = query.gte(stamp, last)  # says nothing new, but an index can use it
        elif window.since is not None:
            query = query.gte(stamp, window.since.isoformat())
        if window.until is not None:
            query = query.lt(stamp, window.until.isoformat())
        rows = answered(rest, query)
        if not rows and after is not None and window == Window() and _goes_on(rest, table, stamp, after):
            rows = answered(rest, query)
            if not rows:
                raise Retry("it ended a read before the last row", system=NAME)
        if not rows:
            return
        yield rows
        after = rows[-1]


def _goes_on(rest: Rest, table: str, stamp: str, last: Row) -> bool:
    """There is a newer row than the last that was read; or an answer that there is none at all, which can't be."""
    newest_stamp, _, _ = newest(rest, table, stamp).rpartition(" ")
    return not newest_stamp or instant(newest_stamp) > instant(last[stamp])


def rows_by_id(rest: Rest, table: str, columns: Sequence[str], native_ids: Sequence[str]) -> Iterator[list[Row]]:
    """The rows that exist, ``IDS`` ids a request at most. What is no UUID is nobody's id, and would fail it."""
    for chunk in chunks(list(dict.fromkeys(filter(None, map(_canonical_id, native_ids)))), IDS):
        left = list(chunk)
        while left:
            rows = answered(rest, rest.table(table).select(*columns).in_("id", left))
            if not rows:
                break
            yield rows
            # As with pages, fewer than asked for may mean that the answer was cut off.
            found = {row["id"] for row in rows}
            left = [native_id for native_id in left if native_id not in found]


def marker(rest: Rest) -> str | None:
    """What :class:`System.marker` is to tell, in one request; None where our SQL, or a part of it, is not there."""
    try:
        told = rest.ask(rest.reading_function(MARKER))
    except Answered as answer:
        if answer.code in NO_FUNCTION + NO_TABLE + NO_COLUMN:
            return None
        raise meaning(answer) from answer
    if not isinstance(told, str) or "|" not in told:
        raise Retry("it answered something that is no marker", system=NAME)
    return told


def newest(rest: Rest, table: str, stamp: str) -> str:
    """The latest stamp with its id; '' for an empty table. In an order that the index has, backwards."""
    query = rest.table(table).select(stamp, "id").not_.is_(stamp, "null")
    rows = answered(rest, query.order(stamp, desc=True).order("id", desc=True).limit(1))
    return f"{rows[0][stamp]} {rows[0]['id']}" if rows else ""


def is_there(rest: Rest, table: str) -> bool:
    try:
        answered(rest, rest.table(table).select("id").limit(1))
    except NoTable:
        return False
    return True


def check_emptiness(rest: Rest, table: str, sees_all: bool | None) -> None:
    """A full read gave nothing: is the table really empty? (A key without rights reads an empty list, not an error.)

    ``sees_all`` is what the database says about row-level security for our key; None where it cannot be asked.
    """
    if sees_all is False:
        what = f"row-level security hides {table} from our key"
        raise Stop(what, system=NAME, remedy="set SUPABASE_KEY to the project's secret or service-role key")
    if newest(rest, table, "updated_at"):
        raise Retry("it answered an empty page for a table that has rows", system=NAME)


def answered(rest: Rest, query: Query) -> list[Row]:
    """The rows of a read. Raises Retry and Stop."""
    try:
        return rest.read(query)
    except Answered as answer:
        raise meaning(answer) from answer


def _canonical_id(text: str) -> str | None:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None
