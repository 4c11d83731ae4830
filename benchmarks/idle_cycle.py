"""What a cycle costs when nothing has changed anywhere, which is what most cycles are: the whole Dagster run, on the
contacts of the sandbox.

The time is the one figure here without a peer. It is held against what is bearable every five minutes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from dagster import DagsterInstance

from benchmarks.counted import CountedEngine, Job
from benchmarks.result import Result, Sizes
from benchmarks.run import run
from benchmarks.servers import Servers, servers
from truth_forge_sync.sandbox.hub_rows import sow_hub
from truth_forge_sync.sandbox.native import local_engine, twenty_client
from truth_forge_sync.sandbox.seed import seed_contacts
from truth_forge_sync.sandbox.seeding import sow

REQUESTS = 2
JOBS = 3
SECONDS = 1.0

_MOST_CYCLES = 6

_QUIET: Final[Mapping[str, Any]] = {
    "telemetry": {"enabled": False},
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    },
}
"""As in dagster.yaml."""


def idle_cycle(sizes: Sizes) -> Sequence[Result]:
    with ExitStack() as stack:
        made = stack.enter_context(servers())
        engine = CountedEngine(made.settings.hub_path, made.settings.bigquery_dataset)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        instance = stack.enter_context(DagsterInstance.local_temp(folder, overrides=_QUIET))
        _sow(made, engine)
        idle = [_idle_run(made, engine, instance) for _ in range(sizes.rounds)]
    worst = {name: max(run.requests[name] for run in idle) for name in ("twenty", "supabase")}
    return [
        *(Result(f"idle cycle: requests to {name}", count, "", REQUESTS) for name, count in worst.items()),
        Result("idle cycle: hub statements", max(len(run.jobs) for run in idle), "", JOBS),
        Result("idle cycle: hub statements that write", max(run.writing for run in idle), "", 0),
        Result("idle cycle: the whole run", min(run.seconds for run in idle), "s", SECONDS),
    ]


@dataclass(frozen=True, slots=True)
class _IdleRun:
    """``seconds`` from the run's start to its end, as Dagster has them."""

    requests: Mapping[str, int]
    jobs: Sequence[Job]
    seconds: float

    @property
    def writing(self) -> int:
        return sum(job.writes for job in self.jobs)


def _idle_run(made: Servers, engine: CountedEngine, instance: DagsterInstance) -> _IdleRun:
    """The next run that neither reads nor writes a row: a system is read once more after our own writes to it, and
    again when it has settled."""
    for _ in range(_MOST_CYCLES):
        engine.jobs.clear()
        report = run(made.settings, engine, instance)
        if not report.writes and not any(system.read for system in report.systems.values()):
            (record,) = instance.get_run_records(limit=1)
            seconds = (record.end_time or 0.0) - (record.start_time or 0.0)
            requests = {name: system.requests for name, system in report.systems.items()}
            return _IdleRun(requests, tuple(engine.jobs), seconds)
    raise RuntimeError(f"not idle after {_MOST_CYCLES} cycles")


def _sow(made: Servers, engine: CountedEngine) -> None:
    supabase = sa.create_engine(made.postgres_url)
    with twenty_client(made.settings) as twenty, local_engine(made.settings) as local:
        sow(seed_contacts(), twenty=twenty, supabase=supabase, local=local, hub=lambda rows: sow_hub(engine, rows))
    supabase.dispose()
