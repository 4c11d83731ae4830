"""The local database behind the protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import sqlalchemy as sa

from truth_forge_sync.mapping import Columns, mapping
from truth_forge_sync.systems.clock import ClockOffset
from truth_forge_sync.systems.contacts_table import KEY_ORDER, chunks, native_row, tombstone
from truth_forge_sync.systems.local import reading
from truth_forge_sync.systems.local.engine import NAME, open_engine, talking
from truth_forge_sync.systems.local.rights import table_rights
from truth_forge_sync.systems.local.setup import set_up
from truth_forge_sync.systems.local.table import ContactsTable, inspect_table
from truth_forge_sync.systems.local.writing import BATCH, write_batch
from truth_forge_sync.systems.protocol import Capabilities, NativeRow, Outcome, Right, Step, Window, Write, in_order


class Local:
    """The contacts of the database at an SQLAlchemy ``url``; ``region`` is the country of national phone numbers,
    ``columns`` what the fields are called there.

    Implements :class:`~truth_forge_sync.systems.protocol.System`. ``requests`` counts statements.
    """

    name = NAME
    # A new row is stamped with the start of its transaction: somebody's longest import, generously.
    capabilities = Capabilities(
        read_page=reading.PAGE,
        write_batch=BATCH,
        settle=timedelta(minutes=5),
        normalises=(f"{KEY_ORDER} (in PostgreSQL, not in SQLite)",),
    )

    def __init__(self, url: str, *, region: str, columns: Columns | None = None) -> None:
        self.requests = 0
        self._columns = columns or mapping().columns(NAME)
        self._region = region
        self._engine = open_engine(url)
        self._table: ContactsTable | None = None
        self._clock = ClockOffset(timedelta(milliseconds=1))
        sa.event.listen(self._engine, "before_cursor_execute", self._count)

    @property
    def clock_offset(self) -> timedelta:
        """As told along with the marker and the pages of a read; of SQLite, which has our own clock, zero."""
        return self._clock.offset

    def fields(self) -> frozenset[str]:
        return self._found().columns.fields

    def marker(self) -> str:
        with talking(), self._engine.connect() as connection:
            return reading.read_marker(connection, self._clock)

    def read_changed(self, window: Window) -> Iterator[Sequence[NativeRow]]:
        table = self._found()
        for page in reading.pages(self._engine, table.everything, table.contacts, "updated_at", window, self._clock):
            yield [native_row(row, table.columns, region=self._region) for row in page]
        buried = table.tombstones
        for page in reading.pages(self._engine, sa.select(buried), buried, "deleted_at", window, self._clock):
            yield [tombstone(row) for row in page]

    def read_by_id(self, native_ids: Sequence[str]) -> Iterator[Sequence[NativeRow]]:
        table = self._found()
        for chunk in chunks(native_ids, reading.IDS):
            with talking(), self._engine.connect() as connection:
                rows = reading.rows_by_id(connection, table, chunk)
            if rows:
                yield [native_row(row, table.columns, region=self._region) for row in rows]

    def write(self, writes: Sequence[Write]) -> Iterator[Outcome]:
        table = self._found()
        for batch in chunks(in_order(writes), BATCH):
            yield from write_batch(self._engine, table, batch, region=self._region)

    def init(self, *, dry_run: bool = False) -> Iterator[Step]:
        yield from set_up(self._engine, self._columns, dry_run=dry_run)
        self._table = None

    def rights(self) -> Iterator[Right]:
        yield from table_rights(self._engine, self._clock)

    def close(self) -> None:
        self._engine.dispose()

    def _found(self) -> ContactsTable:
        """The table as it is, looked at once."""
        if self._table is None:
            with talking(), self._engine.connect() as connection:
                self._table = inspect_table(connection, self._columns)
        return self._table

    def _count(self, *_: object) -> None:
        self.requests += 1
