"""Pull: read what changed in one system and leave it in the hub as a staged batch (DESIGN law 1).

The read starts a little before the newest stamp seen so far, because a row may become visible later than its stamp
says. Whether there is anything to read is asked first, by the system's change marker. While it stands still nothing is
read, but for one more look once the system has settled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from truth_forge_sync.hub.hub import BATCH_MANIFEST, Cursor, Hub, new_id
from truth_forge_sync.hub.staging import STAGED, staged_record, staging
from truth_forge_sync.sync.crash import crash_point
from truth_forge_sync.systems.protocol import NativeRow, System, Window

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull did: ``rows`` read, ``requests`` sent, ``seconds`` taken; ``batch_id`` where it staged any."""

    system: str
    rows: int
    requests: int
    seconds: float
    batch_id: str | None = None
    marker: str | None = None
    """The change marker that the system was read under; None for a backfill."""


def pull(hub: Hub, system: System, *, window: Window | None = None, clock: Clock = utc_now) -> Pulled:
    """Stage what changed since the cursor, or all rows of ``window`` (a backfill, which leaves the cursor alone).

    Raises the system's errors; then nothing is staged and the cursor stays.
    """
    began, requests = monotonic(), system.requests
    batch_id = marker = None
    rows = 0
    if window is not None:
        hub.claim()
        rows, batch_id = _stage(hub, system, window, None, clock)
    else:
        cursor = hub.state().cursors.get(system.name)
        read_at = clock()
        marker = system.marker()
        if _is_due(system, cursor, marker, read_at):
            hub.claim()
            cursor = hub.state().cursors.get(system.name)
            since = cursor.watermark - system.capabilities.settle if cursor and cursor.watermark else None
            same = cursor is not None and cursor.marker == marker
            position = Cursor(marker, cursor.marker_since if cursor and same else read_at, None, read_at)
            rows, batch_id = _stage(hub, system, Window(since=since), position, clock)
    return Pulled(system.name, rows, system.requests - requests, monotonic() - began, batch_id, marker)


def _is_due(system: System, cursor: Cursor | None, marker: str, now: datetime) -> bool:
    """The marker moved; or it stood still for as long as a late commit may take, and nobody has looked since."""
    if cursor is None or cursor.marker != marker or cursor.marker_since is None:
        return True
    settled_at = cursor.marker_since + system.capabilities.settle
    return cursor.read_at < settled_at <= now


def _stage(hub: Hub, system: System, window: Window, position: Cursor | None, clock: Clock) -> tuple[int, str | None]:
    """Load the rows, then the manifest that makes them a batch; ``position`` is where the cursor would move to."""
    began, requests = monotonic(), system.requests
    batch_id = new_id()
    read_at = position.read_at if position else clock()
    watermark: datetime | None = None
    with staging(hub.engine, f"sync_staged_{batch_id}", STAGED) as pages:
        for asked_at, page in _timed(system.read_changed(window), clock):
            offset = system.clock_offset
            pages.append([staged_record(system.name, row, read_at=asked_at, clock_offset=offset) for row in page])
            # A stamp of the future must not carry the cursor past rows that are yet to come.
            stamps = [min(row.changed_at, read_at + offset) for row in page]
            watermark = max([*stamps, *([watermark] if watermark else [])], default=None)
    complete = system.capabilities.reads_all and window == Window()
    if not (pages.rows or position or complete):
        return 0, None
    crash_point(f"pull.{system.name}.loaded")
    record = _manifest(system, pages.rows, read_at) | {
        "live": position is not None,
        "complete": complete,
        "marker": position and position.marker,
        "marker_since": position and position.marker_since,
        "watermark": watermark,
        "requests": system.requests - requests,
        "seconds": monotonic() - began,
    }
    hub.record("batch", BATCH_MANIFEST, [record], batch=batch_id)
    return pages.rows, batch_id


def stage_rows(hub: Hub, system: System, rows: Sequence[NativeRow], *, read_at: datetime) -> None:
    """Stage rows that were found outside a pull, such as a row that a push found gone."""
    batch_id = new_id()
    with staging(hub.engine, f"sync_staged_{batch_id}", STAGED) as pages:
        pages.append(
            [staged_record(system.name, row, read_at=read_at, clock_offset=system.clock_offset) for row in rows]
        )
    hub.record("batch", BATCH_MANIFEST, [_manifest(system, len(rows), read_at)], batch=batch_id)


def vanished(native_id: str, *, since: datetime) -> NativeRow:
    """A row that is not there any more and left no trace, for :func:`stage_rows`. It may have gone any time since it
    was last known, so any edit made after ``since`` outlives it."""
    return NativeRow(native_id, None, "", since, {}, deleted=True, gone=True)


def _manifest(system: System, rows: int, read_at: datetime) -> dict[str, Any]:
    """What makes a batch of the rows that were loaded: from now on the next reconcile takes it."""
    return {
        "system": system.name,
        "row_count": rows,
        "live": False,
        "complete": False,
        "fields": sorted(system.fields()),
        "read_at": read_at,
        "requests": 0,
        "seconds": 0.0,
    }


def _timed(pages: Iterator[Sequence[NativeRow]], clock: Clock) -> Iterator[tuple[datetime, Sequence[NativeRow]]]:
    """Each page with the time at which it was asked for: what it shows is no older than that."""
    while True:
        asked_at = clock()
        page = next(pages, None)
        if page is None:
            return
        yield asked_at, page
