"""Reading the contacts table: by keyset pages, by id, and the marker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from truth_forge_sync.systems.clock import ClockOffset
from truth_forge_sync.systems.contacts_table import stamp_text
from truth_forge_sync.systems.ddl import TOMBSTONES
from truth_forge_sync.systems.local.engine import talking
from truth_forge_sync.systems.local.table import CONTACTS, ContactsTable
from truth_forge_sync.systems.protocol import Window

PAGE = 1_000
IDS = 500

_ANSWERED = "answered_at"

Row = dict[str, Any]


def pages(
    engine: sa.Engine,
    everything: sa.Select[Any],
    table: sa.TableClause,
    stamp: str,
    window: Window,
    clock: ClockOffset,
) -> Iterator[Sequence[Row]]:
    """Rows of ``table`` whose column ``stamp`` lies in the window, in the order (stamp, id), by pages of ``PAGE``.

    ``everything`` is the query for all of its rows, with the columns wanted.

    Each page is a transaction of its own: nothing is held open while the caller works, and a row edited meanwhile moves
    ahead of us in the order and is met again.
    """
    column, id_ = table.c[stamp], table.c.id
    time: sa.Label[datetime | None] = sa.literal_column(_time(engine.dialect)).label(_ANSWERED)
    query = everything.add_columns(time).order_by(column, id_).limit(PAGE)
    if window.since is not None:
        query = query.where(column >= _bound(window.since, engine))
    if window.until is not None:
        query = query.where(column < _bound(window.until, engine))
    after: Row | None = None
    while True:
        page = query
        if after is not None:
            last = sa.literal(after[stamp], column.type), sa.literal(after["id"], id_.type)
            page = query.where(sa.tuple_(column, id_) > sa.tuple_(*last))
        with talking(), engine.connect() as connection:
            clock.ask()
            rows = [row._asdict() for row in connection.execute(page)]
        if rows:
            _tell(clock, rows[-1][_ANSWERED])
            yield rows
        if len(rows) < PAGE:
            return
        after = rows[-1]


def _bound(stamp: datetime, engine: sa.Engine) -> Any:
    """SQLite compares text: the bound takes the one form that the table's stamps have."""
    return stamp_text(stamp) if engine.dialect.name == "sqlite" else stamp


def rows_by_id(
    connection: sa.Connection, table: ContactsTable, native_ids: Sequence[str], *, lock: bool = False
) -> list[Row]:
    """The rows that exist, of ``IDS`` ids at most. ``lock`` keeps others from editing them meanwhile."""
    contacts = table.contacts
    # In one order, so that two writers never wait for each other.
    query = table.everything.where(contacts.c.id.in_(table.known(native_ids))).order_by(contacts.c.id)
    if lock:
        query = query.with_for_update()  # SQLite has none and needs none: its writer is alone
    return [row._asdict() for row in connection.execute(query)]


def holders(connection: sa.Connection, table: ContactsTable, contact_ids: Sequence[str]) -> dict[str, str]:
    """{contact id: native id} of the rows that carry these contact ids."""
    contacts = table.contacts
    query = sa.select(contacts.c.contact_id, contacts.c.id).where(contacts.c.contact_id.in_(contact_ids))
    return {contact_id: str(native_id) for contact_id, native_id in connection.execute(query)}


def read_marker(connection: sa.Connection, clock: ClockOffset) -> str:
    """The latest stamps and the numbers of rows, live and buried, in one statement."""
    queries = (
        f"SELECT max({stamp}) AS latest, count(*) AS number FROM {table}"
        for table, stamp in ((CONTACTS, "updated_at"), (TOMBSTONES, "deleted_at"))
    )
    contacts, tombstones = queries
    time = _time(connection.dialect)
    query = f"SELECT c.*, t.*, {time} FROM ({contacts}) AS c CROSS JOIN ({tombstones}) AS t"
    clock.ask()
    *row, theirs = connection.execute(sa.text(query)).one()
    _tell(clock, theirs)
    return "|".join(stamp_text(value) if isinstance(value, datetime) else str(value) for value in row)


def _time(dialect: sa.Dialect) -> str:
    """What tells the server's time. SQLite runs on our machine: it has no clock of its own to tell of."""
    return "clock_timestamp()" if dialect.name == "postgresql" else "NULL"


def _tell(clock: ClockOffset, theirs: datetime | None) -> None:
    if theirs is not None:
        clock.answer(theirs)
