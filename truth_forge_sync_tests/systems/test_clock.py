"""How far a system's clock is off is measured along the way, within the error of the measurement."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from truth_forge_sync.systems.clock import LAST, ClockOffset, DateHeader
from truth_forge_sync.systems.local import Local
from truth_forge_sync.systems.memory import Memory
from truth_forge_sync.systems.protocol import System
from truth_forge_sync.systems.supabase import Supabase
from truth_forge_sync.systems.twenty import Twenty
from truth_forge_sync_tests.conformance.cases import REGION, person, read_all
from truth_forge_sync_tests.systems.people import SqlPerson
from truth_forge_sync_tests.systems.twenty_outside import Line

NONE = timedelta(0)
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
MINUTES = [timedelta(minutes=2), timedelta(minutes=-2)]


class Watch:
    """Our clock and timer, which only waiting moves; theirs is ``ahead`` of it."""

    def __init__(self, precision: float = 0.0) -> None:
        self.now = 0.0
        self.offset = ClockOffset(timedelta(seconds=precision), clock=self.clock, timer=lambda: self.now)

    def clock(self) -> datetime:
        return NOON + timedelta(seconds=self.now)

    def exchange(self, ahead: float, *, there: float = 0.1, back: float = 0.1) -> None:
        """One question and its answer, with the seconds that each was under way."""
        self.offset.ask()
        self.now += there
        theirs = self.clock() + timedelta(seconds=ahead)
        self.now += back
        self.offset.answer(theirs)


def test_nothing_asked_is_nothing_known() -> None:
    assert Watch().offset.offset == NONE


@pytest.mark.parametrize("ahead", [120.0, -120.0])
def test_the_offset_is_the_difference_in_the_middle_of_the_round_trip(ahead: float) -> None:
    watch = Watch()
    watch.exchange(ahead)
    assert watch.offset.offset == timedelta(seconds=ahead)


@pytest.mark.parametrize(("there", "back"), [(3.0, 0.0), (0.0, 3.0), (1.5, 1.5)])
def test_what_a_slow_answer_may_be_off_by_is_no_offset(there: float, back: float) -> None:
    watch = Watch()
    watch.exchange(0, there=there, back=back)
    assert watch.offset.offset == NONE


@pytest.mark.parametrize(("ahead", "found"), [(2.0, 0.0), (-2.0, 0.0), (2.5, 2.5), (-2.5, -2.5)])
def test_an_offset_within_the_precision_of_their_clock_is_none(ahead: float, found: float) -> None:
    watch = Watch(precision=2.0)
    watch.exchange(ahead)
    assert watch.offset.offset == timedelta(seconds=found)


def test_the_quickest_answer_counts() -> None:
    watch = Watch()
    for seconds in (5, 0.2, 9):
        watch.exchange(60, there=seconds, back=0)
    assert watch.offset.offset == timedelta(seconds=60.1)


def test_a_clock_that_is_set_right_is_found_right() -> None:
    watch = Watch()
    watch.exchange(120, there=0.01, back=0.01)
    for _ in range(LAST):
        watch.exchange(0)
    assert watch.offset.offset == NONE


# The date of an HTTP answer


def dated(*headers: dict[str, str]) -> timedelta:
    """The offset after answers with these headers."""
    answers = iter(headers)
    offset = DateHeader()
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, headers=next(answers)))
    with httpx.Client(transport=transport) as client:
        client.event_hooks = {"request": [offset.request], "response": [offset.response]}
        for _ in headers:
            client.get("http://server/")
    return offset.offset


def shown(ahead: timedelta) -> str:
    return formatdate(time.time() + ahead.total_seconds(), usegmt=True)


@pytest.mark.parametrize("ahead", MINUTES)
def test_the_date_of_an_answer_tells_the_offset(ahead: timedelta) -> None:
    assert abs(dated({"date": shown(ahead)}) - ahead) < timedelta(seconds=1)


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_a_date_is_no_better_than_its_seconds(seconds: int) -> None:
    assert dated({"date": shown(timedelta(seconds=seconds))}) == NONE


@pytest.mark.parametrize(
    "headers", [{}, {"date": ""}, {"date": "yesterday"}, {"date": shown(MINUTES[0]), "age": "120"}]
)
def test_an_answer_without_a_date_of_its_own_tells_nothing(headers: dict[str, str]) -> None:
    assert dated(headers) == NONE


# The systems


class _Server(BaseHTTPRequestHandler):
    """Answers as empty systems do, by a clock that is ``ahead`` of ours."""

    ahead = NONE

    def do_GET(self) -> None:
        page = {"data": {"people": []}, "totalCount": 0, "pageInfo": {"hasNextPage": False}}
        answers = {"/rest/people": page, "/rest/v1/rpc/truth_forge_marker": "|"}
        body = json.dumps(answers[self.path.partition("?")[0]]).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return shown(self.ahead)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@contextmanager
def http_server(ahead: timedelta) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Ahead", (_Server,), {"ahead": ahead}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["twenty", "supabase"])
def over_http(request: pytest.FixtureRequest, ahead: timedelta) -> Iterator[System]:
    with http_server(ahead) as url:
        system: System
        if request.param == "twenty":
            system = Twenty(url, "key", requests_per_minute=0, region=REGION, transport=Line())
        else:
            system = Supabase(url, "sb_secret_key", table="contacts_master", region=REGION)
        yield system
        system.close()


@pytest.mark.parametrize("ahead", MINUTES)
def test_a_server_whose_clock_is_off_is_found_out(over_http: System, ahead: timedelta) -> None:
    over_http.marker()
    requests = over_http.requests
    assert abs(over_http.clock_offset - ahead) < timedelta(seconds=1.5)
    assert over_http.requests == requests


@pytest.mark.parametrize("ahead", [timedelta(seconds=-1), timedelta(seconds=1)])
def test_a_server_whose_clock_is_off_by_a_second_is_right(over_http: System) -> None:
    for _ in range(3):
        over_http.marker()
    assert over_http.clock_offset == NONE


@pytest.fixture
def ahead_postgres(postgres_url: str, ahead: timedelta) -> Iterator[Local]:
    """A server whose clock_timestamp() is ahead: ours is found before PostgreSQL's."""
    SqlPerson(postgres_url).run(
        "CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql"
        f" AS $$ SELECT pg_catalog.clock_timestamp() + interval '{ahead.total_seconds()} seconds' $$"
    )
    url = sa.make_url(postgres_url).update_query_dict({"options": "-c search_path=public,pg_catalog"})
    system = Local(url.render_as_string(hide_password=False), region=REGION)
    list(system.init())
    yield system
    system.close()


@pytest.mark.parametrize("ahead", MINUTES)
def test_a_database_whose_clock_is_off_is_found_out_by_the_marker(ahead_postgres: Local, ahead: timedelta) -> None:
    assert ahead_postgres.clock_offset == NONE
    marker, requests = ahead_postgres.marker(), ahead_postgres.requests
    assert abs(ahead_postgres.clock_offset - ahead) < timedelta(seconds=1)
    assert ahead_postgres.marker() == marker
    assert ahead_postgres.requests == requests + 1


@pytest.mark.parametrize("ahead", MINUTES)
def test_a_database_whose_clock_is_off_is_found_out_by_reading(
    ahead_postgres: Local, postgres_url: str, ahead: timedelta
) -> None:
    native_id = SqlPerson(postgres_url).insert(person(1))
    assert set(read_all(ahead_postgres)) == {native_id}
    assert abs(ahead_postgres.clock_offset - ahead) < timedelta(seconds=1)


def test_a_file_has_our_own_clock(tmp_path: Path) -> None:
    local = Local(f"sqlite:///{tmp_path / 'contacts.db'}", region=REGION)
    list(local.init())
    local.marker()
    assert local.clock_offset == NONE
    local.close()


def test_the_system_in_memory_has_the_offset_that_it_is_given() -> None:
    assert Memory().clock_offset == NONE
    assert Memory(clock_offset=MINUTES[0]).clock_offset == MINUTES[0]
