"""The stand-in of Twenty sends real webhooks over a real port, and cycles are started."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from truth_forge_sync.sandbox.serve import serve
from truth_forge_sync.sandbox.twenty import create_twenty_app
from truth_forge_sync.sandbox.twenty.in_process import connect
from truth_forge_sync.webhooks.app import MOST_BYTES, create_app
from truth_forge_sync.webhooks.signatures import SUPABASE_SECRET, supabase, twenty
from truth_forge_sync.webhooks.trigger import Trigger

SECRET = SecretStr("a" * 64)


class Starts:
    def __init__(self) -> None:
        self.times = 0
        self.begun = threading.Semaphore(0)

    def __call__(self) -> None:
        self.times += 1
        self.begun.release()


@pytest.fixture
def starts() -> Starts:
    return Starts()


@pytest.fixture
def url(starts: Starts) -> Iterator[str]:
    with serve(create_app({"twenty": twenty(SECRET), "supabase": supabase(SECRET)}, Trigger(starts))) as served:
        yield served.url


@pytest.fixture
def crm() -> Iterator[httpx.Client]:
    with connect(create_twenty_app(None, "key", None), "key") as client:
        yield client


def subscribe(crm: httpx.Client, url: str, secret: str) -> None:
    body = {"targetUrl": f"{url}/twenty", "operations": ["person.*"], "secret": secret}
    assert crm.post("/webhooks", json=body).status_code == 201


def test_an_edit_in_twenty_starts_a_cycle(crm: httpx.Client, url: str, starts: Starts) -> None:
    subscribe(crm, url, SECRET.get_secret_value())
    assert crm.post("/people", json={"jobTitle": "é 🙂"}).status_code == 201
    assert starts.begun.acquire(timeout=10)


def test_a_batch_in_twenty_starts_one_cycle(crm: httpx.Client, url: str, starts: Starts) -> None:
    subscribe(crm, url, SECRET.get_secret_value())
    assert crm.post("/batch/people", json=[{}] * 50).status_code == 201
    assert starts.begun.acquire(timeout=10)
    assert not starts.begun.acquire(timeout=0.5)


def test_another_workspace_starts_nothing(
    crm: httpx.Client, url: str, starts: Starts, caplog: pytest.LogCaptureFixture
) -> None:
    subscribe(crm, url, "b" * 64)
    crm.post("/people", json={})
    assert "signature is wrong" in caplog.text
    assert not starts.begun.acquire(timeout=0.5)


def test_over_a_port_too_a_large_body_is_cut_off_and_a_broken_one_harms_nobody(url: str, starts: Starts) -> None:
    headers = {SUPABASE_SECRET: SECRET.get_secret_value()}
    with httpx.Client(base_url=url, headers=headers, trust_env=False) as client:
        chunks = (b"x" * 100_000 for _ in range(MOST_BYTES // 100_000 + 1))
        assert client.post("/supabase", content=chunks).status_code == 413
        assert client.post("/supabase", content=b'{"type":"UPDATE"}').status_code == 204
        assert client.get("/health").text == "ok\n"
    assert starts.begun.acquire(timeout=10)
    assert starts.times == 1
