"""A ``dev`` for a tool to work on: in a temporary folder, started as a person starts it, and started anew when it ends.

Shared by ``soak.py`` and ``crashes.py``. The supervisor is a thread, and does what a systemd unit with
``Restart=always`` and ``RestartSec=5`` would do, and nothing else.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
from dagster import DagsterInstance, DagsterRunStatus, RunRecord, RunsFilter

from truth_forge_sync.automation.job import IN_FLIGHT
from truth_forge_sync.errors import SyncError
from truth_forge_sync.sandbox.compare import compare_natives
from truth_forge_sync.sandbox.dagster_home import home_in
from truth_forge_sync.sandbox.dev_server import free_port
from truth_forge_sync.sandbox.gate import REQUESTS
from truth_forge_sync.sandbox.native import read_natives
from truth_forge_sync.sandbox.serve import HOST
from truth_forge_sync.sandbox.stand_ins import StandIns, child_environment
from truth_forge_sync.settings import Settings, SystemName

PROJECT = Path(__file__).parent.parent
RESTART_SECONDS = 5.0
STOP_SECONDS = 120.0
BETWEEN_LOOKS = 1.0


class Running:
    """One ``dev`` and what belongs to it. ``restarts`` counts how often the supervisor started it anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stand_ins = StandIns(folder / ".truth_forge")
        self.log_file = folder / "dev.log"
        self.restarts = 0
        self._port = free_port(None)
        self._process = self._launch()
        self._ending = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def end(self) -> None:
        """In order, as by Ctrl-C; what is left after that is killed."""
        self._ending.set()
        family = self.family()
        self._process.terminate()
        self._supervisor.join(STOP_SECONDS)
        kill([*family, *self.family()])

    def has_synced(self) -> bool:
        """Whether the first cycle is over. Nobody but Dagster may open its books before the UI is up: it makes them."""
        try:
            httpx.get(f"http://{HOST}:{self._port}/server_info", timeout=5, trust_env=False)
        except httpx.TransportError:
            return False
        return bool(self.cycles()) and are_in_step(self.settings)

    @property
    def settings(self) -> Settings:
        return self.stand_ins.settings()

    @contextmanager
    def instance(self) -> Iterator[DagsterInstance]:
        """Its Dagster instance: what it has on its books."""
        with DagsterInstance.from_config(str(home_in(self.stand_ins.folder))) as instance:
            yield instance

    def cycles(self, *, at_work: bool = False) -> Sequence[RunRecord]:
        """The records of all runs of job ``sync`` that have ended (or of those that have not), oldest first."""
        ended = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
        statuses = IN_FLIGHT if at_work else ended
        with self.instance() as instance:
            return instance.get_run_records(RunsFilter(job_name="sync", statuses=statuses), ascending=True)

    def requests(self, system: SystemName) -> int:
        """How many requests came to a stand-in since it was started."""
        url = {"twenty": self.settings.twenty_url, "supabase": self.settings.supabase_url}[system]
        answer = httpx.get(f"{url}{REQUESTS}", trust_env=False).raise_for_status()
        return int(answer.json()["requests"])

    def family(self) -> list[psutil.Process]:
        """All processes that it started and that are at work: its children, the stand-ins, PostgreSQL."""
        pids = [self._process.pid] if self._process.poll() is None else []
        state = self.stand_ins.state_file.read()
        if state is not None:
            pids += [found.pid for found in (state.dev, state.stand_ins) if found is not None and found.find()]
        pids += self._postmaster()
        found: dict[int, psutil.Process] = {}
        for pid in pids:
            with suppress(psutil.NoSuchProcess):
                leader = psutil.Process(pid)
                found |= {process.pid: process for process in (leader, *leader.children(recursive=True))}
        return list(found.values())

    def _postmaster(self) -> list[int]:
        """A pid file that a kill left behind may name anybody's process by now: ours works in its folder."""
        folder = self.stand_ins.postgres_folder
        with suppress(FileNotFoundError, psutil.Error):
            pid = int((folder / "postmaster.pid").read_text().split()[0])
            if Path(psutil.Process(pid).cwd()) == folder.resolve():
                return [pid]
        return []

    def processes(self) -> dict[str, list[psutil.Process]]:
        """The family by what each is for."""
        found: dict[str, list[psutil.Process]] = {}
        for process in self.family():
            with suppress(psutil.NoSuchProcess):
                found.setdefault(_role(process), []).append(process)
        return found

    def _supervise(self) -> None:
        while self._process.wait() is not None and not self._ending.wait(RESTART_SECONDS):
            self.restarts += 1
            self._process = self._launch()

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "truth_forge_sync.cli", "dev", "--port", str(self._port), "--no-browser"]
        environment = {name: value for name, value in child_environment({}).items() if name != "DAGSTER_HOME"}
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )


@contextmanager
def running() -> Iterator[Running]:
    """A new one, of which nothing is left after the block. SIGTERM ends the block, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # Where PostgreSQL's own user gets to, if root runs this.
    folder = Path(tempfile.mkdtemp(prefix="truth_forge_running_"))
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(PROJECT / name, folder)
    found = Running(folder)
    try:
        yield found
    except BaseException:
        sys.stderr.writelines(found.log_file.read_text().splitlines(keepends=True)[-20:])
        raise
    finally:
        found.end()
        shutil.rmtree(folder, ignore_errors=True)


def are_in_step(settings: Settings, *, without: SystemName | None = None) -> bool:
    """Whether all systems (but one) answer and agree. Twenty is read only if all others do: its requests are few."""
    names = sorted((name for name in settings.configured if name != without), key=lambda name: name == "twenty")
    natives = {}
    try:
        for name in names:
            natives[name] = read_natives(name, settings)
            if name == names[-2] and compare_natives(natives, region=settings.default_region).differences:
                return False
    except SyncError:
        return False
    return not compare_natives(natives, region=settings.default_region).differences


def seconds_until(is_so: Callable[[], bool], what: str, limit: float) -> float:
    """Waits; the seconds that it took. Ends the tool where it takes longer than ``limit`` seconds."""
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > limit:
            raise SystemExit(f"not within {limit:.0f} s: {what}")
        time.sleep(BETWEEN_LOOKS)
    return time.monotonic() - began


def kill(processes: Sequence[psutil.Process]) -> None:
    """As a power cut would: no process gets to say a word."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # psutil tells a later process with the same number apart
            process.kill()


def load() -> str:
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def _role(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    if "forkserver" in command:
        parent = process.parent()
        is_run = parent is not None and "forkserver" in " ".join(parent.cmdline())
        return "cycle at work" if is_run else "fork server"
    return next((role for mark, role in _ROLES.items() if mark in command), "stand-ins")


_ROLES = {
    "dagster_webserver": "webserver",
    "dagster._daemon": "daemon",
    "code-server": "code server",
    "api grpc": "code server",
    "resource_tracker": "fork server",
    "dagster dev": "dagster dev",
    "truth_forge_sync.cli": "dev",
}
"""A part of the command line → what the process is for. What is none of these is a stand-in."""
