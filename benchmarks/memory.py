"""How much memory the process of a run takes at most, when it syncs a database full of contacts for the first time.

The whole Dagster job in a process of its own: it reads a local database, reconciles, and creates every contact in
another, empty one (:mod:`benchmarks.two_databases`); what is counted is all that the process held in memory, Python,
Dagster and the embedded hub included. It has to fit into a small machine, and not to grow with the contacts.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from benchmarks.result import Result, Sizes, Skipped
from benchmarks.two_databases import TwoDatabases, make_two_databases

MEGABYTES = 600
FLAT = 1.2

_STATUS: Final = Path("/proc/self/status")


def memory(sizes: Sizes) -> Sequence[Result | Skipped]:
    small, large = sizes.synced
    what = f"peak memory, first sync of {large:,} contacts"
    try:
        of_small, of_large = (peak_of_first_sync(contacts) for contacts in (small, large))
    except BrokenProcessPool:
        return [Skipped(what, "the run was killed: this machine has too little memory for it")]
    return [
        Result(what, of_large, "MB", MEGABYTES),
        Result(what, of_large, "MB", FLAT, of_small, f"of {small:,}"),
    ]


def peak_of_first_sync(contacts: int) -> float:
    """MB (a million bytes) that a process of its own held at most."""
    with tempfile.TemporaryDirectory(prefix="truth_forge_bench_") as folder:
        made = make_two_databases(Path(folder), contacts)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            peak: float = pool.submit(_first_sync, made, contacts).result()
    return peak


def _first_sync(made: TwoDatabases, contacts: int) -> float:
    from contextlib import closing

    from dagster import DagsterInstance

    from benchmarks.run import run
    from truth_forge_sync.hub.engine import open_engine

    with DagsterInstance.ephemeral() as instance, closing(open_engine(made.settings)) as engine:
        report = run(made.settings, engine, instance, {"supabase": made.open_empty()})
    if report.systems["supabase"].created != contacts:
        raise RuntimeError(f"the first sync created {report.systems['supabase'].created} contacts, not {contacts}")
    return _peak() / 1e6


def _peak() -> int:
    """Bytes that this process held in memory at most."""
    if _STATUS.exists():  # Linux would count what the parent held when it started this process, too
        (kilobytes,) = (line.split()[1] for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(kilobytes) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
