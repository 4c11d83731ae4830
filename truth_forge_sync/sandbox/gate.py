"""A gate before a stand-in: shut, the stand-in is as a service that is down; and it counts the requests that came."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

REQUESTS: Final = "/.sandbox/requests"
"""How many requests came since the start, this one not counted: ``{"requests": 12}``. No real system has it."""


class Gate:
    """ASGI middleware. The gate is shut while there is a file ``shut``, so that any process may shut it."""

    def __init__(self, app: ASGIApp, shut: Path) -> None:
        self._app = app
        self._shut = shut
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http":
            if scope["path"] == REQUESTS:
                app = JSONResponse({"requests": self._requests})
            else:
                self._requests += 1
                if self._shut.exists():
                    app = JSONResponse({"message": "down for a while"}, 503)
        await app(scope, receive, send)
