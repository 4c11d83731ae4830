"""A two-way sync against vdirsyncer, which keeps two folders of contacts in step, on this machine and in the same run.

Ours keeps two databases in step by way of the hub: a whole cycle (pulls, reconcile, pushes) in this process, without
Dagster. Both sides hold the same contacts; half of those that change do so on the one side, half on the other. What it
takes to start either program is left out. The quickest of some rounds, other contacts each time.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final, Protocol

from benchmarks.peers.environment import MissingPeer
from benchmarks.result import Result, Sizes, Skipped
from benchmarks.two_databases import TwoDatabases, make_two_databases
from benchmarks.two_folders import TwoFolders
from truth_forge_sync.hub.engine import Engine, open_engine
from truth_forge_sync.hub.hand_edits import HUB, HandEdits
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.sync.push import push
from truth_forge_sync.sync.reconcile import reconcile
from truth_forge_sync.sync.rules import Rules
from truth_forge_sync.systems.local.system import Local
from truth_forge_sync.systems.protocol import Window

TENFOLD: Final = 0.1
NO_SLOWER: Final = 1.0


class Pair(Protocol):
    """Two places with the same contacts, called by their numbers."""

    def edit(self, first: Sequence[int], second: Sequence[int], title: str) -> None: ...
    def sync(self) -> float: ...
    def have(self, numbers: Sequence[int], title: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Seconds:
    """That a run took with some changes, and with none."""

    changed: float
    idle: float


def against_vdirsyncer(sizes: Sizes) -> Sequence[Result | Skipped]:
    count = sizes.paired
    what = f"two-way sync of {count:,} contacts"
    changed, idle = f"{what}, for each of {count // 100} changed", f"{what}, none changed"
    try:
        with _two_folders(count) as theirs:
            of_theirs = _measured(theirs, count, sizes.rounds)
    except MissingPeer as missing:
        return [Skipped(name, str(missing)) for name in (changed, idle)]
    with keep_in_step(count) as ours:
        of_ours = _measured(ours, count, sizes.rounds)
    each = 1000 / (count // 100)
    return [
        Result(changed, of_ours.changed * each, "ms", TENFOLD, of_theirs.changed * each, "vdirsyncer"),
        Result(idle, of_ours.idle, "s", NO_SLOWER, of_theirs.idle, "vdirsyncer"),
    ]


def _measured(pair: Pair, contacts: int, rounds: int) -> Seconds:
    changed, idle = [], []
    size = contacts // 100
    for start in range(0, rounds * size, size):
        numbers, title = range(start, start + size), f"Job after {start}"
        pair.edit(numbers[: size // 2], numbers[size // 2 :], title)
        changed.append(pair.sync())
        if not pair.have(numbers, title):
            raise RuntimeError("a change did not arrive")
        idle.append(min(pair.sync() for _ in range(2)))  # ours reads once more after its own writes
    return Seconds(min(changed), min(idle))


@contextmanager
def _two_folders(contacts: int) -> Iterator[TwoFolders]:
    with tempfile.TemporaryDirectory(prefix="truth_forge_bench_") as folder:
        made = TwoFolders(Path(folder))
        made.fill(contacts)
        yield made


@contextmanager
def keep_in_step(contacts: int) -> Iterator[InStep]:
    """Two databases with the same contacts, none of which changed lately."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="truth_forge_bench_"))
        made = make_two_databases(Path(folder), contacts)
        engine = stack.enter_context(closing(open_engine(made.settings)))
        systems = [stack.enter_context(closing(system)) for system in (made.open_full(), made.open_empty())]
        pair = InStep(made, engine, systems)
        pair.sync()  # which fills the empty one
        pair.forget_when()
        yield pair


@dataclass(frozen=True, slots=True)
class InStep:
    """Two databases that our cycles keep in step; they take contacts by their number, as folders do."""

    made: TwoDatabases
    engine: Engine
    systems: Sequence[Local]

    def edit(self, first: Sequence[int], second: Sequence[int], title: str) -> None:
        for database, numbers in ((self.made.full, first), (self.made.empty, second)):
            with closing(sqlite3.connect(database)) as connection, connection:
                connection.executemany(
                    "UPDATE contacts_master SET job_title = ? WHERE primary_email = ?",
                    [(title, _address(number)) for number in numbers],
                )

    def forget_when(self) -> None:
        """Make all rows old: what was written in the last minutes is read again by every pull."""
        for database in (self.made.full, self.made.empty):
            with closing(sqlite3.connect(database)) as connection, connection:
                connection.execute("UPDATE contacts_master SET updated_at = '2025-01-01T00:00:00.000000+00:00'")
        self.sync(Window())
        self.sync()

    def sync(self, window: Window | None = None) -> float:
        began = monotonic()
        hub = Hub(self.engine)
        pull(hub, HandEdits(hub, region="US"))
        for system in self.systems:
            pull(hub, system, window=window)
        reconcile(hub, Rules((HUB, *(system.name for system in self.systems))))
        for system in self.systems:
            push(hub, system)
        return monotonic() - began

    def have(self, numbers: Sequence[int], title: str) -> bool:
        wanted = {_address(number) for number in numbers}
        for database in (self.made.full, self.made.empty):
            with closing(sqlite3.connect(database)) as connection:
                found = connection.execute("SELECT primary_email FROM contacts_master WHERE job_title = ?", (title,))
                if {address for (address,) in found} != wanted:
                    return False
        return True


def _address(number: int) -> str:
    return f"person.{number}@example.com"
