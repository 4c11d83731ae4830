"""A hub with any number of contacts that three systems hold alike, and nothing that waits.

The engine makes the first few thousand of them, from staged batches; SQL multiplies those (multiply.sql). No system
stands behind them: what is measured on it are the hub's statements alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.plain_engine import PlainEngine
from truth_forge_sync.contact import FIELD
from truth_forge_sync.hub.hand_edits import HUB
from truth_forge_sync.hub.hub import BATCH_MANIFEST, Hub, new_id
from truth_forge_sync.hub.statements import render
from truth_forge_sync.sync.reconcile import Reconciled, reconcile
from truth_forge_sync.sync.rules import Rules

SYSTEMS: Final = ("twenty", "supabase", "local")

_BY_ENGINE: Final = 10_000
"""Contacts that the engine makes, at most."""

_FIRST_ROWS: Final = Path(__file__).with_name("first_rows.sql")
_MULTIPLY: Final = Path(__file__).with_name("multiply.sql")


@contextmanager
def large_hub(contacts: int, *, by_engine: int = _BY_ENGINE) -> Iterator[PlainEngine]:
    """Gone after the block. A few ``contacts`` are left out where they are no multiple of what the engine makes."""
    with tempfile.TemporaryDirectory(prefix="truth_forge_bench_") as folder:
        engine = PlainEngine(Path(folder) / "hub.duckdb", "identity")
        Hub(engine).init()
        times = -(-contacts // by_engine)
        _fill(engine, contacts // times)
        if times > 1:
            _multiply(engine, times)
        yield engine


def reconcile_hub(engine: PlainEngine) -> Reconciled:
    return reconcile(Hub(engine), Rules((HUB, *SYSTEMS)))


def stage(engine: PlainEngine, system: str, rows: str, **values: Any) -> str:
    """Leave the rows of a SELECT as a pull would; the id of the batch. ``values`` are for its ``$names``, besides
    ``$system`` and ``$read_at``."""
    batch, read_at = new_id(), datetime.now(UTC)
    table = f"identity.sync_staged_{batch}"
    engine.plain(f"CREATE TABLE {table} AS {rows}", {"system": system, "read_at": read_at, **values})
    ((count,),) = engine.plain(f"SELECT count(*) FROM {table}")
    manifest = {
        "system": system,
        "row_count": count,
        "live": True,
        "complete": False,
        "fields": sorted(FIELD),
        "marker": batch,
        "marker_since": read_at,
        "watermark": read_at,
        "read_at": read_at,
        "requests": 0,
        "seconds": 0.0,
    }
    Hub(engine).record("batch", BATCH_MANIFEST, [manifest], batch=batch)
    return batch


def _fill(engine: PlainEngine, contacts: int) -> None:
    for system in SYSTEMS:
        stage(engine, system, _FIRST_ROWS.read_text(), count=contacts)
    if reconcile_hub(engine).created != contacts:
        raise RuntimeError("three systems that hold the same contacts were not taken for that")


def _multiply(engine: PlainEngine, times: int) -> None:
    engine.plain(_MULTIPLY.read_text().replace("TIMES", str(times)))
    # Rows that nobody published are edits by hand, until what they are is noted as what was published.
    (edits,) = render("hand_edits", dataset=engine.dataset, count_only=False)
    publish = f"""
        UPDATE {engine.dataset}.sync_bases SET version = edits.version_now FROM ({edits}) AS edits
        WHERE sync_bases.system = '{HUB}' AND sync_bases.native_id = edits.contact_id
    """
    engine.script([publish])
