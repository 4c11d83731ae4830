"""Faults come when they were asked for, before or after the effect, and a served app stops by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from truth_forge_sync.sandbox.faults import Drop, Failure, FaultMiddleware, Faults, Hang, Status
from truth_forge_sync.sandbox.serve import serve


@dataclass
class Ledger:
    """An app that writes down each body that it is sent."""

    url: str = ""
    faults: Faults = field(default_factory=Faults)
    lines: list[str] = field(default_factory=list)

    async def write(self, request: Request) -> Response:
        self.lines.append((await request.body()).decode())
        return PlainTextResponse("written")


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    ledger = Ledger()
    routes = [Route("/ledger", ledger.write, methods=["POST", "PUT"])]
    with serve(FaultMiddleware(Starlette(routes=routes), ledger.faults)) as served:
        ledger.url = f"{served.url}/ledger"
        yield ledger


@pytest.mark.parametrize("failure", [Status(503), Drop(), Hang(seconds=30)], ids=["status", "drop", "hang"])
@pytest.mark.parametrize("took_effect", [False, True], ids=["before", "after"])
def test_a_failed_request_took_effect_only_after(ledger: Ledger, failure: Failure, took_effect: bool) -> None:
    fail = ledger.faults.after if took_effect else ledger.faults.before
    fail(failure)
    try:
        assert httpx.post(ledger.url, content="first", timeout=0.3).status_code == 503
    except httpx.TransportError:
        assert not isinstance(failure, Status)
    assert httpx.post(ledger.url, content="second").text == "written"
    assert ledger.lines == (["first", "second"] if took_effect else ["second"])


def test_a_short_hang_is_only_a_delay(ledger: Ledger) -> None:
    ledger.faults.before(Hang(seconds=0.01))
    ledger.faults.after(Hang(seconds=0.01))
    assert [httpx.post(ledger.url, content=line).text for line in "ab"] == ["written", "written"]
    assert ledger.lines == ["a", "b"]


def test_faults_choose_by_method_and_path_and_may_wait_their_turn(ledger: Ledger) -> None:
    ledger.faults.before(
        Status(429, {"wait": True}, {"Retry-After": "1"}), method="PUT", path="/ledger", skip=1, times=2
    )
    codes = [httpx.request(method, ledger.url).status_code for method in ("PUT", "POST", "PUT", "POST", "PUT", "PUT")]
    assert codes == [200, 200, 429, 200, 429, 200]
    assert ledger.faults.pending == 0
    assert [(seen.method, seen.failure is not None) for seen in ledger.faults.seen][2:4] == [
        ("PUT", True),
        ("POST", False),
    ]


def test_a_refusal_carries_body_and_headers(ledger: Ledger) -> None:
    ledger.faults.before(Status(429, {"wait": True}, {"Retry-After": "1"}))
    answer = httpx.post(ledger.url, content="x")
    assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (429, {"wait": True}, "1")


def test_a_served_app_stops_at_once_though_a_request_hangs() -> None:
    faults = Faults()
    faults.before(Hang(seconds=60))
    began = time.monotonic()
    with serve(FaultMiddleware(Starlette(), faults)) as served, pytest.raises(httpx.ReadTimeout):
        httpx.get(served.url, timeout=0.1)
    assert time.monotonic() - began < 5
    with pytest.raises(httpx.ConnectError):
        httpx.get(served.url)
