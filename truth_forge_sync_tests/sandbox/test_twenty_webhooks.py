"""Webhooks: their registry, which events they get, and how these are signed: facts, section 9."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from truth_forge_sync.sandbox.twenty import create_twenty_app
from truth_forge_sync.sandbox.twenty.in_process import connect

KEY = "key"


@dataclass
class Receiver:
    """A target that keeps what it gets and answers with `status`."""

    url: str = ""
    status: int = 200
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(raw) for _, raw in self.posts]

    @property
    def events(self) -> list[tuple[str, list[str] | None]]:
        return [(body["eventName"], body.get("updatedFields")) for body in self.bodies]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.posts.append(({name.lower(): value for name, value in self.headers.items()}, raw))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def twenty() -> Iterator[httpx.Client]:
    with connect(create_twenty_app(None, KEY, None), KEY) as client:
        yield client


def subscribe(twenty: httpx.Client, receiver: Receiver, *operations: str) -> dict[str, Any]:
    body = {"targetUrl": receiver.url, **({"operations": list(operations)} if operations else {})}
    response = twenty.post("/webhooks", json=body)
    assert response.status_code == 201, response.text
    webhook: dict[str, Any] = response.json()
    return webhook


def test_the_registry_answers_bare_objects(twenty: httpx.Client, receiver: Receiver) -> None:
    webhook = subscribe(twenty, receiver)
    assert webhook["operations"] == ["*.*"]
    assert len(webhook["secret"]) == 64
    assert twenty.get("/webhooks").json() == [webhook]
    changed = twenty.patch(f"/webhooks/{webhook['id']}", json={"operations": ["person.*"]}).json()
    assert changed["operations"] == ["person.*"]
    assert twenty.get(f"/webhooks/{webhook['id']}").json() == changed
    assert twenty.delete(f"/webhooks/{webhook['id']}").json() is True
    assert twenty.get("/webhooks").json() == []


def test_a_target_must_be_a_url(twenty: httpx.Client) -> None:
    response = twenty.post("/webhooks", json={"targetUrl": "nowhere"})
    assert response.status_code == 400
    assert response.json()["messages"] == ["Multiple validation errors occurred while creating webhook"]


def test_each_change_of_a_record_is_one_post(twenty: httpx.Client, receiver: Receiver) -> None:
    subscribe(twenty, receiver, "person.*")
    person = twenty.post("/people", json={"jobTitle": "é"}).json()["data"]["createPerson"]
    path = f"/people/{person['id']}"
    twenty.patch(path, json={"jobTitle": "é"})  # no change, no post
    twenty.patch(path, json={"name": {"firstName": "Ann"}})
    twenty.post("/people?upsert=true", json={"id": person["id"], "jobTitle": "new"})
    twenty.delete(f"{path}?soft_delete=true")
    twenty.patch(f"/restore/people?filter=id[eq]:{person['id']}")
    twenty.delete(path)
    assert receiver.events == [
        ("person.created", None),
        ("person.updated", ["name"]),
        ("person.updated", ["jobTitle"]),
        ("person.deleted", ["deletedAt"]),
        ("person.restored", ["deletedAt"]),
        ("person.destroyed", None),
    ]
    assert receiver.bodies[0]["record"] == person
    assert receiver.bodies[-1]["record"]["jobTitle"] == "new"


def test_the_signature_covers_the_time_and_the_raw_body(twenty: httpx.Client, receiver: Receiver) -> None:
    secret = subscribe(twenty, receiver)["secret"]
    twenty.post("/people", json={"jobTitle": "é 🙂"})
    ((headers, raw),) = receiver.posts
    signed = headers["x-twenty-webhook-timestamp"].encode() + b":" + raw
    assert headers["x-twenty-webhook-signature"] == hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    assert len(headers["x-twenty-webhook-nonce"]) == 32
    assert "é 🙂".encode() in raw


OPERATIONS = [
    (["*.created"], ["person.created", "company.created"]),
    (["person.*"], ["person.created"]),
    (["company.created", "person.updated"], ["company.created"]),
    (["person.destroyed"], []),
]


@pytest.mark.parametrize(("operations", "events"), OPERATIONS)
def test_operations(twenty: httpx.Client, receiver: Receiver, operations: list[str], events: list[str]) -> None:
    subscribe(twenty, receiver, *operations)
    twenty.post("/people", json={})
    twenty.post("/companies", json={})
    assert [name for name, _ in receiver.events] == events


def test_a_batch_is_one_post_a_record(twenty: httpx.Client, receiver: Receiver) -> None:
    subscribe(twenty, receiver)
    twenty.post("/batch/people", json=[{}] * 45)
    assert len({body["record"]["id"] for body in receiver.bodies}) == len(receiver.posts) == 45


def test_a_failed_delivery_is_not_repeated_and_does_not_fail_the_write(
    twenty: httpx.Client, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    subscribe(twenty, receiver)
    receiver.status = 500
    assert twenty.post("/people", json={}).status_code == 201
    assert len(receiver.posts) == 1
    assert "is not repeated" in caplog.text
