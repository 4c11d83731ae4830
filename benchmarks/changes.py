"""The same change to contacts of a large hub, twice: reconciled by us, and by hand, in SQL written for it alone."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Final

from benchmarks.large_hub import SYSTEMS, reconcile_hub, stage
from benchmarks.plain_engine import PlainEngine

_EDITED_ROWS: Final = Path(__file__).with_name("edited_rows.sql")
_BY_HAND: Final = Path(__file__).with_name("by_hand.sql")


@dataclass(frozen=True, slots=True)
class Seconds:
    """That one change took."""

    reconciled: float
    by_hand: float


class Changes:
    """One after the other, each to other contacts."""

    def __init__(self, engine: PlainEngine) -> None:
        self.engine = engine
        self._edits = count(1)

    def reconcile(self, contacts: int) -> float:
        """Seconds that it takes when so many contacts were edited in one system."""
        self.edit(contacts)
        return self._reconciled(contacts)

    def both_ways(self, contacts: int) -> Seconds:
        """By hand on a copy of the hub."""
        batch = self.edit(contacts)
        with tempfile.TemporaryDirectory(prefix="truth_forge_bench_") as folder:
            by_hand = carry_out_by_hand(PlainEngine(Path(shutil.copy(self.engine.path, folder)), "identity"), batch)
        return Seconds(self._reconciled(contacts), by_hand)

    def edit(self, contacts: int) -> str:
        """Stage an edit of so many contacts; its batch."""
        rows = _EDITED_ROWS.read_text()
        return stage(self.engine, SYSTEMS[0], rows, edit=str(next(self._edits)), count=contacts)

    def _reconciled(self, contacts: int) -> float:
        began = monotonic()
        reconciled = reconcile_hub(self.engine)
        seconds = monotonic() - began
        if reconciled.updated != contacts:
            raise RuntimeError(f"{reconciled.updated} contacts were updated, not {contacts}")
        return seconds


def carry_out_by_hand(engine: PlainEngine, batch: str) -> float:
    """Seconds that it takes."""
    script = _BY_HAND.read_text().replace("STAGED", f"sync_staged_{batch}").replace("BATCH", batch)
    began = monotonic()
    engine.plain(script)
    return monotonic() - began
