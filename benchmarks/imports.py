"""What the code location takes to import, against ``import dagster`` alone: Dagster imports it at every start and run.

Processor time within fresh interpreters, so that what else the machine does matters little; the quickest of each.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.result import Result, Sizes

TARGET = 2.5

_TIMED = "import time; began = time.process_time(); import {}; print(time.process_time() - began)"


def imports(sizes: Sizes) -> Sequence[Result]:
    ours, dagster = [], []
    for _ in range(sizes.rounds):
        ours.append(_seconds("truth_forge_sync.definitions"))
        dagster.append(_seconds("dagster"))
    return [Result("import of the code location", min(ours), "s", TARGET, min(dagster), "import dagster")]


def _seconds(module: str) -> float:
    root = Path(__file__).parents[1]
    finished = subprocess.run(
        [sys.executable, "-c", _TIMED.format(module)], cwd=root, check=True, capture_output=True, text=True
    )
    return float(finished.stdout)
