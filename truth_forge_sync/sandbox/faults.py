"""Faults on purpose: make a stand-in fail as a real service does, before or after a request took effect.

The difference between the two is what a sync must survive. *Before*: the request never reached the system, so a retry
is the first try. *After*: the system did the work and only the answer was lost, so a careless retry does it twice.

    faults = Faults()
    faults.before(Status(503), times=2)                       # the next two requests are refused, nothing done
    faults.after(Drop(), method="POST", path="/people")       # the next POST is done, its answer is lost
    faults.after(Hang(seconds=30), method="PATCH", skip=3)    # the fourth PATCH is done and answered too late
    app = FaultMiddleware(app, faults)

Rules are tried in the order in which they were added; a rule that has been used up is removed.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Status:
    """Answer with this HTTP status, JSON body and headers (a service's own error shape, `Retry-After`, …)."""

    code: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Drop:
    """Close the connection in the middle of the answer; the client sees a protocol or network error."""


@dataclass(frozen=True)
class Hang:
    """Keep the client waiting for `seconds` (or until it gives up), then go on: before the effect the request is then
    served as usual unless the client has gone; after the effect its answer is sent late."""

    seconds: float


Failure = Status | Drop | Hang


@dataclass(frozen=True)
class Seen:
    """One request that reached the middleware, and the failure it met, if any."""

    method: str
    path: str
    query: str
    failure: Failure | None


@dataclass
class _Rule:
    when: Literal["before", "after"]
    failure: Failure
    times: int
    skip: int
    method: str | None
    path: str

    def matches(self, method: str, path: str) -> bool:
        return (self.method is None or self.method == method) and self.path in path


class Faults:
    """A queue of failures to come, and the list of requests seen so far.

    Safe to use from another thread than the server's.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []
        self._seen: list[Seen] = []

    def before(
        self, failure: Failure, *, times: int = 1, skip: int = 0, method: str | None = None, path: str = ""
    ) -> None:
        """Fail the next `times` matching requests without any effect, after letting `skip` of them pass.

        `method` is an HTTP method or None for any; `path` any part of the URL's path.
        """
        self._add(_Rule("before", failure, times, skip, method, path))

    def after(
        self, failure: Failure, *, times: int = 1, skip: int = 0, method: str | None = None, path: str = ""
    ) -> None:
        """As `before`, but the request takes its full effect first and only its answer is replaced, cut or late."""
        self._add(_Rule("after", failure, times, skip, method, path))

    def status(
        self, code: int, *, times: int = 1, method: str | None = None, path: str = "", body: object = None
    ) -> None:
        """Shorthand for the commonest fault: refuse with an HTTP status, without effect."""
        self.before(Status(code, body), times=times, method=method, path=path)

    def clear(self) -> None:
        """Forget all failures to come and all requests seen."""
        with self._lock:
            self._rules.clear()
            self._seen.clear()

    @property
    def pending(self) -> int:
        """How many failures are still to come."""
        with self._lock:
            return sum(rule.times for rule in self._rules)

    @property
    def seen(self) -> tuple[Seen, ...]:
        """Every request so far, oldest first."""
        with self._lock:
            return tuple(self._seen)

    def next(self, method: str, path: str, query: str = "") -> tuple[Literal["before", "after"], Failure] | None:
        """Record a request and take the failure that is due for it, if one is."""
        with self._lock:
            due = self._take(method, path)
            self._seen.append(Seen(method, path, query, due[1] if due else None))
            return due

    def _add(self, rule: _Rule) -> None:
        if rule.times < 1 or rule.skip < 0:
            raise ValueError(f"a fault needs times >= 1 and skip >= 0, not times={rule.times}, skip={rule.skip}")
        with self._lock:
            self._rules.append(rule)

    def _take(self, method: str, path: str) -> tuple[Literal["before", "after"], Failure] | None:
        for rule in self._rules:
            if not rule.matches(method, path):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            rule.times -= 1
            if rule.times == 0:
                self._rules.remove(rule)
            return rule.when, rule.failure
        return None


class FaultMiddleware:
    """ASGI middleware that lets `faults` decide the fate of each HTTP request to `app`."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self.app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        due = self.faults.next(scope["method"], scope["path"], scope["query_string"].decode("latin-1"))
        if due is None:
            await self.app(scope, receive, send)
            return
        when, failure = due
        body = await _read_body(receive)
        answer: list[Message] = []
        if when == "after":
            await self.app(scope, _replay(body), _collect(answer))
        elif isinstance(failure, Hang):
            if await _client_left(receive, failure.seconds):
                return
            await self.app(scope, _replay(body), send)
            return
        match failure:
            case Status():
                await _send_status(send, failure)
            case Drop():
                await _send_half(send)
            case Hang():
                await _client_left(receive, failure.seconds)
                for message in answer:
                    await send(message)


async def _read_body(receive: Receive) -> bytes:
    """The whole request body; reading it first lets the connection be used again after a refusal."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _collect(answer: list[Message]) -> Send:
    async def send(message: Message) -> None:
        answer.append(message)

    return send


async def _client_left(receive: Receive, seconds: float) -> bool:
    """Wait, but no longer than the client does, so that a server can stop at once after a test's time-out."""
    try:
        message = await asyncio.wait_for(receive(), timeout=seconds)
    except TimeoutError:
        return False
    return bool(message["type"] == "http.disconnect")


async def _send_status(send: Send, failure: Status) -> None:
    body = b"" if failure.body is None else json.dumps(failure.body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **failure.headers}
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": failure.code, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def _send_half(send: Send) -> None:
    # A server may only close a connection without an error of its own once an answer has begun: promise one byte and
    # never send it.
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
