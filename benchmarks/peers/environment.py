"""The peers' environment, apart from ours: made from ``requirements-bench.txt`` on first use, in ``.venv-bench``.

``TRUTH_FORGE_BENCH_PYTHON`` names the Python of another environment that has them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
ENVIRONMENT: Final = ROOT / ".venv-bench"
INSTALLED: Final = ENVIRONMENT / "installed"  # says what, once all of it is there
REQUIREMENTS: Final = ROOT / "requirements-bench.txt"
PYTHON_VARIABLE: Final = "TRUTH_FORGE_BENCH_PYTHON"


class MissingPeer(RuntimeError):
    """The peers can't be installed here: the message says why."""


def peers_python() -> Path | None:
    """The Python that has the peers; None where nobody made its environment as it is to be."""
    if named := os.environ.get(PYTHON_VARIABLE):
        return Path(named)
    is_fresh = INSTALLED.exists() and INSTALLED.read_text() == REQUIREMENTS.read_text()
    return _python() if is_fresh else None


def make_environment() -> Path:
    """Make ``.venv-bench`` (again). Raises MissingPeer."""
    venv.create(ENVIRONMENT, clear=True, with_pip=True)
    finished = subprocess.run(
        [_python(), "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS],
        check=False,
        capture_output=True,
        text=True,
    )
    if finished.returncode:
        *_, said = finished.stderr.strip().splitlines() or ["pip failed"]
        raise MissingPeer(f"{REQUIREMENTS.name} could not be installed: {said}")
    INSTALLED.write_text(REQUIREMENTS.read_text())
    return _python()


def seconds_of(script: str, *arguments: str, folder: Path) -> float:
    """What a script of this folder prints last, run in ``folder``, which is its home, too. Raises MissingPeer, and
    RuntimeError with the end of what the script said where it failed."""
    python = peers_python() or make_environment()
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    finished = subprocess.run(
        [python, Path(__file__).with_name(script), *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=ours | {"HOME": str(folder), "USERPROFILE": str(folder), "RUNTIME__DLTHUB_TELEMETRY": "false"},
    )
    if finished.returncode:
        raise RuntimeError(f"{script} failed:\n{finished.stderr[-2000:]}")
    return float(finished.stdout.split()[-1])


def _python() -> Path:
    return ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
