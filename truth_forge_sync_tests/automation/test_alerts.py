"""One alert when something breaks, one when it works again, and a ping after each good cycle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from dagster import DagsterInstance, SensorResult, build_sensor_context
from pydantic import SecretStr

from truth_forge_sync.assets.workbench import Workbench
from truth_forge_sync.automation.alerts import (
    STALE_SECONDS,
    Known,
    after_a_look,
    alerts,
    looked,
    ping,
    sender,
    troubles,
)
from truth_forge_sync.past import Past, Turn
from truth_forge_sync.status import HubCounts, compose
from truth_forge_sync_tests.project import make_project

NOW = 1_800_000_000.0


class Post:
    """Takes alerts; ``works`` says whether they can be sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.works = True

    def __call__(self, title: str, text: str) -> bool:
        if self.works:
            self.sent.append(f"{title}: {text}")
        return self.works


def looks(post: Post, *found: dict[str, str]) -> Known:
    known = Known()
    for number, one in enumerate(found):
        known = Known.of(after_a_look(known, one, post, now=NOW + 60 * number).cursor)
    return known


DOWN = {"twenty": "it does not answer"}


def test_trouble_is_told_once_and_so_is_its_end() -> None:
    post = Post()
    looks(post, {}, DOWN, DOWN, DOWN, {}, {})
    assert post.sent == [
        "twenty is broken: Since 2027-01-15 08:01 UTC: it does not answer",
        "twenty works again: It was broken from 2027-01-15 08:01 UTC to 2027-01-15 08:04 UTC.",
    ]


def test_what_passes_by_itself_is_not_told() -> None:
    post = Post()
    looks(post, DOWN, {}, DOWN, {})
    assert post.sent == []


def test_each_trouble_is_told_by_itself() -> None:
    post = Post()
    both = {**DOWN, "local": "locked"}
    looks(post, DOWN, both, both, {"local": "locked"})
    assert [text.partition(":")[0] for text in post.sent] == [
        "twenty is broken",
        "local is broken",
        "twenty works again",
    ]


def test_what_could_not_be_sent_is_sent_later() -> None:
    post = Post()
    post.works = False
    known = looks(post, DOWN, DOWN, DOWN)
    post.works = True
    known = after_a_look(known, DOWN, post, now=NOW)
    assert len(post.sent) == 1
    post.works = False
    known = after_a_look(known, {}, post, now=NOW)
    post.works = True
    after_a_look(known, {}, post, now=NOW)
    assert len(post.sent) == 2


def test_trouble_is_a_sick_system_a_brake_or_no_good_cycle_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(tmp_path, monkeypatch)
    settings = Workbench().settings
    fine = Past(running=True, last_sync=NOW, last_success=NOW, pulls={"bigquery": Turn("ok", NOW, None)})
    hub = HubCounts(contacts=1, aligned=1, read_at={"bigquery": NOW})
    assert troubles(compose(settings, fine, hub, now=NOW), {}, now=NOW) == {}
    sick = Past(running=True, last_sync=NOW, last_success=NOW, pulls={"bigquery": Turn("down", NOW, "no answer")})
    assert troubles(compose(settings, sick, hub, now=NOW), {}, now=NOW) == {"bigquery": "no answer"}
    late = NOW + STALE_SECONDS + 1
    assert set(troubles(compose(settings, fine, hub, now=late), {"local": 60}, now=late)) == {
        "brake on local",
        "cycles",
    }


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """An address on this machine, and what was sent to it."""
    heard: list[str] = []

    class Hear(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Hear) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", heard
        server.shutdown()


def test_alerts_go_where_apprise_sends_them_and_pings_to_the_watch(listener: tuple[str, list[str]]) -> None:
    address, heard = listener
    assert sender([SecretStr(f"json://{address}/alert")])("twenty is broken", "Since then: why")
    assert "Truth Forge Sync: twenty is broken" in heard[0]
    assert "Since then: why" in heard[0]
    assert ping(SecretStr(f"http://{address}/ping"))
    assert heard[1] == "/ping"
    assert not sender([SecretStr("json://127.0.0.1:9/alert")])("a", "b")
    assert not ping(SecretStr("http://127.0.0.1:9/ping"))


def test_the_sensor_says_what_is_broken_and_remembers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: tuple[str, list[str]]
) -> None:
    address, heard = listener
    make_project(tmp_path, monkeypatch)
    monkeypatch.setenv("TRUTH_FORGE_NOTIFY_URLS", f"json://{address}/alert")
    cursor = None
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        for _ in range(3):
            with build_sensor_context(
                instance=instance, cursor=cursor, resources={"workbench": Workbench()}
            ) as context:
                result = alerts(context)
            assert isinstance(result, SensorResult)
            assert "bigquery" in str(result.skip_reason)
            cursor = result.cursor
    assert len(heard) == 1
    assert "init" in heard[0], "the remedy is told"


def test_each_good_cycle_is_pinged_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: tuple[str, list[str]]
) -> None:
    address, heard = listener
    make_project(tmp_path, monkeypatch)
    monkeypatch.setenv("TRUTH_FORGE_PING_URL", f"http://{address}/ping")
    settings, known = Workbench().settings, Known()
    ends = iter([NOW, NOW, NOW + 300])
    monkeypatch.setattr(
        "truth_forge_sync.automation.alerts.read_past", lambda _instance: Past(running=True, last_success=next(ends))
    )
    with DagsterInstance.ephemeral() as instance:
        for _ in range(3):
            known, _found = looked(instance, settings, known)
    assert heard == ["/ping", "/ping"]
