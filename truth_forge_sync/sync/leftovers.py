"""Scratch tables of cycles, pulls and pushes that a crash left behind, and that nothing takes up again.

BigQuery's expire after :data:`~truth_forge_sync.hub.engine.STAGED_FOR`; DuckDB's would stay for ever.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from truth_forge_sync.hub.hub import Hub, made_at, staged_tables

OLD: Final = timedelta(days=1)
"""Longer than any run takes."""

_OF_ONE_USE = re.compile(r"sync_\w+_(\d{8}T\d{6}_[0-9a-f]{8})")


def drop_leftovers(hub: Hub, now: datetime) -> None:
    """Drop the old ones. No cycle may be unfinished; what waits to be decided about stays."""
    waiting = set(staged_tables(hub.state().batches))
    found = {table: _OF_ONE_USE.fullmatch(table) for table in hub.engine.tables("sync_") - waiting}
    hub.engine.drop(table for table, of_one_use in found.items() if of_one_use and made_at(of_one_use[1]) < now - OLD)
