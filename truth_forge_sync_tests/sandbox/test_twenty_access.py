"""Who may ask, how often, and how it fails on purpose: facts, sections 8 and 11, and the stand-in's extras."""

from __future__ import annotations

import contextlib

import httpx
import pytest

from truth_forge_sync.sandbox.faults import Drop, Status
from truth_forge_sync.sandbox.serve import serve
from truth_forge_sync.sandbox.twenty import Faults, create_twenty_app
from truth_forge_sync.sandbox.twenty.errors import ApiError
from truth_forge_sync.sandbox.twenty.in_process import connect
from truth_forge_sync.sandbox.twenty.limits import TokenBucket

KEY = "key"

HEADERS = [
    # Authorization, status, message                             section 11
    (None, 403, "Missing authentication token"),
    ("Basic a2V5", 403, "Missing authentication token"),
    (KEY, 403, "Missing authentication token"),
    ("Bearer wrong", 401, "Token invalid."),
    (f"Bearer {KEY}", 200, None),
]


@pytest.mark.parametrize("path", ["/people", "/metadata/objects", "/webhooks"])
@pytest.mark.parametrize(("header", "status", "message"), HEADERS)
def test_authentication(path: str, header: str | None, status: int, message: str | None) -> None:
    with connect(create_twenty_app(None, KEY, None), KEY) as twenty:
        del twenty.headers["Authorization"]
        response = twenty.get(path, headers={} if header is None else {"Authorization": header})
    assert response.status_code == status
    if message is not None:
        assert response.json()["messages"] == [message]


def test_health_needs_no_key_and_an_unknown_route_is_404() -> None:
    """Section 11."""
    with connect(create_twenty_app(None, KEY, None), "") as twenty:
        health = twenty.get("http://twenty/healthz")
        unknown = twenty.get("http://twenty/restx/people")
    assert (health.status_code, health.json()) == (200, {"status": "ok", "info": {}, "error": {}, "details": {}})
    assert (unknown.status_code, unknown.json()) == (
        404,
        {"message": "Cannot GET /restx/people", "error": "Not Found", "statusCode": 404},
    )


class Stopwatch:
    """Milliseconds, moved by hand."""

    def __init__(self) -> None:
        self.ms = 0.0

    def __call__(self) -> float:
        return self.ms


def served(bucket: TokenBucket, watch: Stopwatch, calls: int, spacing_ms: float) -> list[int]:
    """Numbers of the calls, from 1, that got a token."""
    numbers = []
    for number in range(1, calls + 1):
        watch.ms += spacing_ms
        with contextlib.suppress(ApiError):
            bucket.take()
            numbers.append(number)
    return numbers


def test_the_101st_request_at_once_is_refused() -> None:
    """Section 8."""
    watch = Stopwatch()
    assert served(TokenBucket(100, watch), watch, 150, 0) == list(range(1, 101))


def test_calls_closer_than_a_tokens_time_refill_nothing() -> None:
    """Section 8: 550 ms apart every second one is refused once the bucket is empty, 620 ms apart none is."""
    watch = Stopwatch()
    assert served(TokenBucket(100, watch), watch, 106, 550) == [*range(1, 101), 102, 104, 106]
    assert served(TokenBucket(100, watch), watch, 120, 620) == list(range(1, 121))


def test_a_refused_call_costs_nothing() -> None:
    """Section 8: polled every 100 ms, one succeeds each 600 ms."""
    watch = Stopwatch()
    bucket = TokenBucket(100, watch)
    served(bucket, watch, 100, 0)
    assert served(bucket, watch, 18, 100) == [6, 12, 18]


def test_one_request_is_one_token_and_metadata_are_free() -> None:
    """Section 8: 429 without a header to go by; a batch costs what one row does."""
    with connect(create_twenty_app(None, KEY, 3), KEY) as twenty:
        assert twenty.post("/batch/people", json=[{}] * 50).status_code == 201
        assert [twenty.get("/people").status_code for _ in range(3)] == [200, 200, 429]
        refused = twenty.get("/people")
        free = [twenty.get(path).status_code for path in ("/metadata/objects", "/metadata/fields", "/webhooks")]
    assert refused.json() == {
        "statusCode": 429,
        "error": "HttpException",
        "messages": ["Limit reached (3 tokens per 60000 ms)"],
    }
    assert "retry-after" not in refused.headers
    assert free == [200, 200, 200]


@pytest.mark.parametrize("limit", [0, None])
def test_no_limit(limit: int | None) -> None:
    with connect(create_twenty_app(None, KEY, limit), KEY) as twenty:
        assert {twenty.get("/people?limit=0").status_code for _ in range(110)} == {200}


def test_a_fault_before_the_effect_leaves_nothing_and_one_after_leaves_the_row() -> None:
    faults = Faults()
    with connect(create_twenty_app(None, KEY, None, faults), KEY) as twenty:
        faults.before(Status(500), method="POST")
        faults.after(Status(502), method="POST")
        statuses = []
        for _ in range(2):
            statuses.append(twenty.post("/people", json={}).status_code)
            statuses.append(twenty.get("/people").json()["totalCount"])
    assert statuses == [500, 0, 502, 1]


def test_a_connection_can_break_off_in_process_and_over_a_socket() -> None:
    faults = Faults()
    app = create_twenty_app(None, KEY, None, faults)
    faults.after(Drop(), method="POST", times=2)
    with connect(app, KEY) as twenty, pytest.raises(httpx.RemoteProtocolError):
        twenty.post("/people", json={})
    headers = {"Authorization": f"Bearer {KEY}"}
    with serve(app) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.post(f"{server.url}/rest/people", json={}, headers=headers)
        assert httpx.get(f"{server.url}/rest/people", headers=headers).json()["totalCount"] == 2


def test_an_app_served_again_after_an_outage_holds_what_it_held() -> None:
    app = create_twenty_app(None, KEY, None)
    headers = {"Authorization": f"Bearer {KEY}"}
    with serve(app) as server:
        httpx.post(f"{server.url}/rest/people", json={}, headers=headers).raise_for_status()
    with serve(app) as server:
        assert httpx.get(f"{server.url}/rest/people", headers=headers).json()["totalCount"] == 1
