"""How long an edit takes from one system to all others, while ``dev`` or a daemon runs on the sandbox.

Edits are made one after the other, each in the next system. Another system is watched until it moves, and then every
system is read by its own API until all agree: to read all of them all the time would use up Twenty's requests, which
the sync needs. Reading takes its share of the machine, and of the time that is measured.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

from truth_forge_sync.errors import Stop
from truth_forge_sync.sandbox.compare import compare
from truth_forge_sync.sandbox.edit import make_edit
from truth_forge_sync.sandbox.native import read_natives
from truth_forge_sync.settings import Settings, SystemName

FIELDS = ("job_title", "city", "department", "nickname", "notes")

BETWEEN_LOOKS = 0.5
MOST_PAUSE = 5.0
"""Seconds: at random up to that long between two edits, so that they meet the sensors at any moment."""


@dataclass(frozen=True, slots=True)
class Lag:
    """One edit: in which system, of which field, and after how many seconds all others held it (None: not in time)."""

    system: SystemName
    field: str
    seconds: float | None


def measure(
    settings: Settings, edits: int, *, limit: float = 60.0, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Lag]:
    """One lag after the other; ``limit``: seconds to wait for each. Raises Stop where systems differ to begin with."""
    if differing := len(compare(settings).differences):
        raise Stop(f"{differing} contacts differ before the first edit", remedy="wait until all agree: sandbox compare")
    systems = [name for name in settings.configured if name != "bigquery"]
    for number in range(edits):
        sleep(random.uniform(0, MOST_PAUSE))
        system, field = systems[number % len(systems)], random.choice(FIELDS)
        watched: SystemName = "supabase" if system == "local" and "supabase" in systems else "local"
        before = _held(settings, watched, field)
        make_edit(settings, system=system, field=field)
        began = time.monotonic()
        seconds: float | None = None
        while seconds is None and time.monotonic() - began < limit:
            sleep(BETWEEN_LOOKS)
            if _held(settings, watched, field) != before and not compare(settings).differences:
                seconds = time.monotonic() - began
        yield Lag(system, field, seconds)


def _held(settings: Settings, system: SystemName, field: str) -> dict[str, Any]:
    return {native.native_id: native.fields[field] for native in read_natives(system, settings)}


def summary(lags: Sequence[Lag]) -> dict[str, float | int | None]:
    """Counts, and of those that arrived the median, 95th percentile and most, in seconds."""
    arrived = sorted(lag.seconds for lag in lags if lag.seconds is not None)
    cuts = quantiles(arrived, n=20, method="inclusive") if len(arrived) > 1 else arrived * 19
    return {
        "edits": len(lags),
        "arrived": len(arrived),
        "median_seconds": round(cuts[9], 1) if cuts else None,
        "p95_seconds": round(cuts[18], 1) if cuts else None,
        "most_seconds": round(arrived[-1], 1) if arrived else None,
    }
