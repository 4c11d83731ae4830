"""Supabase behind the protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from truth_forge_sync.mapping import Columns, mapping
from truth_forge_sync.systems.contacts_table import KEY_ORDER, chunks, native_row, tombstone
from truth_forge_sync.systems.ddl import TOMBSTONES
from truth_forge_sync.systems.protocol import Capabilities, NativeRow, Outcome, Right, Step, Window, Write, in_order
from truth_forge_sync.systems.supabase import reading
from truth_forge_sync.systems.supabase.rest import NAME, PRINT_SQL, NoTable, Rest
from truth_forge_sync.systems.supabase.rights import table_rights
from truth_forge_sync.systems.supabase.setup import missing_steps, read_status
from truth_forge_sync.systems.supabase.writing import BATCH, Writer

NO_TOMBSTONES = f"the table {TOMBSTONES} is not there: hard deletes are found by full sweeps only ({PRINT_SQL})"


class Supabase:
    """The contacts in ``table`` of the project at ``url``; ``key`` is its secret or service-role key, ``region`` the
    country of national phone numbers, ``columns`` what the fields are called there.

    Implements :class:`~truth_forge_sync.systems.protocol.System`. ``warnings`` says what the project lacks that we can
    do without, at a cost: without tombstones, hard deletes are found by full sweeps only.
    """

    name = NAME
    # A new row is stamped with the start of its transaction: somebody's longest import, generously.
    capabilities = Capabilities(
        read_page=reading.PAGE, write_batch=BATCH, settle=timedelta(minutes=5), normalises=(KEY_ORDER,)
    )

    def __init__(self, url: str, key: str, *, table: str, region: str, columns: Columns | None = None) -> None:
        self.warnings: list[str] = []
        self.requests = 0
        self._rest = Rest(url, key, on_request=self._count)
        self._table = table
        self._region = region
        self._columns = columns or mapping().columns(NAME)
        self._there: Columns | None = None
        self._tells_marker = True

    @property
    def clock_offset(self) -> timedelta:
        """By the clock of the server that answers, which stands for its database's."""
        return self._rest.clock.offset

    def fields(self) -> frozenset[str]:
        return self._found_columns().fields

    def marker(self) -> str:
        if self._tells_marker:
            if (marker := reading.marker(self._rest)) is not None:
                return marker
            self._tells_marker = False
        live = reading.newest(self._rest, self._table, "updated_at")
        try:
            return f"{live}|{reading.newest(self._rest, TOMBSTONES, 'deleted_at')}"
        except NoTable:
            self._warn(NO_TOMBSTONES)
            return live

    def read_changed(self, window: Window) -> Iterator[Sequence[NativeRow]]:
        columns = self._found_columns()
        empty = True
        for page in reading.pages(self._rest, self._table, reading.selected(columns), "updated_at", window):
            empty = False
            yield [native_row(row, columns, region=self._region) for row in page]
        if empty and window == Window():
            status = read_status(self._rest)
            reading.check_emptiness(self._rest, self._table, status["sees_all"] if status else None)
        try:
            for page in reading.pages(self._rest, TOMBSTONES, reading.TOMBSTONE_COLUMNS, "deleted_at", window):
                yield [tombstone(row) for row in page]
        except NoTable:
            self._warn(NO_TOMBSTONES)

    def read_by_id(self, native_ids: Sequence[str]) -> Iterator[Sequence[NativeRow]]:
        columns = self._found_columns()
        for page in reading.rows_by_id(self._rest, self._table, reading.selected(columns), native_ids):
            yield [native_row(row, columns, region=self._region) for row in page]

    def write(self, writes: Sequence[Write]) -> Iterator[Outcome]:
        writer = Writer(self._rest, self._table, self._found_columns(), region=self._region)
        for batch in chunks(in_order(writes), BATCH):
            yield from writer.write(batch)
        if writer.warning:
            self._warn(writer.warning)

    def init(self, *, dry_run: bool = False) -> Iterator[Step]:
        """The steps that are left for a person, dry run or not (see :func:`~.setup.setup_sql`)."""
        self._there = None
        yield from missing_steps(self._rest, self._table, self._columns)

    def rights(self) -> Iterator[Right]:
        yield from table_rights(self._rest, self._table)

    def close(self) -> None:
        self._rest.close()

    def _found_columns(self) -> Columns:
        if self._there is None:
            self._there = reading.find_columns(self._rest, self._table, self._columns)
        return self._there

    def _count(self) -> None:
        self.requests += 1

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)
