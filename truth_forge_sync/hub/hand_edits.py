"""BigQuery as a system: what people and pipelines edit in ``contacts_master`` by SQL.

No stamp is trusted to say what changed: the table is compared with what the hub last published, row by row, by digest.
The other direction, publishing, is part of carrying out a plan (apply.sql), so there is nothing to write here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from truth_forge_sync.contact import FIELD, to_paths
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.systems.protocol import Capabilities, NativeRow, Outcome, Step, Window, Write

HUB = "bigquery"
"""The hub's name as a system."""


class HandEdits:
    """The readable side of the hub. ``region``: country of national phone numbers."""

    name = HUB
    capabilities = Capabilities(read_page=1_000, write_batch=1_000, settle=timedelta(0), reads_all=False)
    clock_offset = timedelta(0)

    def __init__(self, hub: Hub, *, region: str) -> None:
        self._hub = hub
        self._region = region

    @property
    def requests(self) -> int:
        return self._hub.engine.statements

    def fields(self) -> frozenset[str]:
        return frozenset(FIELD)

    def marker(self) -> str:
        """When the table was modified, where the engine tells for free; else what differs from the published rows, and
        what people asked for by command."""
        modified = self._hub.engine.modified("contacts_master")
        if modified is not None:
            return modified
        (edits,) = self._hub.rows("hand_edits", count_only=True)
        return f"{edits['commands']} {edits['edits']} {edits['least'] or ''} {edits['greatest'] or ''}".strip()

    def read_changed(self, window: Window) -> Iterator[Sequence[NativeRow]]:
        """Rows that differ from what was published; the window does not matter, since no stamp does."""
        now = datetime.now(UTC)
        rows = self._hub.stream("hand_edits", count_only=False)
        while page := list(islice(rows, self.capabilities.read_page)):
            if any(row["contact_id"] is None and row["known_id"] is None for row in page):
                self._hub.run("name_contacts")
                rows = self._hub.stream("hand_edits", count_only=False)
                continue
            yield [self._native(row, now) for row in page]

    def read_by_id(self, native_ids: Sequence[str]) -> Iterator[Sequence[NativeRow]]:
        return iter(())

    def write(self, writes: Sequence[Write]) -> Iterator[Outcome]:
        return iter(())

    def init(self, *, dry_run: bool = False) -> Iterator[Step]:
        if not dry_run:
            self._hub.init()
        yield Step(HUB, f"dataset {self._hub.engine.dataset} with the hub's tables", not dry_run)

    def close(self) -> None:
        self._hub.close()

    def _native(self, row: Mapping[str, Any], now: datetime) -> NativeRow:
        if row["contact_id"] is None:
            return NativeRow(row["known_id"], row["known_id"], "", now, {}, deleted=True, gone=True)
        values, unread = to_paths(row, region=self._region)
        return NativeRow(
            native_id=row["contact_id"],
            contact_id=row["contact_id"],
            version=row["version_now"],
            changed_at=_stamp(row, now),
            values=values,
            deleted=row["deleted_at"] is not None,
            unread=unread,
        )


def _stamp(row: Mapping[str, Any], now: datetime) -> datetime:
    """The row's own stamp where somebody moved it since we published; else the edit is as new as our look at it."""
    updated_at: datetime | None = row["updated_at"] or row["created_at"]
    published_at: datetime | None = row["published_at"]
    if row["known_id"] is None:
        return updated_at or now
    return updated_at if updated_at and published_at and updated_at > published_at else now
