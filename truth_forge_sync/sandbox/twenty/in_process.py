"""An extra for tests: talk to the stand-in without a port, through httpx's synchronous client."""

from __future__ import annotations

import asyncio

import httpx
from starlette.types import ASGIApp


def connect(app: ASGIApp, api_key: str) -> httpx.Client:
    """A client of /rest with the key in its headers; close it after use."""
    return httpx.Client(
        transport=InProcessTransport(app),
        base_url="http://twenty/rest",
        headers={"Authorization": f"Bearer {api_key}"},
    )


class InProcessTransport(httpx.BaseTransport):
    """Each request runs the app to its end, background tasks included.

    Not for use inside a running event loop; there, httpx.ASGITransport does the same.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._transport = httpx.ASGITransport(app)
        self._runner = asyncio.Runner()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._runner.run(self._send(request))

    def close(self) -> None:
        self._runner.close()

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await self._transport.handle_async_request(request)
        except AssertionError as error:
            # How httpx's transport takes an answer that breaks off; over a socket it is this error.
            raise httpx.RemoteProtocolError("the answer broke off", request=request) from error
        content = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=content, request=request)
