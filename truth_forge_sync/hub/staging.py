"""How rows get into the hub: written to a Parquet file page by page, then loaded as one new table, all or nothing.

Memory holds one page, whatever the table's size; a read that fails leaves no trace in the hub.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from truth_forge_sync.contact import DELETED, PRESENT
from truth_forge_sync.hub.engine import Engine
from truth_forge_sync.systems.protocol import NativeRow, Outcome, WriteKind

_TIMESTAMP = pa.timestamp("us", tz="UTC")


def _structs(*names: str) -> pa.DataType:
    return pa.list_(pa.struct([(name, pa.string()) for name in names]))


STAGED = pa.schema(
    [
        ("system", pa.string()),
        ("native_id", pa.string()),
        ("own_contact_id", pa.string()),
        ("version", pa.string()),
        ("changed_at", _TIMESTAMP),
        ("read_at", _TIMESTAMP),
        ("deleted", pa.bool_()),
        ("gone", pa.bool_()),
        ("fields", _structs("path", "value", "sent")),
        ("unread", _structs("field", "reason")),
    ]
)
"""A native row as one pull saw it. ``read_at``: when the page was asked for, by our clock. ``fields``: in the order and
shape of ``sync_bases.held``, so that a row which is as we know it is told at a glance."""

OUTCOMES = pa.schema(
    [
        ("intent_id", pa.string()),
        ("system", pa.string()),
        ("contact_id", pa.string()),
        ("native_id", pa.string()),
        ("kind", pa.string()),
        ("status", pa.string()),
        ("version", pa.string()),
        ("own_contact_id", pa.string()),
        ("changed_at", _TIMESTAMP),
        ("answered_at", _TIMESTAMP),
        ("stored", _structs("path", "value", "sent")),
        ("field", pa.string()),
        ("message", pa.string()),
    ]
)
"""What became of an intent, or of a part of it. ``stored``: for each path of the write, what the system says it holds
now, and what we sent ('' for an erasure)."""


def staged_record(
    system: str, row: NativeRow, *, read_at: datetime, clock_offset: timedelta = timedelta(0)
) -> dict[str, Any]:
    """A native row as a record of :data:`STAGED`. Its stamp is told by our clock, which the system's is ahead of by
    ``clock_offset``; a stamp of the future counts as ``read_at`` (DESIGN section 2)."""
    return {
        "system": system,
        "native_id": row.native_id,
        "own_contact_id": row.contact_id,
        "version": row.version,
        "changed_at": min(row.changed_at - clock_offset, read_at),
        "read_at": read_at,
        "deleted": row.deleted,
        "gone": row.gone,
        "fields": [{"path": path, "value": value} for path, value in sorted(row.values.items())],
        "unread": [{"field": unread.field, "reason": unread.reason} for unread in row.unread],
    }


_KIND_AS_CHANGE: dict[WriteKind, dict[str, str | None]] = {
    WriteKind.DELETE: {DELETED: PRESENT},
    WriteKind.RESTORE: {DELETED: None},
}
"""To the engine, whether a row is deleted is a path like any other."""


def outcome_record(intent_id: str, system: str, outcome: Outcome, *, answered_at: datetime) -> dict[str, Any]:
    """An outcome as a record of :data:`OUTCOMES`."""
    write, row = outcome.write, outcome.row
    changes = {**write.changes, **_KIND_AS_CHANGE.get(write.kind, {})}
    held = dict(row.values) if row else {}
    if row and row.deleted:
        held[DELETED] = PRESENT
    return {
        "intent_id": intent_id,
        "system": system,
        "contact_id": write.contact_id,
        "native_id": row.native_id if row else write.native_id,
        "kind": write.kind.value,
        "status": outcome.status.value,
        "version": row.version if row else None,
        "own_contact_id": row.contact_id if row else None,
        "changed_at": row.changed_at if row else None,
        "answered_at": answered_at,
        "stored": [{"path": path, "value": held.get(path), "sent": wanted or ""} for path, wanted in changes.items()],
        "field": outcome.field,
        "message": outcome.message or None,
    }


class ParquetPages:
    """A Parquet file that grows page by page; ``rows`` counts them."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.rows = 0
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")

    def append(self, records: Sequence[Mapping[str, Any]]) -> None:
        if records:
            self._writer.write_table(pa.Table.from_pylist(list(records), schema=self._schema))
            self.rows += len(records)

    def close(self) -> None:
        self._writer.close()


@contextmanager
def staging(engine: Engine, table: str, schema: pa.Schema) -> Iterator[ParquetPages]:
    """Collect pages, then load them as ``table`` when the block ends well and any row came; else nothing happens."""
    with tempfile.TemporaryDirectory(prefix="truth-forge-") as folder:
        path = Path(folder) / "pages.parquet"
        pages = ParquetPages(path, schema)
        try:
            yield pages
        finally:
            pages.close()
        if pages.rows:
            engine.load(table, schema, path)
