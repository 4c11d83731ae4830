"""The ASGI app: POST /twenty and POST /supabase where their secrets are set, and GET /health.

Answers say nothing but their status: 204 taken, 401 not verified or sent before, 408 and 413 too slow or too large.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from truth_forge_sync.settings import Settings
from truth_forge_sync.webhooks.replay import Taken
from truth_forge_sync.webhooks.signatures import Unverified, Verify, supabase, twenty
from truth_forge_sync.webhooks.trigger import Trigger

MOST_BYTES = 1_000_000
BODY_SECONDS = 10.0

_log = logging.getLogger(__name__)


def verifiers(settings: Settings) -> dict[str, Verify]:
    """How to verify each system's webhooks; a system without a secret is left out."""
    made = {
        "twenty": settings.twenty_webhook_secret and twenty(settings.twenty_webhook_secret),
        "supabase": settings.supabase_webhook_secret and supabase(settings.supabase_webhook_secret),
    }
    return {name: verify for name, verify in made.items() if verify}


def create_app(verifiers: Mapping[str, Verify], trigger: Trigger, now: Callable[[], float] = time.time) -> Starlette:
    """``trigger`` runs as long as the app does. ``now``: seconds since 1970."""

    @asynccontextmanager
    async def triggering(_app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(trigger.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def webhook(name: str, verify: Verify) -> Route:
        taken = Taken()

        async def take(request: Request) -> Response:
            body = await _body(request)
            if isinstance(body, Response):
                return body
            try:
                proof = verify(request.headers, body, now())
            except Unverified as reason:
                _log.warning("a webhook for %s was refused: %s", name, reason)
                return Response(status_code=401)
            if not taken.is_new(proof, now()):
                _log.warning("a webhook for %s was refused: it came before", name)
                return Response(status_code=401)
            trigger.tell()
            return Response(status_code=204)

        return Route(f"/{name}", take, methods=["POST"])

    routes = [webhook(name, verify) for name, verify in verifiers.items()]
    return Starlette(routes=[*routes, Route("/health", _health, methods=["GET"])], lifespan=triggering)


async def _health(_request: Request) -> Response:
    return Response("ok\n", media_type="text/plain")


async def _body(request: Request) -> bytes | Response:
    """The raw body, or the answer where it is too large, too slow or breaks off."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    return Response(status_code=413)
    except TimeoutError:
        return Response(status_code=408)
    except ClientDisconnect:
        return Response(status_code=400)
    return bytes(body)
