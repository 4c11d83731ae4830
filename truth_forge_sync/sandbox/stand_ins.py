"""The local stand-ins as one process in the background: PostgreSQL with Supabase's API on it, and Twenty.

Everything that they and the sandbox keep lies in one folder (``.truth_forge``), and survives a stop:

===========================  ===============================================================================
``sandbox/hub.duckdb``       the embedded hub, apart from anybody's real one
``sandbox/state.json``       keys, ports, process ids (for its owner's eyes only)
``sandbox/postgres``         the database behind Supabase
``sandbox/twenty.sqlite``    Twenty's data
``sandbox/local.sqlite``     the local database
``sandbox/log``              what the stand-ins have to say
``sandbox/twenty.down``      while there is one, Twenty answers as if it were down (likewise ``supabase.down``)
===========================  ===============================================================================
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
import psutil  # type: ignore[import-untyped]
from filelock import FileLock

import truth_forge_sync
from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.sandbox.dagster_home import sandbox_folder
from truth_forge_sync.sandbox.serve import HOST
from truth_forge_sync.sandbox.state import ProcessId, State, StateFile
from truth_forge_sync.settings import Settings, SystemName

SERVED: Final[tuple[SystemName, ...]] = ("twenty", "supabase")
"""The systems that are a service of their own; the other two are files."""

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.1


class StandIns:
    """The stand-ins that keep their data in ``folder`` (default: that of the project), running or not."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or sandbox_folder()).absolute()
        self.home = self.folder / "sandbox"
        self.state_file = StateFile(self.home / "state.json")
        self.hub_file = self.home / "hub.duckdb"
        self.postgres_folder = self.home / "postgres"
        self.twenty_file = self.home / "twenty.sqlite"
        self.local_file = self.home / "local.sqlite"
        self.log_file = self.home / "log"
        # One command at a time starts or stops them; a start that fails stops what it started.
        self._turn = FileLock(self.home / "turn.lock", timeout=2 * START_SECONDS)

    # -- running -----------------------------------------------------------------------------------------------------

    def start(self) -> bool:
        """Start them and wait until they answer; False where they run already.

        Raises Retry, which names the log, where they don't come up within a minute.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        with self._turn:
            if self.is_running():
                return False
            self._stop()  # what a crash left behind
            for system in SERVED:
                self.take_up(system)
            with self.state_file.change() as state:
                state.ready = False
                process = self._launch()
                state.stand_ins = ProcessId.of(process.pid)
            deadline = time.monotonic() + START_SECONDS
            while not self.is_running():
                if process.poll() is not None or time.monotonic() > deadline:
                    self._stop()
                    raise Retry("the stand-ins did not start", remedy=f"see {self.log_file}")
                time.sleep(_LOOK_SECONDS)
            return True

    def stop(self) -> bool:
        """Stop them, whichever command started them; False where none was running."""
        if self.state_file.read() is None:
            return False
        with self._turn:
            return self._stop()

    def is_running(self) -> bool:
        """Whether both answer, by their own APIs."""
        state = self.state_file.read()
        if state is None or not state.ready or state.stand_ins is None or state.stand_ins.find() is None:
            return False
        return _answers(f"{_url(state.twenty_port)}/healthz", {}) and _answers(
            f"{_url(state.supabase_port)}/rest/v1/", {"apikey": state.supabase_key}
        )

    def take_down(self, system: SystemName) -> None:
        """Let it answer every request with 503 until it is taken up, or the stand-ins are started again."""
        self.down_file(system).touch()

    def take_up(self, system: SystemName) -> None:
        self.down_file(system).unlink(missing_ok=True)

    def down_file(self, system: SystemName) -> Path:
        return self.home / f"{system}.down"

    # -- describing --------------------------------------------------------------------------------------------------

    def state(self) -> State:
        """Raises Stop where they don't run."""
        state = self.state_file.read()
        if state is None or not self.is_running():
            raise Stop("the sandbox is not running", remedy="run: truth-forge-sync sandbox start")
        return state

    def environment(self) -> dict[str, str]:
        """The settings of the sandbox as environment variables. Raises Stop where it was never started."""
        state = self.state_file.read()
        if state is None or not state.twenty_port:
            raise Stop("the sandbox was never started here", remedy="run: truth-forge-sync sandbox start")
        return {
            "TRUTH_FORGE_HUB_PATH": str(self.hub_file),
            "TWENTY_URL": _url(state.twenty_port),
            "TWENTY_API_KEY": state.twenty_key,
            "SUPABASE_URL": _url(state.supabase_port),
            "SUPABASE_KEY": state.supabase_key,
            "LOCAL_DATABASE_URL": f"sqlite:///{self.local_file}",
        }

    def settings(self) -> Settings:
        """The settings of the sandbox, whatever this process's environment and ``.env`` say."""
        return settings_of(self.environment())

    # ----------------------------------------------------------------------------------------------------------------

    def _stop(self) -> bool:
        state = self.state_file.read()
        stopped = state is not None and state.stand_ins is not None and end(state.stand_ins, STOP_SECONDS)
        # The process takes its database along, unless it was killed.
        stopped = self._stop_postgres() or stopped
        if state is not None:
            with self.state_file.change() as state:
                state.stand_ins, state.ready, state.postgres_url = None, False, ""
        return stopped

    def _launch(self) -> subprocess.Popen[bytes]:
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "truth_forge_sync.sandbox", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                env=child_environment({}),
                # A session of its own: Ctrl-C in the terminal is not meant for it.
                start_new_session=True,
            )

    def _stop_postgres(self) -> bool:
        # Imported only here: it needs what the extra `sandbox` installs, and takes a while.
        from truth_forge_sync.sandbox.postgres import stop_postgres

        return stop_postgres(self.postgres_folder)


VARIABLES: Final = tuple(
    field.validation_alias if isinstance(field.validation_alias, str) else name.upper()
    for name, field in Settings.model_fields.items()
)
"""The environment variables of all settings, in the order of the settings."""


def settings_of(environment: Mapping[str, str]) -> Settings:
    """What these variables say, and the defaults: nothing from this process's environment or ``.env``."""
    fields = zip(VARIABLES, Settings.model_fields.values(), strict=True)
    values: dict[str, Any] = {variable: field.get_default() for variable, field in fields}
    values |= environment
    return Settings(_env_file=None, **{_argument(name): value for name, value in values.items()})  # type: ignore[call-arg]


def child_environment(values: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with ``values`` for settings and none of its own, so that nothing which somebody set
    up for real systems reaches the sandbox; the package can be imported in it from where it was imported here."""
    inherited = {name: value for name, value in os.environ.items() if name.upper() not in VARIABLES}
    root = str(Path(truth_forge_sync.__file__).parent.parent)
    path = os.pathsep.join(dict.fromkeys([root, *filter(None, inherited.get("PYTHONPATH", "").split(os.pathsep))]))
    return {**inherited, "PYTHONPATH": path, **values}


def end(process_id: ProcessId, patience: float, sign: int = signal.SIGTERM) -> bool:
    """Ask a process to end, kill it where it doesn't within ``patience`` seconds; False where there was none."""
    process = process_id.find()
    if process is None:
        return False
    with suppress(psutil.NoSuchProcess):
        process.send_signal(sign)
        if not _ends(process, process_id, patience):
            process.kill()
            _ends(process, process_id, patience)
    return True


def _ends(process: psutil.Process, process_id: ProcessId, patience: float) -> bool:
    """Also one that has ended and whose parent has not asked about it yet: psutil alone would wait for that."""
    deadline = time.monotonic() + patience
    while process_id.find() is not None and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    with suppress(psutil.TimeoutExpired):
        process.wait(0)  # where we are its parent, it is for us to ask
    return process_id.find() is None


def _argument(variable: str) -> str:
    """What the settings call a variable when it is given in code."""
    return variable if variable.startswith("TRUTH_FORGE_") else variable.lower()


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"


def _answers(url: str, headers: Mapping[str, str]) -> bool:
    try:
        # Whatever the answer: the one who gives it is up. Proxies are for other machines.
        httpx.get(url, headers=dict(headers), timeout=2, trust_env=False)
    except httpx.TransportError:
        return False
    return True
