"""One batch of writes over REST: rows are edited together by a compare-and-swap, and inserted together.

The edits go through ``truth_forge_apply``, a function of the SQL that ``init`` prints: one request for a batch, each
row taking its edit only if its stamp is the one that was seen. (An upsert would overwrite a row that moved and bring
back one that was deleted.) Where the function is not installed, each edit is a conditional update of its own: slower,
and as safe. A request carries one kind of write: PostgreSQL checks what is unique row by row, in no certain order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from truth_forge_sync.errors import Refused
from truth_forge_sync.mapping import Columns
from truth_forge_sync.systems.contacts_table import columns_to_write, native_row, refused, settled
from truth_forge_sync.systems.protocol import NativeRow, Outcome, Status, Write, WriteKind
from truth_forge_sync.systems.supabase.reading import rows_by_id, selected
from truth_forge_sync.systems.supabase.rest import (
    NO_COLUMN,
    NO_FUNCTION,
    PRINT_SQL,
    Answered,
    Lost,
    Query,
    Rest,
    Row,
    meaning,
)

BATCH = 500
"""Writes in one request; a function's answer holds 1,000 rows at most."""
APPLY = "truth_forge_apply"
UNIQUE = "23505"

Edit = tuple[Write, dict[str, Any]]


class Writer:
    """Writes to one table; ``columns`` are those of ours that it has."""

    def __init__(self, rest: Rest, table: str, columns: Columns, *, region: str) -> None:
        self.warning = ""
        self._rest = rest
        self._table = table
        self._columns = columns
        self._region = region
        self._has_apply = True

    def write(self, writes: Sequence[Write]) -> Iterator[Outcome]:
        """One outcome for each write (``BATCH`` at most, in the order of kinds).

        Raises Retry or Stop; the writes before that stand."""
        creates: list[Write] = []
        edits: dict[WriteKind, list[Edit]] = defaultdict(list)
        for write in writes:
            outcome = settled(write, write.seen, None, self._columns.fields)
            if outcome is not None:
                # Without a row as seen there is nothing to compare with.
                yield outcome if write.seen is not None or write.kind is WriteKind.CREATE else _moved(write)
            elif write.kind is WriteKind.CREATE:
                creates.append(write)
            elif columns := columns_to_write(write, self._columns):
                edits[write.kind].append((write, columns))
            else:
                yield from self._unapplied([write], unmoved=Status.WRITTEN)
        for alike in edits.values():
            yield from self._edit(alike)
        yield from self._create(creates)

    # Creating

    def _create(self, writes: Sequence[Write]) -> Iterator[Outcome]:
        if not writes:
            return
        rows = [columns_to_write(write, self._columns) for write in writes]
        insert = self._rest.table(self._table).insert(rows, default_to_null=False).select(*selected(self._columns))
        try:
            stored = self._by_id(self._rest.write(insert))
        except Lost:
            yield from map(_unknown, writes)
        except Answered as answer:
            yield from self._create_apart(writes, answer)
        else:
            yield from (_acknowledged(write, stored.get(write.native_id)) for write in writes)

    def _create_apart(self, writes: Sequence[Write], answer: Answered) -> Iterator[Outcome]:
        """One row of several was refused, and not said which: set apart those that exist already, or halve."""
        message = _reason(answer)
        current = self._read([write.native_id for write in writes]) if answer.code == UNIQUE else {}
        new: list[Write] = []
        for write in writes:
            outcome = settled(write, current.get(write.native_id), None, self._columns.fields)
            if outcome is not None:
                yield outcome
            else:
                new.append(write)
        if len(new) < len(writes):
            yield from self._create(new)
        elif len(writes) == 1:
            yield refused(writes[0], message, answer.names, self._columns)
        else:
            yield from self._create(writes[: len(writes) // 2])
            yield from self._create(writes[len(writes) // 2 :])

    # Editing

    def _edit(self, edits: Sequence[Edit]) -> Iterator[Outcome]:
        if not edits:
            return
        if not self._has_apply:
            for edit in edits:
                yield from self._sent([edit], self._conditional_update(edit))
            return
        try:
            yield from self._sent(edits, self._apply(edits))
        except _NoFunction:
            self._has_apply = False
            self.warning = f"the function {APPLY} is not there or outdated: edits go one by one ({PRINT_SQL})"
            yield from self._edit(edits)

    def _sent(self, edits: Sequence[Edit], query: Query) -> Iterator[Outcome]:
        try:
            stored = self._by_id(self._rest.write(query))
        except Lost:
            yield from (_unknown(write) for write, _ in edits)
        except Answered as answer:
            if answer.code in (*NO_FUNCTION, *NO_COLUMN) and self._has_apply:
                raise _NoFunction from answer
            yield from self._edit_apart(edits, answer)
        else:
            yield from (_acknowledged(w, stored[w.native_id]) for w, _ in edits if w.native_id in stored)
            yield from self._unapplied([w for w, _ in edits if w.native_id not in stored], unmoved=Status.MOVED)

    def _edit_apart(self, edits: Sequence[Edit], answer: Answered) -> Iterator[Outcome]:
        message = _reason(answer)
        if len(edits) > 1:
            yield from self._edit(edits[: len(edits) // 2])
            yield from self._edit(edits[len(edits) // 2 :])
            return
        write, columns = edits[0]
        # Filling in the contact id was our wish, not the write's: if another row carries it, the edit goes without.
        rest = {name: value for name, value in columns.items() if name != "contact_id"}
        if answer.code == UNIQUE and rest and len(rest) < len(columns):
            yield from self._edit([(write, rest)])
        else:
            yield refused(write, message, answer.names, self._columns)

    def _apply(self, edits: Sequence[Edit]) -> Query:
        listed = [
            {"id": write.native_id, "seen": write.seen.version, "changes": columns}
            for write, columns in edits
            if write.seen is not None
        ]
        return self._rest.function(APPLY, {"edits": listed})

    def _conditional_update(self, edit: Edit) -> Query:
        write, columns = edit
        seen = write.seen.version if write.seen is not None else ""
        update = self._rest.table(self._table).update(columns).eq("id", write.native_id).eq("updated_at", seen)
        return update.select(*selected(self._columns))

    def _unapplied(self, writes: Sequence[Write], *, unmoved: Status) -> Iterator[Outcome]:
        """What became of rows that took no edit: vanished, moved, or (nothing was sent) still as they were seen."""
        current = self._read([write.native_id for write in writes])
        for write in writes:
            row = current.get(write.native_id)
            outcome = settled(write, row, None, self._columns.fields)
            yield (
                outcome if outcome is not None else Outcome(write, unmoved, row if unmoved is Status.WRITTEN else None)
            )

    def _read(self, native_ids: Sequence[str]) -> dict[str, NativeRow]:
        found = rows_by_id(self._rest, self._table, selected(self._columns), native_ids)
        return self._by_id([row for page in found for row in page])

    def _by_id(self, rows: Sequence[Row]) -> dict[str, NativeRow]:
        return {row["id"]: native_row(row, self._columns, region=self._region) for row in rows}


class _NoFunction(Exception):
    """The project lacks our function, or has one that names columns which are no longer there."""


def _reason(answer: Answered) -> str:
    """Why a row was refused; any other error is raised as what it means."""
    error = meaning(answer)
    if isinstance(error, Refused):
        return error.message
    raise error from answer


def _acknowledged(write: Write, row: NativeRow | None) -> Outcome:
    if row is None:  # swallowed by a trigger, or hidden by row-level security
        return refused(write, "the database did not keep the row")
    return Outcome(write, Status.WRITTEN, row)


def _unknown(write: Write) -> Outcome:
    return Outcome(write, Status.UNKNOWN, message="it was sent and no answer came")


def _moved(write: Write) -> Outcome:
    return Outcome(write, Status.MOVED)
