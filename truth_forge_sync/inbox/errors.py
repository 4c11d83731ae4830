"""Errors: values that a system refused, which wait to be offered again (law 10), and values that could not be read.

A refused value is offered again by itself, after a while that doubles each time; *retry* makes the next cycle do so. A
value that could not be read is read again whenever its row changes: only a person can correct it, where it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import pyarrow as pa

from truth_forge_sync.errors import Stop
from truth_forge_sync.hub.hub import Hub, new_id
from truth_forge_sync.inbox.asked import found, rows_asked

CHOSEN_ERRORS = pa.schema([("error_id", pa.string())])

LISTED_BY = "errors list --all"

REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Parked:
    """A row of ``sync_errors`` (schema.sql). ``name`` is the contact's; ``value`` is what was refused (None: an
    erasure, or a value that could not be read); ``message`` are the system's own words, or what was expected."""

    error_id: str
    system: str
    contact_id: str | None
    name: str | None
    native_id: str | None
    field: str | None
    path: str | None
    value: str | None
    kind: str
    message: str
    attempts: int
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    status: str
    created_at: datetime


def errors(hub: Hub, *, everything: bool = False) -> list[Parked]:
    """Those that wait, newest first; with ``everything`` also those that are resolved."""
    return [_parked(row) for row in hub.rows("errors", asked=None, everything=everything)]


def retry(hub: Hub, error_ids: Sequence[str]) -> list[Parked]:
    """Offer these values again in the next cycle; as they were.

    Raises Stop, before any is touched, where one is unknown, resolved, or a value that could not be read.
    """
    rows = rows_asked(hub, "errors", error_ids, everything=True)
    chosen = [_parked(row) for row in found(rows, error_ids, key="error_id", what="error", listed_by=LISTED_BY)]
    for one in chosen:
        if one.status == "resolved":
            raise Stop(f"error {one.error_id} is resolved", remedy="list those that wait: errors list")
        if one.kind != REFUSED:
            raise Stop(
                one.message,
                system=one.system,
                native_id=one.native_id,
                field=one.field,
                remedy="correct the value there: it is read again by itself",
            )
    hub.record("errors_retry", CHOSEN_ERRORS, [{"error_id": one.error_id} for one in chosen], batch=new_id())
    return chosen


def retry_all(hub: Hub) -> list[Parked]:
    """Offer every refused value again in the next cycle; as they were."""
    with hub.engine.session():
        chosen = [one for one in errors(hub) if one.kind == REFUSED]
        hub.run("errors_retry", batch=None)
    return chosen


def _parked(row: Mapping[str, Any]) -> Parked:
    return Parked(**{field.name: row[field.name] for field in fields(Parked)})
