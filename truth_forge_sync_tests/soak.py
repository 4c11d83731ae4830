"""Does a running ``dev`` hold out? ``python -m truth_forge_sync_tests.soak [--cycles 60]``, a quarter of an hour.

People edit, add and delete contacts in all four systems until so many cycles have ended. Twice a system goes down for
some cycles: the others must stay in step, its own check ``answers`` alone must be red, and it must catch up by itself.
At the end all must be in step, and nothing lost. Exit code 1 where anything is not so.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from dagster import AssetCheckKey, AssetKey, DagsterRunStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from truth_forge_sync.checks.system import ANSWERS
from truth_forge_sync.sandbox.stand_ins import SERVED
from truth_forge_sync.settings import SystemName
from truth_forge_sync_tests.edits import People, judge
from truth_forge_sync_tests.running import Running, are_in_step, load, running, seconds_until

MOST_PAUSE = 6.0
"""Seconds: at random up to that long between two edits, so that they meet the sensors at any moment."""

OUTAGE_CYCLES = 5
FIRST_LOOK = 10
IDLE_SECONDS = 120
PATIENCE = 120.0

OURS = ("daemon", "webserver", "code server", "fork server", "dagster dev", "dev")


def main(cycles: int) -> int:
    wrong: list[str] = []
    table: dict[str, str] = {}
    with running() as dev:
        seconds_until(dev.has_synced, "the first sync", 300)
        people = People(dev.settings)
        outages = dict(zip((cycles // 4, cycles * 3 // 5), SERVED, strict=True))
        first_look: Mapping[str, str] = {}
        while (ended := len(dev.cycles())) < cycles:
            if due := [at for at in outages if at <= ended]:
                table |= _outage(dev, people, outages.pop(due[0]), wrong)
            if not first_look and ended >= FIRST_LOOK:
                first_look = _size(dev)
            people.work(dev.settings)
            time.sleep(random.uniform(0, MOST_PAUSE))
        seconds_until(lambda: are_in_step(dev.settings), "all systems in step at the end", PATIENCE)
        seconds_until(lambda: not dev.cycles(at_work=True), "the last cycle", PATIENCE)
        verdict, size = judge(dev.settings, people), _size(dev)
        records = dev.cycles()
        idle = _requests_while_idle(dev)

        spans = [(record.start_time or 0.0, record.end_time or 0.0) for record in records]
        overlaps = sum(later[0] < earlier[1] for earlier, later in pairwise(sorted(spans)))
        failed = sum(record.dagster_run.status != DagsterRunStatus.SUCCESS for record in records)
    wrong += [] if verdict.is_good else ["contacts or edits"]
    wrong += ["cycles overlap"] if overlaps else []
    wrong += ["cycles failed"] if failed else []
    wrong += [f"{name} is asked too often while idle" for name, rate in idle.items() if rate > 1]
    table = {
        "cycles": f"{len(records)}, {failed} failed, {overlaps} overlapped",
        "edits": f"{len(people.edits)}, and {len(people.added)} contacts added, {len(people.deleted)} deleted",
        "at the end": verdict.told,
        "edit to everywhere": verdict.lag,
        **table,
        **{name: f"{first_look.get(name, '?')} after {FIRST_LOOK} cycles, {size[name]} at the end" for name in size},
        "requests while idle": ", ".join(f"{name} {rate:.2f} in 5 s" for name, rate in idle.items()),
        "machine": load(),
        "verdict": "; ".join(wrong) or "good",
    }
    for name, told in table.items():
        print(f"{name:<28}{told}")
    return 1 if wrong else 0


def _outage(dev: Running, people: People, system: SystemName, wrong: list[str]) -> dict[str, str]:
    """One system down for some cycles: what the others did meanwhile, and how long it took to catch up."""
    dev.stand_ins.take_down(system)
    began = len(dev.cycles())
    while len(dev.cycles()) < began + OUTAGE_CYCLES:
        people.work(dev.settings, down=system)
        time.sleep(random.uniform(0, MOST_PAUSE))
    apart = seconds_until(lambda: are_in_step(dev.settings, without=system), f"the others without {system}", PATIENCE)
    red = _red_answers(dev)
    if red != {system}:
        wrong.append(f"while {system} was down, these were red: {', '.join(sorted(red)) or 'none'}")
    dev.stand_ins.take_up(system)
    caught_up = seconds_until(lambda: are_in_step(dev.settings), f"{system} has caught up", PATIENCE)
    seconds_until(lambda: not _red_answers(dev), "all checks are green again", PATIENCE)
    told = f"others in step {apart:.0f} s after the last edit, red: {', '.join(red)}; caught up in {caught_up:.0f} s"
    return {f"{system} down": told}


def _red_answers(dev: Running) -> set[SystemName]:
    """The systems whose pull says that they did not answer."""
    found: set[SystemName] = set()
    with dev.instance() as instance:
        for name in dev.settings.configured:
            key = AssetCheckKey(AssetKey([name, "contacts"]), ANSWERS)
            history = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
            known = [record.status for record in history if record.status != AssetCheckExecutionRecordStatus.PLANNED]
            found |= {name} if known and known[0] == AssetCheckExecutionRecordStatus.FAILED else set()
    return found


def _size(dev: Running) -> dict[str, str]:
    """Memory by process, and their sum without what they share; and what lies on the disk."""
    processes = dev.processes()
    told = {
        f"memory of {role}": _megabytes(sum(process.memory_info().rss for process in processes[role]))
        for role in OURS
        if role in processes
    }
    everybody: list[psutil.Process] = [process for role in OURS for process in processes.get(role, [])]
    if hasattr(everybody[0].memory_full_info(), "pss"):  # Linux
        told["memory of all, shared once"] = _megabytes(sum(process.memory_full_info().pss for process in everybody))
    folder = dev.stand_ins.folder
    told["disk, Dagster's books"] = _megabytes(_bytes(folder / "dagster"))
    told["disk, hub"] = _megabytes(_bytes(dev.stand_ins.hub_file))
    return told


def _bytes(place: Path) -> int:
    return sum(file.stat().st_size for file in [place, *place.rglob("*")] if file.is_file())


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.0f} MB"


def _requests_while_idle(dev: Running) -> dict[str, float]:
    """Per five seconds. The hub and the local database are files: nobody counts there."""
    before = {name: dev.requests(name) for name in SERVED}
    time.sleep(IDLE_SECONDS)
    return {name: (dev.requests(name) - before[name]) * 5 / IDLE_SECONDS for name in SERVED}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Does a running dev hold out?")
    parser.add_argument("--cycles", type=int, default=60, help="how many (60)")
    sys.exit(main(parser.parse_args().cycles))
