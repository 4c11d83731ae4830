"""Points at which a test may kill the process, to prove that a crash anywhere loses nothing (DESIGN law 11)."""

from __future__ import annotations

import os
import signal

CRASH_AT = "TRUTH_FORGE_CRASH_AT"


def crash_point(name: str) -> None:
    """Die here as by a power cut, if the environment variable :data:`CRASH_AT` names this point."""
    if os.environ.get(CRASH_AT) == name:
        os.kill(os.getpid(), signal.SIGKILL)
