"""``dagster dev`` on the sandbox: started, waited for, and stopped with everything that it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx
import psutil  # type: ignore[import-untyped]

from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.sandbox.dagster_home import WORKSPACE, project
from truth_forge_sync.sandbox.serve import HOST
from truth_forge_sync.sandbox.stand_ins import StandIns, child_environment, end
from truth_forge_sync.sandbox.state import ProcessId

PORT: Final = 3000
START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 30.0
FINISH_SECONDS: Final = 15.0
_PORTS_TRIED: Final = 100


class DevServer:
    """A running ``dagster dev``; its output goes where ours goes."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self._process = process

    def wait_until_ready(self) -> None:
        """Until the UI answers and has loaded the definitions. Raises Retry where it does not within two minutes."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if self.has_ended() or time.monotonic() > deadline:
                raise Retry("dagster dev did not come up", remedy="its output above says why")
            time.sleep(0.25)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self) -> int:
        """Until it ends by itself; its exit code."""
        return self._process.wait()

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/server_info", timeout=2, trust_env=False).is_success
        except httpx.TransportError:
            return False


@contextmanager
def dev_server(stand_ins: StandIns, home: Path, *, port: int | None = None) -> Iterator[DevServer]:
    """``dagster dev`` for the length of the block, with the instance in ``home``. ``port`` None takes 3000 or the next
    free one. Raises Stop where the port is taken or another ``dev`` is at work here."""
    chosen = free_port(port)
    forget_lost_runs(home)
    process = _launch(stand_ins, home, chosen)
    try:
        with stand_ins.state_file.change() as state:
            state.dev, state.dev_owner = ProcessId.of(process.pid), ProcessId.of(os.getpid())
        yield DevServer(process, chosen)
    finally:
        _stop(process)
        with stand_ins.state_file.change() as state:
            state.dev = state.dev_owner = None


def end_stray_server(stand_ins: StandIns) -> None:
    """End a ``dagster dev`` whose command was killed. Raises Stop where its command is at work."""
    state = stand_ins.state_file.read()
    if state is None or state.dev is None:
        return
    if state.dev_owner is not None and state.dev_owner.find() is not None:
        raise Stop(f"dev runs here already (process {state.dev_owner.pid})", remedy="stop that one first: Ctrl-C")
    family = _family(state.dev.pid) if state.dev.find() else []
    end(state.dev, STOP_SECONDS, signal.SIGINT)
    _kill(family)


def forget_lost_runs(home: Path) -> None:
    """Mark runs that were at work when the last server was killed as failed: the sensors would wait for them."""
    if not (home / "history").is_dir():
        return
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    at_work = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    with DagsterInstance.from_config(str(home)) as instance:
        for run in instance.get_runs(RunsFilter(statuses=at_work)):
            instance.report_run_failed(run, "its process ended with the dev server that it belonged to")


def _launch(stand_ins: StandIns, home: Path, port: int) -> subprocess.Popen[bytes]:
    arguments = ["-w", str(project() / WORKSPACE), "--host", HOST, "--port", str(port), "--log-level", "warning"]
    return subprocess.Popen(
        [sys.executable, "-m", "dagster", "dev", *arguments],
        stdin=subprocess.DEVNULL,
        # Dagster reads a .env of the folder it runs in: the user's is for the real systems.
        cwd=home,
        env=child_environment(dagster_environment(stand_ins, home)),
        # A group of its own: Ctrl-C reaches us alone, and we stop it in order.
        start_new_session=True,
    )


def dagster_environment(stand_ins: StandIns, home: Path) -> Mapping[str, str]:
    """The sandbox's settings, and where Dagster finds its instance."""
    return {
        **stand_ins.environment(),
        "DAGSTER_HOME": str(home),
        # Dagster's own: that another tool than `dagster dev` is to come, and that a parameter of ours is new.
        "PYTHONWARNINGS": "ignore:::click.core,ignore:::dagster._core.decorator_utils",
    }


def _stop(process: subprocess.Popen[bytes]) -> None:
    """In order first: it stops its children, and they the run that is at work. What is left after that is killed."""
    family = _family(process.pid)
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    _kill(family)
    process.wait()


def _family(pid: int) -> list[psutil.Process]:
    try:
        leader = psutil.Process(pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _kill(family: list[psutil.Process]) -> None:
    """After some patience: a cycle at work is better finished than killed."""
    _, alive = psutil.wait_procs(family, timeout=FINISH_SECONDS)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def free_port(wanted: int | None) -> int:
    """``wanted`` if it is free, else Stop; None: the first free port from 3000 on."""
    candidates = range(PORT, PORT + _PORTS_TRIED) if wanted is None else [wanted]
    for port in candidates:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
            except OSError:
                continue
            return port
    raise Stop(f"port {candidates[0]} is taken", remedy="choose another one: --port N")
