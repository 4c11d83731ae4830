"""The hub as the sync uses it: where it stands, what waits in it, and the named statements that move it.

One unit of work is one method here and one job on BigQuery.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from truth_forge_sync.hub.engine import Engine
from truth_forge_sync.hub.lease import Kept
from truth_forge_sync.hub.statements import declared_tables, render

_TIMESTAMP = pa.timestamp("us", tz="UTC")

BATCH_MANIFEST = pa.schema(
    [
        ("system", pa.string()),
        ("row_count", pa.int64()),
        ("live", pa.bool_()),
        ("complete", pa.bool_()),
        ("fields", pa.list_(pa.string())),
        ("marker", pa.string()),
        ("marker_since", _TIMESTAMP),
        ("watermark", _TIMESTAMP),
        ("read_at", _TIMESTAMP),
        ("requests", pa.int64()),
        ("seconds", pa.float64()),
    ]
)

SYSTEMS_MANIFEST = pa.schema(
    [
        ("system", pa.string()),
        ("rank", pa.int64()),
        ("fields", pa.list_(pa.string())),
        ("active", pa.bool_()),
        ("due", pa.bool_()),
    ]
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a system is read; see ``sync_cursors`` in schema.sql."""

    marker: str | None
    marker_since: datetime | None
    watermark: datetime | None
    read_at: datetime
    cycle_id: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A staged batch that no cycle has taken yet."""

    batch_id: str
    system: str
    row_count: int
    fields: frozenset[str]
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Registered:
    """A system as the last cycle knew it. ``rank`` 1 wins ties; ``due``: every contact is to be decided about again."""

    rank: int
    fields: frozenset[str]
    active: bool
    due: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """What waits of one system: ``contacts`` with losses that the brake holds, ``rejected`` changes to be written back,
    ``frozen`` changes to and fro, and how many of these have waited long enough (``releases``)."""

    contacts: int = 0
    rejected: int = 0
    frozen: int = 0
    releases: int = 0


@dataclass(frozen=True, slots=True)
class Sweep:
    """What the last complete comparison found: living contacts, and how many of them were equal everywhere."""

    cycle_id: str
    compared: int
    aligned: int


@dataclass(frozen=True, slots=True)
class HubState:
    """See state.sql. ``open_intents``: per system the writes that it lacks, by kind; ``edits``: made by command and
    not yet taken; ``refusals``: refused values, of which ``refusals_due`` are to be tried again; ``parked``: per system
    the values that were refused or can't be read; ``conflicts`` and ``reviews``: those that nobody has dealt with;
    ``merges``: those (and unmerges) that were interrupted, with how far they are."""

    systems: Mapping[str, Registered] = field(default_factory=dict)
    cursors: Mapping[str, Cursor] = field(default_factory=dict)
    batches: Sequence[Waiting] = ()
    unfinished: Sequence[str] = ()
    last_cycle: str | None = None
    open_intents: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    edits: int = 0
    refusals: int = 0
    refusals_due: int = 0
    parked: Mapping[str, int] = field(default_factory=dict)
    conflicts: int = 0
    reviews: int = 0
    holds: Mapping[str, Held] = field(default_factory=dict)
    last_sweep: Sweep | None = None
    merges: Mapping[str, str] = field(default_factory=dict)


class Hub:
    """The named statements of ``hub/sql`` on one engine. The state is read once and kept until something moves it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._state: HubState | None = None
        self._lease: Kept | None = None

    # -- reading -----------------------------------------------------------------------------------------------------

    def rows(self, name: str, **identifiers: Any) -> list[dict[str, Any]]:
        """The rows of a statement file that holds one SELECT."""
        (statement,) = self._render(name, **identifiers)
        rows: list[dict[str, Any]] = self.engine.query(statement).to_pylist()
        return rows

    def stream(self, name: str, **identifiers: Any) -> Iterator[dict[str, Any]]:
        (statement,) = self._render(name, **identifiers)
        for batch in self.engine.stream(statement):
            yield from batch.to_pylist()

    def parts(self, name: str) -> dict[str, list[Any]]:
        """The items of a statement file whose rows are JSON named for the part that they belong to."""
        parts: dict[str, list[Any]] = defaultdict(list)
        for row in self.rows(name):
            parts[row["part"]].append(json.loads(row["item"] or "null"))
        return parts

    def state(self) -> HubState:
        if self._state is None:
            self._state = state_of(self.parts("state"))
        return self._state

    def other_holder(self) -> str | None:
        """The other installation that is at work on the hub now, if one is."""
        return self.engine.lease.other_holder() if self.engine.lease else None

    # -- moving ------------------------------------------------------------------------------------------------------

    def claim(self) -> None:
        """Before a pull reads, a cycle is decided, or a push writes: from now on until :meth:`close`, no other machine
        does. Raises Retry where another one is at it."""
        if self._lease:
            self._lease.check()
        elif self.engine.lease:
            self._lease = Kept(self.engine.lease)
            self._state = None  # another one may have moved it until now

    def close(self) -> None:
        """Give back the lease, and close the engine; either may be used again."""
        if self._lease:
            self._lease.release()
            self._lease = None
        self.engine.close()

    def run(self, *names: str, **identifiers: Any) -> None:
        """The statements of these files, in order, as one script."""
        self._state = None
        self.engine.script([statement for name in names for statement in self._render(name, **identifiers)])

    def init(self) -> None:
        """Create the dataset and what is missing in it, columns of older tables included."""
        with self.engine.session():
            self.engine.create_dataset()
            self.run("schema")
            for table, types in declared_tables(self.engine.dataset).items():
                there = self.engine.columns(table)
                if missing := [name for name in types if name not in there]:
                    self.run("columns", table=table, missing=missing, types=types)

    def record(self, name: str, manifest: pa.Schema, records: Iterable[Mapping[str, Any]], **identifiers: Any) -> None:
        """Load a small manifest, then run the file that takes it in. ``identifiers`` must name its ``batch``."""
        with tempfile.TemporaryDirectory(prefix="truth-forge-") as folder:
            path = Path(folder) / "manifest.parquet"
            pq.write_table(pa.Table.from_pylist([dict(record) for record in records], schema=manifest), path)
            with self.engine.session():
                table = f"sync_manifest_{identifiers['batch']}"
                self.engine.load(table, manifest, path)
                self.run(name, **identifiers)
                self.engine.drop([table])

    def _render(self, name: str, **identifiers: Any) -> Sequence[str]:
        return render(name, dataset=self.engine.dataset, **identifiers)


def new_id() -> str:
    """An id that sorts by time and is a plain identifier: ``20261123T004725_1a2b3c4d`` (microseconds, then chance)."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%S}_{now.microsecond:05x}{uuid4().hex[:3]}"


def made_at(made: str) -> datetime:
    """When an id of :func:`new_id` was made, to the second."""
    return datetime.strptime(made[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def day_before(made: str) -> str:
    """A day before an id of :func:`new_id` was made, in microseconds since 1970: nothing that goes by it is recorded
    earlier, however far the hub's clock is from ours. A constant in a statement, it bounds the days that are read."""
    return str(int((made_at(made) - timedelta(days=1)).timestamp()) * 1_000_000)


def wide(number: int) -> str:
    """A number that differs each time, for a placeholder: with leading zeros, so that the statement keeps its shape
    (:mod:`truth_forge_sync.hub.dialect`)."""
    return f"{number:016}"


def state_of(parts: Mapping[str, Sequence[Any]]) -> HubState:
    """Out of the items of state.sql; the parts that only count have exactly one."""
    return HubState(
        systems={
            item["system"]: Registered(item["rank"], frozenset(item["fields"] or ()), item["active"], item["due"])
            for item in parts["systems"]
        },
        cursors={
            item["system"]: Cursor(
                item["marker"],
                _instant(item["marker_since"]),
                _instant(item["watermark"]),
                datetime.fromisoformat(item["read_at"]),
                item["cycle_id"],
            )
            for item in parts["cursors"]
        },
        batches=tuple(
            Waiting(
                item["batch_id"],
                item["system"],
                item["row_count"],
                frozenset(item["fields"] or ()),
                complete=bool(item["complete"]),
            )
            for item in parts["batches"]
        ),
        unfinished=tuple(sorted(parts["unfinished"])),
        last_cycle=parts["last_cycle"][0],
        open_intents=_by_system_and_kind(parts["open_intents"]),
        edits=parts["edits"][0],
        refusals=parts["refusals"][0]["standing"],
        refusals_due=parts["refusals"][0]["due"],
        parked={item["system"]: item["errors"] for item in parts["parked"]},
        conflicts=parts["conflicts"][0],
        reviews=parts["reviews"][0],
        holds={
            item["system"]: Held(item["contacts"], item["rejected"], item["frozen"], item["releases"])
            for item in parts["holds"]
        },
        merges={item["merge_id"]: item["status"] for item in parts["merges"]},
        last_sweep=next((Sweep(item["cycle_id"], item["compared"], item["aligned"]) for item in parts["sweeps"]), None),
    )


def staged_tables(batches: Iterable[Waiting]) -> list[str]:
    """A batch without rows has none."""
    return [f"sync_staged_{batch.batch_id}" for batch in batches if batch.row_count]


def _by_system_and_kind(items: Sequence[Mapping[str, Any]]) -> Mapping[str, Mapping[str, int]]:
    intents: dict[str, dict[str, int]] = defaultdict(dict)
    for item in items:
        intents[item["system"]][item["kind"]] = item["intents"]
    return intents


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
