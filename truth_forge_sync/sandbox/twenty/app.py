"""The ASGI application: routes, and what every request passes on its way (authentication, budget, error shapes)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from truth_forge_sync.sandbox.faults import FaultMiddleware, Faults
from truth_forge_sync.sandbox.twenty import metadata, records, webhooks
from truth_forge_sync.sandbox.twenty.auth import check_key
from truth_forge_sync.sandbox.twenty.errors import ApiError, unknown_route
from truth_forge_sync.sandbox.twenty.instants import Clock, Stamps, wall_clock
from truth_forge_sync.sandbox.twenty.limits import TokenBucket
from truth_forge_sync.sandbox.twenty.store import Store
from truth_forge_sync.sandbox.twenty.workspace import Event, Workspace

HEADER_LIMIT = 16 * 1024
"""Bytes of the request line and the headers together; 500 UUIDs in a filter are too many (facts, section 1)."""

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

Endpoint = Callable[[Request], Awaitable[Response]]


def create_twenty_app(
    database: Path | None,
    api_key: str,
    requests_per_minute: int | None = 100,
    faults: Faults | None = None,
    *,
    clock: Clock = wall_clock,
) -> Starlette:
    """A local stand-in for Twenty 2.21's REST API.

    `database` is an SQLite file, created if missing; None keeps everything in memory. `requests_per_minute` None or 0
    means no limit. Two extras that the real server lacks, for tests and demonstrations: `faults` makes it fail on
    purpose, and `clock` (microseconds since the epoch) sets its time.
    """
    store = Store(database)
    workspace = Workspace.open(store, Stamps(clock))
    bucket = TokenBucket(requests_per_minute) if requests_per_minute else None

    async def serve_records(request: Request) -> Response:
        if bucket is not None:
            bucket.take()
        events: list[Event] = []
        try:
            response = _json(*await records.answer(workspace, request, events))
        except ApiError as error:
            response = _json(error.status, error.body)
        # Half a batch upsert may have taken effect before the error; its webhooks go out as well.
        if events and webhooks.all_webhooks(workspace):
            response.background = BackgroundTask(webhooks.deliver, workspace, events)
        return response

    async def serve_objects(request: Request) -> Response:
        return _json(*await metadata.answer_objects(workspace, request))

    async def serve_fields(request: Request) -> Response:
        return _json(*await metadata.answer_fields(workspace, request))

    async def serve_webhooks(request: Request) -> Response:
        return _json(*await webhooks.answer(workspace, request))

    def guarded(endpoint: Endpoint) -> Endpoint:
        async def guard(request: Request) -> Response:
            if _header_bytes(request) > HEADER_LIMIT:
                return Response(status_code=431, headers={"Connection": "close"})
            check_key(request.headers.get("authorization"), api_key)
            return await endpoint(request)

        return guard

    def routes(path: str, endpoint: Endpoint) -> list[Route]:
        return [Route(path, guarded(endpoint), methods=_METHODS)]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        # Not closed: an app may be served again, as after an outage, with what it held.
        store.checkpoint()

    return Starlette(
        routes=[
            Route("/healthz", _healthz, methods=["GET"]),
            *routes("/rest/metadata/objects", serve_objects),
            *routes("/rest/metadata/objects/{id}", serve_objects),
            *routes("/rest/metadata/fields", serve_fields),
            *routes("/rest/metadata/fields/{id}", serve_fields),
            *routes("/rest/webhooks", serve_webhooks),
            *routes("/rest/webhooks/{id}", serve_webhooks),
            *routes("/rest/{path:path}", serve_records),
        ],
        middleware=[Middleware(FaultMiddleware, faults)] if faults is not None else [],
        exception_handlers={ApiError: _refused, 404: _unknown_route, 405: _unknown_route},
        lifespan=lifespan,
    )


async def _healthz(_: Request) -> Response:
    """Checks nothing, like the real one (facts, section 11)."""
    return _json(200, {"status": "ok", "info": {}, "error": {}, "details": {}})


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return _json(error.status, error.body)


async def _unknown_route(request: Request, _: Exception) -> Response:
    error = unknown_route(request.method, request.url.path)
    return _json(error.status, error.body)


def _json(status: int, body: Any) -> JSONResponse:
    return JSONResponse(body, status_code=status)


def _header_bytes(request: Request) -> int:
    line = len(request.url.path) + len(request.scope["query_string"])
    return line + sum(len(name) + len(value) for name, value in request.headers.raw)
