"""One batch of writes in one transaction: lock and compare, apply in the order of kinds, read back what was stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from truth_forge_sync.systems.contacts_table import columns_to_write, native_row, refused, settled
from truth_forge_sync.systems.local.engine import WRITING, is_about_the_row, talking
from truth_forge_sync.systems.local.reading import holders, rows_by_id
from truth_forge_sync.systems.local.table import ContactsTable
from truth_forge_sync.systems.protocol import NativeRow, Outcome, Status, Write, WriteKind
from truth_forge_sync.systems.refusal import postgres_names, postgres_words, sqlite_words

BATCH = 500

Prepared = tuple[Write, dict[str, Any]]


def write_batch(engine: sa.Engine, table: ContactsTable, writes: Sequence[Write], *, region: str) -> list[Outcome]:
    """One outcome for each write (``BATCH`` at most, in the order of kinds), once they are committed.

    Raises Retry or Stop where nothing took effect. Where the answer to the commit was lost, the writes that it would
    have stored are UNKNOWN.
    """
    done: list[Outcome] = []
    with talking(), engine.connect().execution_options(**{WRITING: True}) as connection:
        transaction = connection.begin()
        if table.dialect == "postgresql":
            # A constraint that would speak up only at the end could not be laid to one row.
            connection.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
        done, ready = _judge(connection, table, writes, region)
        applied: list[Write] = []
        for write, outcome in _apply(connection, table, ready):
            if outcome is None:
                applied.append(write)
            else:
                done.append(outcome)
        stored = _stored(connection, table, [write.native_id for write in applied], region)
        try:
            transaction.commit()
        except DBAPIError:
            lost = "the answer to the commit was lost"
            return done + [Outcome(write, Status.UNKNOWN, message=lost) for write in applied]
    return done + [_acknowledged(write, stored.get(write.native_id)) for write in applied]


def _judge(
    connection: sa.Connection, table: ContactsTable, writes: Sequence[Write], region: str
) -> tuple[list[Outcome], list[Prepared]]:
    ids = [write.native_id for write in writes]
    locked = rows_by_id(connection, table, ids, lock=True)
    current = {row["id"]: native_row(row, table.columns, region=region) for row in locked}
    held = holders(connection, table, [write.contact_id for write in writes])
    done: list[Outcome] = []
    ready: list[Prepared] = []
    for write in writes:
        holder = held.get(write.contact_id)
        outcome = settled(write, current.get(write.native_id), holder, table.columns.fields)
        if outcome is not None:
            done.append(outcome)
            continue
        columns = columns_to_write(write, table.columns, fill_contact_id=holder is None)
        if columns:
            held.setdefault(write.contact_id, write.native_id)
            ready.append((write, columns))
        else:
            done.append(Outcome(write, Status.WRITTEN, current.get(write.native_id)))  # there is nothing to change
    return done, ready


def _apply(
    connection: sa.Connection, table: ContactsTable, ready: Sequence[Prepared]
) -> Iterator[tuple[Write, Outcome | None]]:
    """Apply the writes; None for each that is in, a REFUSED outcome for each that the database would not have.

    One bad row fails all of them: they are halved until the row stands alone.
    """
    if not ready:
        return
    try:
        with connection.begin_nested():
            for group in _alike(table, ready):
                _execute(connection, table, group)
    except UnicodeEncodeError:
        reason = ("text that is not valid Unicode", "")
    except DBAPIError as error:
        if not is_about_the_row(error):
            raise
        reason = _words(error)
    else:
        yield from ((write, None) for write, _ in ready)
        return
    if len(ready) == 1:
        yield ready[0][0], refused(ready[0][0], *reason, table.columns)
        return
    middle = len(ready) // 2
    yield from _apply(connection, table, ready[:middle])
    yield from _apply(connection, table, ready[middle:])


def _alike(table: ContactsTable, ready: Sequence[Prepared]) -> Iterator[list[Prepared]]:
    """Groups that one statement serves: the same kind of write to the same columns; the kinds in their order.

    A create without a value for a column is like one with it, unless the database has a value of its own for it.
    """
    groups: dict[tuple[WriteKind, frozenset[str]], list[Prepared]] = defaultdict(list)
    for write, columns in ready:
        names = frozenset(columns)
        groups[write.kind, names & table.filled if write.kind is WriteKind.CREATE else names].append((write, columns))
    for group in groups.values():
        every = dict.fromkeys(name for _, columns in group for name in columns)
        yield [(write, {**every, **columns}) for write, columns in group]


def _execute(connection: sa.Connection, table: ContactsTable, group: Sequence[Prepared]) -> None:
    contacts, (first, columns) = table.contacts, group[0]
    parameters = [table.bound(values) for _, values in group]
    if first.kind is WriteKind.CREATE:
        connection.execute(sa.insert(contacts), parameters)
        return
    expressions = table.assignments(columns)
    targets = [
        {"_id": write.native_id, **{f"_{name}": value for name, value in values.items() if name not in expressions}}
        for (write, _), values in zip(group, parameters, strict=True)
    ]
    values = {name: expressions.get(name, sa.bindparam(f"_{name}", type_=contacts.c[name].type)) for name in columns}
    statement = sa.update(contacts).where(contacts.c.id == sa.bindparam("_id", type_=contacts.c.id.type)).values(values)
    connection.execute(statement, targets)


def _words(error: DBAPIError) -> tuple[str, str]:
    """The database's reason without a person's data, and the words in which it names columns and constraints."""
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is None:
        words = sqlite_words(str(error.orig))
        return words, words
    code, message = diagnosis.sqlstate or "", diagnosis.message_primary or ""
    names = postgres_names(code, message, diagnosis.message_detail or "")
    named_apart = (diagnosis.column_name, diagnosis.constraint_name)
    return postgres_words(code, message), " ".join(filter(None, (names, *named_apart)))


def _stored(
    connection: sa.Connection, table: ContactsTable, native_ids: Sequence[str], region: str
) -> dict[str, NativeRow]:
    if not native_ids:
        return {}
    rows = (native_row(row, table.columns, region=region) for row in rows_by_id(connection, table, native_ids))
    return {row.native_id: row for row in rows}


def _acknowledged(write: Write, row: NativeRow | None) -> Outcome:
    """A trigger of the database's owner may have swallowed a new row: then it is not there, whatever we were told."""
    if row is None:
        return refused(write, "the database did not keep the row")
    return Outcome(write, Status.WRITTEN, row)
