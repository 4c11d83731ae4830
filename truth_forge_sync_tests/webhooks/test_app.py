"""What the app takes and what it refuses, request by request; and that it says nothing of what it got."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from truth_forge_sync.sandbox.twenty.in_process import InProcessTransport
from truth_forge_sync.settings import Settings
from truth_forge_sync.webhooks import app as app_module
from truth_forge_sync.webhooks.app import MOST_BYTES, create_app, verifiers
from truth_forge_sync.webhooks.replay import MEMORY_SECONDS, Taken
from truth_forge_sync.webhooks.signatures import TOLERANCE_SECONDS
from truth_forge_sync.webhooks.trigger import Trigger

NOW = 1_795_391_574.4
SECRET = "s3cret-ü"
BODY = '{"eventName":"person.updated","record":{"name":{"firstName":"Zoë-Personal"}}}'.encode()


class Told(Trigger):
    """Counts instead of starting."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.times = 0

    def tell(self) -> None:
        self.times += 1


class Client:
    """Posts to the app, whose clock the test sets."""

    def __init__(self, settings: Settings) -> None:
        self.now = NOW
        self.told = Told()
        app = create_app(verifiers(settings), self.told, now=lambda: self.now)
        self.http = httpx.Client(transport=InProcessTransport(app), base_url="http://webhooks")

    def twenty(self, headers: Mapping[str, str | None] | None = None, body: bytes = BODY) -> int:
        return self._post("/twenty", body, {**signed(body), **(headers or {})})

    def supabase(self, body: bytes = BODY, secret: str | None = SECRET) -> int:
        return self._post("/supabase", body, {"X-Webhook-Secret": secret})

    def _post(self, path: str, body: bytes, headers: dict[str, Any]) -> int:
        sent = {name: value.encode() for name, value in headers.items() if value is not None}
        response = self.http.post(path, content=body, headers=sent)
        assert not response.content, "an answer says nothing but its status"
        return response.status_code


def signed(body: bytes, at: float = NOW, secret: str = SECRET) -> dict[str, str | None]:
    """The headers that Twenty sends: facts, section 9."""
    timestamp = str(round(at * 1000))
    signature = hmac.new(secret.encode(), timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {
        "X-Twenty-Webhook-Timestamp": timestamp,
        "X-Twenty-Webhook-Signature": signature,
        "X-Twenty-Webhook-Nonce": hashlib.md5(body).hexdigest(),
    }


def settings(**secrets: str) -> Settings:
    return Settings(_env_file=None, **{name: SecretStr(value) for name, value in secrets.items()})  # type: ignore[call-arg, arg-type]


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client(settings(twenty_webhook_secret=SECRET, supabase_webhook_secret=SECRET))
    with client.http:
        yield client


def test_what_is_signed_is_taken(client: Client) -> None:
    assert client.twenty() == 204
    assert client.told.times == 1


def test_the_signature_covers_every_byte(client: Client) -> None:
    headers = signed(BODY)
    for tampered in (BODY + b" ", BODY.replace(b"updated", b"deleted"), b"", json.dumps(json.loads(BODY)).encode()):
        assert client.twenty(headers, tampered) == 401
    assert client.told.times == 0


def test_the_signature_covers_the_time_stamp(client: Client) -> None:
    assert client.twenty({"X-Twenty-Webhook-Timestamp": str(round(NOW * 1000) + 1)}) == 401
    assert client.told.times == 0


@pytest.mark.parametrize("secret", ["", "other", SECRET + " ", SECRET.upper()])
def test_another_secret_is_refused(client: Client, secret: str) -> None:
    assert client.twenty(signed(BODY, secret=secret)) == 401
    assert client.supabase(secret=secret) == 401
    assert client.told.times == 0


@pytest.mark.parametrize("header", ["X-Twenty-Webhook-Timestamp", "X-Twenty-Webhook-Signature"])
def test_a_missing_header_is_refused(client: Client, header: str) -> None:
    assert client.twenty({header: None}) == 401
    assert client.supabase(secret=None) == 401
    assert client.told.times == 0


@pytest.mark.parametrize("signature", ["", "ü", "0" * 64, "sha256=", "\x7f"])
def test_a_signature_of_any_form_is_merely_wrong(client: Client, signature: str) -> None:
    assert client.twenty({"X-Twenty-Webhook-Signature": signature}) == 401


@pytest.mark.parametrize("timestamp", ["", "soon", "²", "-1", "1e15", "9" * 400])
def test_a_time_stamp_that_is_none_is_refused_though_it_is_signed(client: Client, timestamp: str) -> None:
    signature = hmac.new(SECRET.encode(), timestamp.encode() + b":" + BODY, hashlib.sha256).hexdigest()
    headers = {"X-Twenty-Webhook-Timestamp": timestamp, "X-Twenty-Webhook-Signature": signature}
    assert client.twenty(headers) == 401


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-299, 204), (299, 204), (301, 401)])
def test_a_time_stamp_may_be_five_minutes_off(client: Client, seconds: float, status: int) -> None:
    assert client.twenty(signed(BODY, at=NOW + seconds)) == status


def test_a_replay_is_refused_whatever_its_nonce_and_as_long_as_its_time_stamp_would_do(client: Client) -> None:
    headers = signed(BODY, at=NOW + TOLERANCE_SECONDS)
    assert client.twenty(headers) == 204
    assert client.twenty(headers) == 401
    assert client.twenty({**headers, "X-Twenty-Webhook-Nonce": "0" * 32}) == 401
    client.now = NOW + 2 * TOLERANCE_SECONDS
    assert client.twenty(headers) == 401, "its time stamp is good still"
    assert client.told.times == 1
    assert client.twenty(signed(BODY, at=client.now)) == 204, "the same text at another time is news"


def test_supabase_is_known_by_its_secret_and_a_replay_by_its_body(client: Client) -> None:
    assert client.supabase() == 204
    assert client.supabase() == 401
    assert client.supabase(BODY + b" ") == 204
    client.now += MEMORY_SECONDS + 1
    assert client.supabase() == 204
    assert client.told.times == 3


def test_what_was_refused_is_not_remembered(client: Client) -> None:
    assert client.supabase(secret="other") == 401
    assert client.supabase() == 204


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    taken = Taken(most=3)
    assert all(taken.is_new(bytes([number]), NOW + number) for number in range(5))
    assert len(taken) == 3
    assert not taken.is_new(b"\x04", NOW + 5)
    assert taken.is_new(b"\x00", NOW + 5)
    assert taken.is_new(b"\x09", NOW + 5 + MEMORY_SECONDS + 1)
    assert len(taken) == 1


def test_a_body_may_have_a_megabyte(client: Client) -> None:
    assert client.twenty(body=b"x" * MOST_BYTES) == 204
    assert client.twenty(body=b"x" * (MOST_BYTES + 1)) == 413
    assert client.supabase(b"x" * (MOST_BYTES + 1)) == 413
    assert client.told.times == 1


def test_a_body_that_does_not_end_is_not_waited_for(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "BODY_SECONDS", 0.05)
    said: list[int] = []

    async def never() -> dict[str, Any]:
        await asyncio.sleep(60)
        raise AssertionError

    async def answer(message: Any) -> None:
        if message["type"] == "http.response.start":
            said.append(message["status"])

    app = create_app(verifiers(settings(supabase_webhook_secret=SECRET)), client.told)
    scope = {"type": "http", "method": "POST", "path": "/supabase", "headers": [], "query_string": b""}
    asyncio.run(app(scope, never, answer))
    assert said == [408]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(client: Client, method: str) -> None:
    assert client.http.request(method, "/twenty").status_code == 405
    assert client.http.request(method, "/supabase").status_code == 405
    assert client.told.times == 0


def test_a_system_without_a_secret_has_no_address() -> None:
    alone = Client(settings(twenty_webhook_secret=SECRET))
    with alone.http:
        assert alone.twenty() == 204
        assert alone.http.post("/supabase", headers={"X-Webhook-Secret": ""}).status_code == 404
    assert not verifiers(settings(twenty_webhook_secret="", supabase_webhook_secret=""))


def test_health(client: Client) -> None:
    assert client.http.get("/health").status_code == 200
    assert client.http.get("/").status_code == 404


def test_the_log_says_why_and_nothing_of_what_was_sent(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client.twenty()
    client.twenty()
    client.twenty(signed(BODY), BODY + b" ")
    client.twenty(signed(BODY, at=0))
    client.supabase()
    client.supabase(secret="guess")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("truth_forge_sync")]
    assert ours == [
        "a webhook for twenty was refused: it came before",
        "a webhook for twenty was refused: its signature is wrong",
        "a webhook for twenty was refused: its time stamp is more than five minutes from our clock",
        "a webhook for supabase was refused: its secret is wrong",
    ]
    for told in ("Personal", "person.updated", SECRET, "guess", *signed(BODY).values()):
        assert told and told not in caplog.text
