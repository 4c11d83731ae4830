"""The first sync of a system full of contacts into three empty ones, against a bare loop without the engine.

The loop reads with the same connector, in the same pages, loads the hub's table with what it read, and creates the
same rows in the same batches through the same connectors: no bases, no intents, no plan, no acknowledgement, no
Dagster. What is left between the two is what it costs to do it safely. Each side is a process of its own on stand-ins
of its own, so that neither finds anything cached; the clock runs from the first read to the last answer.
"""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from benchmarks.people import contacts
from benchmarks.result import Result, Sizes
from benchmarks.servers import Servers, servers
from truth_forge_sync.sandbox.native import twenty_client
from truth_forge_sync.sandbox.seeding import sow_database, sow_twenty
from truth_forge_sync.settings import SystemName
from truth_forge_sync.systems import open_system
from truth_forge_sync.systems.protocol import NativeRow, Status, System, Window, Write, WriteKind

TARGET = 1.5

Side = Callable[[Servers, SystemName, int], float]
"""Systems, which of them is full, and of how many contacts → seconds. Runs in a process of its own."""


def from_supabase(sizes: Sizes) -> Sequence[Result]:
    return _first_sync("supabase", sizes.contacts)


def from_twenty(sizes: Sizes) -> Sequence[Result]:
    return _first_sync("twenty", sizes.contacts)


def _first_sync(source: SystemName, count: int) -> list[Result]:
    bare, synced = (_in_a_process(side, source, count) for side in (_bare_loop, _sync))
    what = f"first sync of {count:,} contacts from {source.capitalize()}"
    return [Result(what, synced, "s", TARGET, bare, "the bare loop")]


def _in_a_process(side: Side, source: SystemName, count: int) -> float:
    with servers() as made:
        _sow(made, source, count)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            seconds: float = pool.submit(side, made, source, count).result()
    return seconds


def _sow(made: Servers, source: SystemName, count: int) -> None:
    if source == "twenty":
        with twenty_client(made.settings) as client:
            sow_twenty(client, contacts(count))
    else:
        engine = sa.create_engine(made.postgres_url)
        sow_database(engine, contacts(count))
        engine.dispose()


# The two sides


def _sync(made: Servers, source: SystemName, count: int) -> float:
    """Seconds of one run of the job, and a look whether it did what it should."""
    from dagster import DagsterInstance

    from benchmarks.run import run
    from truth_forge_sync.hub.engine import open_engine

    settings = made.settings
    for name in set(settings.configured) - {"bigquery"}:
        open_system(name, settings).close()  # what it imports
    with ExitStack() as stack:
        instance = stack.enter_context(DagsterInstance.ephemeral())
        engine = stack.enter_context(closing(open_engine(settings)))
        began = time.monotonic()
        report = run(settings, engine, instance)
        seconds = time.monotonic() - began
    created = {name: system.created for name, system in report.systems.items() if name != source}
    if set(created.values()) != {count}:
        raise RuntimeError(f"the first sync made {created}, not {count} each")
    return seconds


def _bare_loop(made: Servers, source: SystemName, count: int) -> float:
    import duckdb

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        systems: dict[SystemName, System] = {
            name: stack.enter_context(closing(open_system(name, made.settings)))
            for name in made.settings.configured
            if name != "bigquery"
        }
        hub = stack.enter_context(duckdb.connect(str(folder / "hub.duckdb")))
        began = time.monotonic()
        rows = [row for page in systems.pop(source).read_changed(Window()) for row in page]
        loaded = [_record(row) for row in rows]
        _load(hub, loaded)
        for system in systems.values():
            _create(system, loaded)
        seconds = time.monotonic() - began
    if len(rows) != count:
        raise RuntimeError(f"the bare loop read {len(rows)} rows, not {count}")
    return seconds


def _record(row: NativeRow) -> dict[str, Any]:
    return {"contact_id": str(uuid.uuid4()), "values": dict(row.values)}


def _load(hub: Any, records: Sequence[dict[str, Any]]) -> None:
    """A column a path, as somebody would who only wants the table."""
    paths = sorted({path for record in records for path in record["values"]})
    columns = {"contact_id": [record["contact_id"] for record in records]}
    columns |= {path: [record["values"].get(path) for record in records] for path in paths}
    hub.register("loaded", pa.table(columns))
    hub.execute("CREATE TABLE contacts_master AS SELECT * FROM loaded")


def _create(system: System, records: Sequence[dict[str, Any]]) -> None:
    size = system.capabilities.write_batch
    for start in range(0, len(records), size):
        batch = [
            Write(WriteKind.CREATE, record["contact_id"], record["contact_id"], record["values"])
            for record in records[start : start + size]
        ]
        if any(outcome.status is not Status.WRITTEN for outcome in system.write(batch)):
            raise RuntimeError(f"{system.name} did not take everything")
