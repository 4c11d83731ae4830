"""Run an ASGI app on a local port for the length of a `with` block, in a thread of this process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

HOST = "127.0.0.1"
"""Stand-ins know no real authentication, so they never listen on an outside address."""

_START_SECONDS = 15.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Served:
    """Where a served app answers."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return f"http://{self.host}:{self.port}"


@contextmanager
def serve(app: ASGIApp, *, port: int = 0) -> Iterator[Served]:
    """Serve `app` under uvicorn until the block ends; `port` 0 takes any free one.

    Raises OSError when the port is taken and RuntimeError when the app fails to start or to stop.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        # Bound here and handed to uvicorn, so that no other process can take the free port in between.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1, ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="sandbox-server", daemon=True)
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield Served(HOST, listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(_STOP_SECONDS)
        if thread.is_alive():
            raise RuntimeError(f"the server thread did not stop within {_STOP_SECONDS:.0f} s")


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the app did not start; its traceback is in the log")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the app did not start within {_START_SECONDS:.0f} s")
        time.sleep(0.005)
