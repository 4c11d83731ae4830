"""The BigQuery emulator, in a process and an environment of its own: it pins versions that are not ours.

``python -m truth_forge_sync_tests.emulator`` makes the environment (750 MB) from ``requirements-emulator.txt``.
``TRUTH_FORGE_EMULATOR_PYTHON`` names the Python of another environment that has it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from truth_forge_sync.settings import Settings

ROOT = Path(__file__).parent.parent
ENVIRONMENT = ROOT / ".venv-emulator"
INSTALLED = ENVIRONMENT / "installed"  # there once all of it is
REQUIREMENTS = ROOT / "requirements-emulator.txt"
PYTHON_VARIABLE = "TRUTH_FORGE_EMULATOR_PYTHON"
START_SECONDS = 60
STOP_SECONDS = 10

# What starts it in the chosen Python. It finds its spatial extension only in the user's DuckDB folder. And its DuckDB
# (1.5) inlines nested CTEs until planning takes minutes, for match.sql; ours (2.0) does not.
_START = """
import functools, sys
import duckdb
from duckdb_extensions import import_extension
import_extension("spatial")
duckdb.connect = functools.partial(duckdb.connect, config={"disabled_optimizers": "cte_inlining"})
from bqemulator.cli import main
sys.argv[0] = "bqemulator"
main()
"""


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator."""

    rest_port: int
    storage_port: int
    pid: int

    def settings(self, dataset: str) -> Settings:
        """The settings of a hub in it; nothing else is configured."""
        return Settings(
            _env_file=None,  # type: ignore[call-arg]
            bigquery_project="test-project",
            bigquery_dataset=dataset,
            bigquery_emulator_host=f"http://127.0.0.1:{self.rest_port}",
            bigquery_storage_emulator_host=f"127.0.0.1:{self.storage_port}",
        )


def emulator_python() -> Path | None:
    """The Python that can run the emulator; None where nobody made its environment."""
    if named := os.environ.get(PYTHON_VARIABLE):
        return Path(named)
    return _python_of(ENVIRONMENT) if INSTALLED.exists() else None


def make_environment() -> Path:
    """Make ``.venv-emulator`` (again), with what ``requirements-emulator.txt`` names. Raises CalledProcessError."""
    venv.create(ENVIRONMENT, clear=True, with_pip=True)
    python = _python_of(ENVIRONMENT)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS], check=True)
    INSTALLED.touch()
    return python


@contextmanager
def running_emulator(python: Path) -> Iterator[Emulator]:
    """An emulator on free ports of 127.0.0.1, gone with its data afterwards. Raises RuntimeError with the end of its
    log where it does not come up in :data:`START_SECONDS`."""
    with tempfile.TemporaryDirectory(prefix="truth-forge-emulator-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        rest_port, storage_port = _free_ports(2)
        ports = ("--rest-port", str(rest_port), "--grpc-port", str(storage_port))
        log = folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [python, "-c", _START, "start", "--persistent", "--data-dir", folder / "data", *ports],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=_environment(folder),
            )
        try:
            _wait_until_healthy(rest_port, process, log)
            yield Emulator(rest_port, storage_port, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(folder: Path) -> dict[str, str]:
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "BQEMU_", "VIRTUAL_ENV"))
    }
    return ours | {
        "HOME": str(folder),  # the extension goes into a DuckDB folder of its own, not into the user's
        "USERPROFILE": str(folder),
        "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false",  # they would be downloaded
        "BQEMU_LOG_LEVEL": "warning",
        "BQEMU_WRITE_API_MAX_REQUEST_BYTES": str(256 * 1024 * 1024),  # limits reads of wide rows, too
    }


def _wait_until_healthy(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    state = "did not answer" if process.poll() is None else f"ended with {process.returncode}"
    end = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"the BigQuery emulator {state}:\n{end}")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:  # all at once, so that they differ
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _python_of(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


if __name__ == "__main__":
    print(make_environment())
