"""Webhooks: their registry, and signed delivery, at most once (facts, section 9).

Unlike the real server, a change to a webhook takes effect at once, and loopback targets are allowed.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import secrets
import ssl
import time
import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.requests import Request

from truth_forge_sync.sandbox.twenty.body import read_json
from truth_forge_sync.sandbox.twenty.errors import bad_request, not_found, unknown_route
from truth_forge_sync.sandbox.twenty.instants import to_iso
from truth_forge_sync.sandbox.twenty.objects import WORKSPACE_ID, stable_id
from truth_forge_sync.sandbox.twenty.render import record
from truth_forge_sync.sandbox.twenty.workspace import Event, Workspace

TIMEOUT_SECONDS = 5.0
_CONNECTIONS = 8
_SETTABLE = ("targetUrl", "operations", "description", "secret")

_log = logging.getLogger(__name__)

Webhook = dict[str, Any]


async def answer(workspace: Workspace, request: Request) -> tuple[int, object]:
    """GET, POST, PATCH and DELETE of /rest/webhooks; bare objects, without a data envelope."""
    webhook_id = request.path_params.get("id")
    body = await read_json(request) if request.method in ("POST", "PATCH") else {}
    with workspace.store.lock:
        match request.method, webhook_id:
            case "GET", None:
                return 200, all_webhooks(workspace)
            case "POST", None:
                return 201, _create(workspace, body)
            case "GET", str():
                return 200, _find(workspace, webhook_id)
            case "PATCH", str():
                return 200, _change(workspace, _find(workspace, webhook_id), body)
            case "DELETE", str():
                _find(workspace, webhook_id)
                workspace.store.execute('DELETE FROM "_webhook" WHERE id = ?', (webhook_id,))
                return 200, True
    raise unknown_route(request.method, request.url.path)


def all_webhooks(workspace: Workspace) -> list[Webhook]:
    return [json.loads(str(row["body"])) for row in workspace.store.rows('SELECT body FROM "_webhook" ORDER BY rowid')]


async def deliver(workspace: Workspace, events: Sequence[Event]) -> None:
    """One POST a record and webhook, in no order. A failed one is logged and never sent again."""
    with workspace.store.lock:
        webhooks = all_webhooks(workspace)
    due = [(webhook, event) for event in events for webhook in webhooks if _matches(webhook, event)]
    if not due:
        return
    limits = httpx.Limits(max_connections=_CONNECTIONS)
    # No time-out on waiting for a free connection: it is the target that has 5 s, not the queue.
    timeout = httpx.Timeout(TIMEOUT_SECONDS, pool=None)
    async with httpx.AsyncClient(timeout=timeout, limits=limits, verify=_tls()) as client:
        await asyncio.gather(*(_send(client, webhook, event) for webhook, event in due))


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """hex HMAC-SHA256 over the timestamp, a colon and the raw body."""
    return hmac.new(secret.encode(), timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()


@cache
def _tls() -> ssl.SSLContext:
    """Slow to make, so made once."""
    return httpx.create_ssl_context()


async def _send(client: httpx.AsyncClient, webhook: Webhook, event: Event) -> None:
    body = json.dumps(_payload(webhook, event), ensure_ascii=False, separators=(",", ":")).encode()
    timestamp = str(time.time_ns() // 1_000_000)
    headers = {
        "Content-Type": "application/json",
        "X-Twenty-Webhook-Timestamp": timestamp,
        "X-Twenty-Webhook-Signature": signature(webhook["secret"], timestamp, body),
        "X-Twenty-Webhook-Nonce": secrets.token_hex(16),
    }
    try:
        response = await client.post(webhook["targetUrl"], content=body, headers=headers)
        response.raise_for_status()
    except httpx.HTTPError as error:
        _log.warning("webhook %s to %s failed and is not repeated: %s", event.name, webhook["targetUrl"], error)


def _payload(webhook: Webhook, event: Event) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "targetUrl": webhook["targetUrl"],
        "eventName": f"{event.kind.singular}.{event.name}",
        "objectMetadata": {"id": event.kind.id, "nameSingular": event.kind.singular},
        "workspaceId": WORKSPACE_ID,
        "webhookId": webhook["id"],
        "eventDate": to_iso(time.time_ns() // 1_000),
        "record": record(event.kind, event.row),
    }
    if event.updated_fields is not None:
        payload["updatedFields"] = list(event.updated_fields)
    return payload


def _matches(webhook: Webhook, event: Event) -> bool:
    subject, name = event.kind.singular, event.name
    wanted = {f"{subject}.{name}", f"*.{name}", f"{subject}.*", "*.*"}
    return not wanted.isdisjoint(webhook["operations"])


def _create(workspace: Workspace, body: Any) -> Webhook:
    now = to_iso(workspace.stamps.next())
    webhook: Webhook = {
        "id": str(uuid.uuid4()),
        "targetUrl": "",
        "operations": ["*.*"],
        "description": None,
        "secret": secrets.token_hex(32),
        "workspaceId": WORKSPACE_ID,
        "applicationId": stable_id("application"),
        "createdAt": now,
        "updatedAt": now,
        "deletedAt": None,
    }
    _set(webhook, body)
    workspace.store.execute('INSERT INTO "_webhook" VALUES (?, ?)', (webhook["id"], json.dumps(webhook)))
    return webhook


def _change(workspace: Workspace, webhook: Webhook, body: Any) -> Webhook:
    _set(webhook, body)
    webhook["updatedAt"] = to_iso(workspace.stamps.next())
    workspace.store.execute('UPDATE "_webhook" SET body = ? WHERE id = ?', (json.dumps(webhook), webhook["id"]))
    return webhook


def _set(webhook: Webhook, body: Any) -> None:
    sent = body if isinstance(body, dict) else {}
    webhook |= {name: sent[name] for name in _SETTABLE if sent.get(name) is not None}
    target = urlsplit(str(webhook["targetUrl"]))
    operations = webhook["operations"]
    if target.scheme not in ("http", "https") or not target.hostname or not isinstance(operations, list):
        raise bad_request("Multiple validation errors occurred while creating webhook")


def _find(workspace: Workspace, webhook_id: str) -> Webhook:
    rows = workspace.store.rows('SELECT body FROM "_webhook" WHERE id = ?', (webhook_id,))
    if not rows:
        raise not_found()
    found: Webhook = json.loads(str(rows[0]["body"]))
    return found
