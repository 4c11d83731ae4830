"""Does it get over ``kill -9``, unattended? ``python -m truth_forge_sync_tests.crashes``, a few minutes.

While people edit and a cycle is at work, the daemon is killed, then the process of a cycle, then everything at once,
databases and all. What has ended is started anew as systemd would do it; nothing else is done. Told are the seconds
from each kill until all contacts are equal everywhere again, an edit made after it among them. Exit code 1 where that
takes longer than two minutes, or where anything was lost or doubled.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import psutil  # type: ignore[import-untyped]

from truth_forge_sync_tests.edits import People, judge
from truth_forge_sync_tests.running import Running, are_in_step, kill, load, running, seconds_until

EDITS_BEFORE = 8
MOST_PAUSE = 2.0
MOST_SECONDS = 120.0
GIVE_UP_SECONDS = 600.0

VICTIMS: Mapping[str, Callable[[Running], Sequence[psutil.Process]]] = {
    "the daemon": lambda dev: dev.processes().get("daemon", []),
    "the cycle at work": lambda dev: dev.processes().get("cycle at work", []),
    "everything at once": Running.family,
}


def main(victims: Sequence[str]) -> int:
    wrong = 0
    with running() as dev:
        seconds_until(dev.has_synced, "the first sync", 300)
        people = People(dev.settings)
        for victim in victims:
            for _ in range(EDITS_BEFORE):
                people.work(dev.settings)
                time.sleep(random.uniform(0, MOST_PAUSE))
            killed = _kill_at_work(dev, people, VICTIMS[victim])
            restarts = dev.restarts
            people.edit(dev.settings, "local")
            what = f"in step after {victim} was killed"
            seconds = seconds_until(lambda: are_in_step(dev.settings), what, GIVE_UP_SECONDS)
            seconds_until(lambda: not dev.cycles(at_work=True), "the last cycle", GIVE_UP_SECONDS)
            verdict = judge(dev.settings, people)
            wrong += not verdict.is_good or seconds > MOST_SECONDS
            print(f"{victim} ({killed} processes): in step after {seconds:.0f} s, {dev.restarts - restarts} restarts")
            print(f"    {people.count} edits so far: {verdict.told}", flush=True)
    print(load())
    return 1 if wrong else 0


def _kill_at_work(dev: Running, people: People, choose: Callable[[Running], Sequence[psutil.Process]]) -> int:
    """Edit until a cycle is at work, and kill; how many processes."""
    while True:
        people.edit(dev.settings, random.choice(("local", "supabase", "bigquery")))
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if "cycle at work" in dev.processes() and (chosen := choose(dev)):
                time.sleep(random.uniform(0, 0.5))
                kill(chosen)
                return len(chosen)
            time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main(list(VICTIMS)))
