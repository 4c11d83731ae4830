"""What becomes of a failing server: every failure as the right kind of error, after the retries that are safe."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from truth_forge_sync.errors import Retry, Stop, Throttled
from truth_forge_sync.sandbox.faults import Drop, Hang
from truth_forge_sync.sandbox.faults import Status as Answer
from truth_forge_sync.sandbox.serve import serve
from truth_forge_sync.sandbox.twenty import create_twenty_app
from truth_forge_sync.systems.protocol import Status, Window, WriteKind
from truth_forge_sync.systems.twenty import Twenty
from truth_forge_sync.systems.twenty.answers import Unanswered
from truth_forge_sync_tests.conformance.cases import create, patch, person, read_all, read_one, write_one
from truth_forge_sync_tests.systems.twenty_outside import KEY, Line, Workspace, workspace

PAGE = "/rest/people"


@pytest.fixture
def opened() -> Iterator[Workspace]:
    with workspace(timeout=0.3) as found:
        yield found


PASSING = [Answer(500), Answer(502), Answer(503), Answer(429), Drop(), Hang(1), Answer(200, {}), Answer(200, "<html>")]


@pytest.mark.parametrize("fault", PASSING, ids=repr)
def test_a_passing_failure_of_a_read_is_sat_out(opened: Workspace, fault: Answer | Drop | Hang) -> None:
    native_id = opened.outside.insert(person(1))
    opened.faults.before(fault, path=PAGE, times=2)
    assert set(read_all(opened.twenty)) == {native_id}
    assert all(wait >= 0.5 for wait in opened.waits)


LASTING = [Answer(503), Drop(), Answer(200, {"data": {}}), Answer(200, {"data": {"people": []}}), Answer(200, [])]


@pytest.mark.parametrize("fault", LASTING, ids=repr)
def test_a_failed_read_is_never_an_empty_one(opened: Workspace, fault: Answer | Drop) -> None:
    opened.outside.insert_many([person(number) for number in range(250)])
    opened.faults.before(fault, path=PAGE, times=9, skip=1)
    pages = opened.twenty.read_changed(Window())
    assert len(next(pages)) == 200
    with pytest.raises(Retry):
        next(pages)
    assert sum(opened.waits) < 30


def test_a_list_that_turns_in_a_circle_is_a_retry() -> None:
    page = {"data": {"people": []}, "totalCount": 9, "pageInfo": {"hasNextPage": True, "endCursor": "again"}}
    stamp = "2026-01-02T03:04:05.678Z"
    page["data"] = {"people": [{"id": "1", "createdAt": stamp, "updatedAt": stamp}]}
    objects = {"data": {"objects": [{"id": "o", "nameSingular": "person", "fields": []}]}, "totalCount": 1}
    objects["pageInfo"] = {"hasNextPage": False}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=objects if "metadata" in request.url.path else page)

    twenty = Twenty("http://crm", KEY, requests_per_minute=0, region="US", transport=httpx.MockTransport(answer))
    with pytest.raises(Retry, match="advance"):
        read_all(twenty)
    assert twenty.requests == 2
    twenty.close()


def test_a_limit_that_stays_is_throttled(opened: Workspace) -> None:
    opened.faults.status(429, times=50)
    with pytest.raises(Throttled):
        opened.twenty.marker()
    assert opened.waits and all(wait >= 0.65 for wait in opened.waits)
    assert sum(opened.waits) < 30


def test_the_servers_own_limit_is_sat_out() -> None:
    with serve(create_twenty_app(None, KEY, 100)) as served:
        twenty = Twenty(served.url, KEY, requests_per_minute=0, region="US", transport=Line())
        for _ in range(102):
            twenty.marker()
        assert twenty.requests > 102
        twenty.close()


def test_a_server_that_is_not_there_is_a_retry() -> None:
    waits: list[float] = []
    twenty = Twenty("http://127.0.0.1:9", KEY, requests_per_minute=0, region="US", sleep=waits.append, transport=Line())
    with pytest.raises(Retry, match="TWENTY_URL") as caught:
        twenty.marker()
    assert not isinstance(caught.value, Unanswered)
    write = create({"first_name": "Ann"})
    with pytest.raises(Retry):
        list(twenty.write([write]))
    twenty.close()


def test_a_wrong_key_stops_and_names_the_setting(opened: Workspace) -> None:
    twenty = opened.another("wrong")
    for call in (twenty.marker, twenty.fields, lambda: list(twenty.init()), lambda: read_all(twenty)):
        with pytest.raises(Stop, match="TWENTY_API_KEY") as caught:
            call()
        assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("status", [302, 404])
def test_another_server_stops_and_names_the_setting(status: int) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, text="<html>Hello</html>"))
    twenty = Twenty("http://crm.example.com", KEY, requests_per_minute=0, region="US", transport=transport)
    with pytest.raises(Stop, match="TWENTY_URL"):
        twenty.marker()
    twenty.close()


LOST = [Drop(), Hang(1), Answer(500), Answer(504), Answer(200, {"data": None})]


@pytest.mark.parametrize("fault", LOST, ids=repr)
def test_a_create_whose_answer_was_lost_is_found_and_not_made_twice(opened: Workspace, fault: Answer) -> None:
    writes = [create({"first_name": f"Ann{n}", "primary_email": f"ann{n}@example.com"}) for n in range(20)]
    opened.faults.after(fault, method="POST", path="/batch/people")
    outcomes = list(opened.twenty.write(writes))
    assert {outcome.status for outcome in outcomes} == {Status.WRITTEN}
    rows = read_all(opened.twenty)
    assert {outcome.write.native_id: outcome.row for outcome in outcomes} == rows


@pytest.mark.parametrize("fault", LOST, ids=repr)
def test_a_patch_whose_answer_was_lost_is_unknown(opened: Workspace, fault: Answer) -> None:
    row = read_one(opened.twenty, opened.outside.insert(person(1)))
    opened.faults.after(fault, method="PATCH", path=PAGE)
    outcome = write_one(opened.twenty, patch(row, {"first_name": "Beate"}))
    assert outcome.status is Status.UNKNOWN and outcome.message
    assert read_one(opened.twenty, row.native_id).values["first_name"] == "Beate"


def test_a_request_that_was_refused_before_any_effect_is_sent_again(opened: Workspace) -> None:
    row = read_one(opened.twenty, opened.outside.insert(person(1)))
    opened.faults.before(Answer(429), method="PATCH", times=3)
    assert write_one(opened.twenty, patch(row, {"first_name": "Beate"})).status is Status.WRITTEN


@pytest.mark.parametrize("kind", [WriteKind.PATCH, WriteKind.DELETE, WriteKind.RESTORE, WriteKind.CREATE])
def test_many_writes_without_any_answer_are_all_unknown(opened: Workspace, kind: WriteKind) -> None:
    ids = opened.outside.insert_many([person(number) for number in range(5)])
    rows = [row for page in opened.twenty.read_by_id(ids) for row in page]
    if kind is WriteKind.RESTORE:
        rows = [out.row for out in opened.twenty.write([patch(row, {}, WriteKind.DELETE) for row in rows]) if out.row]
    writes = [patch(row, {} if kind is WriteKind.DELETE else {"first_name": "Beate"}, kind) for row in rows]
    if kind is WriteKind.CREATE:
        writes = [create({"first_name": "Ann"}) for _ in range(5)]
    method = "DELETE" if kind is WriteKind.DELETE else "POST"
    opened.faults.before(Answer(503), method=method, times=20)
    outcomes = list(opened.twenty.write(writes))
    assert [outcome.status for outcome in outcomes] == [Status.UNKNOWN] * 5


def test_a_delete_whose_answer_was_lost_is_found_deleted(opened: Workspace) -> None:
    ids = opened.outside.insert_many([person(number) for number in range(5)])
    rows = [row for page in opened.twenty.read_by_id(ids) for row in page]
    opened.faults.after(Drop(), method="DELETE")
    outcomes = list(opened.twenty.write([patch(row, {}, WriteKind.DELETE) for row in rows]))
    assert {outcome.status for outcome in outcomes} == {Status.WRITTEN}
    assert all(outcome.row and outcome.row.deleted for outcome in outcomes)
