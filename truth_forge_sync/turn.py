"""Whose turn it is: one pull, reconcile, push or command at a time on this machine, whichever process it belongs to.

So no look at a system can be overtaken by our own write, and no command comes between the statements of a cycle.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from truth_forge_sync.errors import Retry

TURN_SECONDS = 15 * 60
"""How long one waits for another to finish its turn."""


def installation(hub_path: Path) -> str:
    """This installation's name: its machine's, and an id that is made once and kept beside the hub's file."""
    path = hub_path.with_name("installation")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x") as file:
            file.write(uuid4().hex[:8])
    except FileExistsError:
        pass
    return f"{socket.gethostname()} ({path.read_text().strip()})"


@contextmanager
def turn(hub_path: Path, *, seconds: float = TURN_SECONDS) -> Iterator[None]:
    """``hub_path``: the settings' embedded hub (whether it is used or not); the lock lies beside it.

    Raises Retry where another has been at work for longer than ``seconds``.
    """
    path = hub_path.with_name("turn.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=seconds):
            yield
    except Timeout as error:
        raise Retry(
            f"another cycle has been at work for over {seconds:.0f} s", remedy="wait for it, or end it in the UI"
        ) from error
