"""Supabase, through its official client, against a stand-in over a real PostgreSQL."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from truth_forge_sync.errors import Retry, Stop, Throttled
from truth_forge_sync.sandbox.faults import Drop, Faults, Hang, Status
from truth_forge_sync.sandbox.postgres import Postgres
from truth_forge_sync.sandbox.serve import serve
from truth_forge_sync.sandbox.supabase import create_supabase_app
from truth_forge_sync.systems import protocol
from truth_forge_sync.systems.protocol import WriteKind
from truth_forge_sync.systems.supabase import Supabase, rest, setup_sql
from truth_forge_sync_tests.conformance.cases import (
    REGION,
    Opened,
    Wire,
    create,
    patch,
    person,
    read_all,
    read_one,
    write_one,
)
from truth_forge_sync_tests.conformance.suite import SystemConformance
from truth_forge_sync_tests.systems.people import SqlPerson

KEY = "sb_secret_for_tests"
TABLE = "contacts_master"
WRITTEN, MOVED, GONE, REFUSED, UNKNOWN = (
    protocol.Status.WRITTEN,
    protocol.Status.MOVED,
    protocol.Status.GONE,
    protocol.Status.REFUSED,
    protocol.Status.UNKNOWN,
)


def run_setup_sql(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(setup_sql(TABLE).encode())


@pytest.fixture(scope="module")
def shared_faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def shared_url(postgres_server: Postgres, shared_database: str, shared_faults: Faults) -> Iterator[str]:
    """A project that the conformance tests share."""
    dsn = postgres_server.dsn(shared_database)
    run_setup_sql(dsn)
    with serve(create_supabase_app(dsn, KEY, shared_faults)) as served:
        yield served.url


_opened: list[Supabase] = []


def open_(url: str, key: str = KEY) -> Supabase:
    _opened.append(Supabase(url, key, table=TABLE, region=REGION))
    return _opened[-1]


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    """Closes whatever a test has opened."""
    yield
    while _opened:
        _opened.pop().close()


REFUSAL = Status(
    400,
    {
        "code": "23514",
        "message": 'new row for relation "contacts_master" violates check constraint "no_short_names"',
        "details": "Failing row contains (ann@example.com)",
        "hint": None,
    },
)


class TestSupabase(SystemConformance):
    title = "Supabase"
    card = Supabase.capabilities

    @pytest.fixture
    def opened(
        self,
        shared_url: str,
        shared_faults: Faults,
        postgres_server: Postgres,
        shared_database: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Opened:
        def impatient() -> Supabase:
            monkeypatch.setattr(rest, "TIMEOUTS", httpx.Timeout(5, read=1))
            return open_(shared_url)

        shared_faults.clear()
        outside = SqlPerson(postgres_server.url(shared_database))
        outside.run("CREATE UNIQUE INDEX IF NOT EXISTS one_email_each ON contacts_master (primary_email)")
        outside.run("TRUNCATE contacts_master, contacts_tombstones")
        wire = Wire(shared_faults, impatient, REFUSAL, 'violates check constraint "no_short_names"')
        return Opened(open_(shared_url), outside, wire, outside.begin)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "_backoff", lambda _state: 0.0)


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def bare_url(postgres_dsn: str, faults: Faults) -> Iterator[str]:
    """A project in which our SQL was never run."""
    with serve(create_supabase_app(postgres_dsn, KEY, faults, max_rows=100)) as served:
        yield served.url


@pytest.fixture
def url(bare_url: str, postgres_dsn: str) -> str:
    run_setup_sql(postgres_dsn)
    return bare_url


@pytest.fixture
def outside(postgres_url: str) -> SqlPerson:
    return SqlPerson(postgres_url)


@pytest.fixture
def supabase(url: str) -> Supabase:
    return open_(url)


# Reading completely


def test_a_project_that_answers_fewer_rows_than_asked_for_is_read_whole(supabase: Supabase, outside: SqlPerson) -> None:
    ids = outside.insert_many([person(number) for number in range(250)])
    assert set(read_all(supabase)) == set(ids)
    assert {row.native_id for page in supabase.read_by_id(ids) for row in page} == set(ids)


def test_a_read_that_breaks_off_is_not_the_end_of_the_table(
    supabase: Supabase, outside: SqlPerson, faults: Faults
) -> None:
    outside.insert_many([person(number) for number in range(250)])
    supabase.fields()
    faults.before(Status(500), method="GET", skip=1)
    with pytest.raises(Retry):
        read_all(supabase)


def test_an_empty_answer_is_not_an_empty_table(supabase: Supabase, outside: SqlPerson, faults: Faults) -> None:
    outside.insert(person(1))
    supabase.fields()
    faults.before(Status(200, []), method="GET")
    with pytest.raises(Retry, match="empty"):
        read_all(supabase)


def test_row_level_security_that_hides_the_table_needs_a_person(supabase: Supabase, outside: SqlPerson) -> None:
    outside.run(
        "CREATE OR REPLACE FUNCTION truth_forge_status() RETURNS jsonb LANGUAGE sql"
        """ AS $$ SELECT '{"sees_all": false, "triggers": []}'::jsonb $$"""
    )
    with pytest.raises(Stop, match="row-level security"):
        read_all(supabase)


def test_a_page_that_is_no_table_is_not_read_as_one(supabase: Supabase, faults: Faults) -> None:
    faults.before(Status(200, "a proxy's greeting"))
    with pytest.raises(Retry):
        supabase.marker()


# Errors and what to do about them


def test_a_read_is_tried_again_a_few_times(supabase: Supabase, outside: SqlPerson, faults: Faults) -> None:
    native_id = outside.insert(person(1))
    for failure in (Status(503), Drop(), Status(520)):
        faults.before(failure, method="GET")
    assert read_one(supabase, native_id).native_id == native_id
    faults.status(503, times=50)
    with pytest.raises(Retry):
        supabase.marker()
    assert 50 - faults.pending == rest.ATTEMPTS


def test_a_server_that_asks_for_patience_gets_it(supabase: Supabase, faults: Faults) -> None:
    faults.before(Status(429, headers={"retry-after": "0"}), times=2)
    assert supabase.marker() == "|"
    faults.before(Status(429, headers={"retry-after": "0"}), times=10)
    with pytest.raises(Throttled):
        supabase.marker()


def test_a_server_that_is_not_there_is_tried_again_later() -> None:
    system = open_("http://127.0.0.1:1")
    for call in (system.marker, lambda: read_all(system), lambda: list(system.write([create({})]))):
        with pytest.raises(Retry):
            call()


def _token(role: str) -> str:
    part = base64.urlsafe_b64encode(json.dumps({"role": role}).encode()).rstrip(b"=").decode()
    return f"eyJ.{part}.signature"


@pytest.mark.parametrize("key", ["sb_secret_wrong", "sb_publishable_x", _token("anon"), _token("service_role")])
def test_a_key_that_cannot_work_names_its_variable_and_not_itself(url: str, key: str) -> None:
    with pytest.raises(Stop, match="SUPABASE_KEY") as caught:
        open_(url, key).marker()
    assert key not in str(caught.value)


# Setting up


def test_what_is_missing_is_listed_with_its_remedy(bare_url: str, postgres_dsn: str, outside: SqlPerson) -> None:
    system = open_(bare_url)
    for call in (system.marker, system.fields, lambda: read_all(system), lambda: list(system.write([create({})]))):
        with pytest.raises(Stop, match="init --print-sql supabase"):
            call()
    steps = list(system.init())
    assert steps and not any(step.done for step in steps)
    assert all("init --print-sql supabase" in step.what for step in steps)
    run_setup_sql(postgres_dsn)
    run_setup_sql(postgres_dsn)
    assert list(system.init()) == []
    outside.run("ALTER TABLE contacts_master DISABLE TRIGGER USER")
    outside.run("DROP TRIGGER truth_forge_bury ON contacts_master")
    assert ["truth_forge_bury" in step.what for step in system.init()] == [True]


def test_a_column_that_is_missing_is_not_a_field(url: str, supabase: Supabase, outside: SqlPerson) -> None:
    row = read_one(supabase, outside.insert(person(1)))
    outside.run("ALTER TABLE contacts_master DROP nickname, DROP ai_insights")
    supabase = open_(url)
    assert {"nickname", "ai_insights"}.isdisjoint(supabase.fields()) and "city" in supabase.fields()
    outcome = write_one(supabase, create({"nickname": "Annie"}))
    assert (outcome.status, outcome.field) == (REFUSED, "nickname")
    assert write_one(supabase, patch(row, {"city": "Bern"})).status is WRITTEN
    assert len(list(supabase.init())) == 2


def test_without_tombstones_it_works_and_says_what_is_lost(supabase: Supabase, outside: SqlPerson) -> None:
    native_id = outside.insert(person(1))
    outside.run("DROP TABLE contacts_tombstones")
    assert supabase.marker() and set(read_all(supabase)) == {native_id}
    assert len(supabase.warnings) == 1 and "contacts_tombstones" in supabase.warnings[0]


def test_a_look_at_the_marker_is_one_request_and_two_where_our_function_is_not_there(
    supabase: Supabase, outside: SqlPerson
) -> None:
    native_id = outside.insert(person(1))
    before, began = supabase.marker(), supabase.requests
    assert supabase.marker() == before
    assert supabase.requests == began + 1
    outside.hard_delete(native_id)
    assert supabase.marker() != before
    outside.run("DROP FUNCTION truth_forge_marker")
    assert supabase.marker() == supabase.marker()
    began = supabase.requests
    supabase.marker()
    assert supabase.requests == began + 2


def test_a_look_at_the_marker_sorts_nothing(supabase: Supabase, outside: SqlPerson, postgres_dsn: str) -> None:
    outside.insert_many([person(number) for number in range(300)])
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("SET enable_seqscan = off")
        (body,) = connection.execute("SELECT prosrc FROM pg_proc WHERE proname = 'truth_forge_marker'").fetchone() or ()
        plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {body}".encode()))
    assert plan.count("Index") >= 2
    assert "Sort" not in plan


# Writing


def test_without_our_function_edits_still_compare_and_swap(supabase: Supabase, outside: SqlPerson) -> None:
    ids = outside.insert_many([person(number) for number in range(4)])
    rows = {row.native_id: row for page in supabase.read_by_id(ids) for row in page}
    outside.run("DROP FUNCTION truth_forge_apply")
    outside.update(ids[1], {"last_name": "Moved"})
    outside.hard_delete(ids[2])
    writes = [patch(rows[native_id], {"city": "Bern"}) for native_id in ids[:3]]
    writes.append(patch(rows[ids[3]], {}, WriteKind.DELETE))
    statuses = {outcome.write.native_id: outcome.status for outcome in supabase.write(writes)}
    assert statuses == {ids[0]: WRITTEN, ids[1]: MOVED, ids[2]: GONE, ids[3]: WRITTEN}
    assert outside.read(ids[2]) is None
    assert read_one(supabase, ids[0]).values["city"] == "Bern" and read_one(supabase, ids[3]).deleted
    assert ["truth_forge_apply" in warning for warning in supabase.warnings] == [True]


def test_a_batch_of_edits_is_one_request(supabase: Supabase, outside: SqlPerson) -> None:
    ids = outside.insert_many([person(number) for number in range(90)])
    rows = [row for page in supabase.read_by_id(ids) for row in page]
    before = supabase.requests
    changes: list[dict[str, str | None]] = [{"city": "Bern"}, {"notes": "x"}, {"last_name": None, "is_me": "true"}]
    outcomes = list(supabase.write([patch(row, changes[n % 3]) for n, row in enumerate(rows)]))
    assert {outcome.status for outcome in outcomes} == {WRITTEN}
    assert supabase.requests == before + 1


def test_a_refused_row_is_named_and_the_others_are_written(supabase: Supabase, outside: SqlPerson) -> None:
    ids = outside.insert_many([person(number) for number in range(20)])
    rows = [row for page in supabase.read_by_id(ids) for row in page]
    outside.run("ALTER TABLE contacts_master ADD CONSTRAINT no_short_job_title CHECK (length(job_title) > 3)")
    edits = [patch(row, {"job_title": "Abc" if n == 7 else "Cook"}) for n, row in enumerate(rows)]
    creates = [create({"job_title": "Abc" if n == 7 else "Cook"}) for n in range(20)]
    refused = [outcome for outcome in supabase.write([*edits, *creates]) if outcome.status is not WRITTEN]
    assert {outcome.write.native_id for outcome in refused} == {edits[7].native_id, creates[7].native_id}
    for outcome in refused:
        assert (outcome.status, outcome.field) == (REFUSED, "job_title")
        assert "no_short_job_title" in outcome.message and "Abc" not in outcome.message


def test_a_value_that_the_database_cannot_read_is_refused_without_being_told(
    supabase: Supabase, outside: SqlPerson
) -> None:
    outside.run("DROP FUNCTION truth_forge_apply")
    outside.run("ALTER TABLE contacts_master ALTER city TYPE int USING NULL")
    outcome = write_one(supabase, create({"city": "Winterthur"}))
    assert outcome.status is REFUSED and outcome.message.startswith("22P02")
    assert "Winterthur" not in outcome.message


def test_defaults_of_the_table_hold_for_what_a_create_does_not_say(supabase: Supabase, outside: SqlPerson) -> None:
    outside.run("ALTER TABLE contacts_master ALTER is_me SET DEFAULT false, ALTER is_me SET NOT NULL")
    outcomes = list(supabase.write([create({"city": "Bern"}), create({"is_me": "true"})]))
    assert [outcome.row.values for outcome in outcomes if outcome.row] == [
        {"city": "Bern", "is_me": "false"},
        {"is_me": "true"},
    ]


def test_a_contact_id_that_another_row_carries_is_not_filled_in(supabase: Supabase, outside: SqlPerson) -> None:
    contact_id = str(uuid.uuid4())
    write_one(supabase, create({"city": "Bern"}, contact_id))
    row = read_one(supabase, outside.insert(person(1)))
    write = protocol.Write(WriteKind.PATCH, contact_id, row.native_id, {"city": "Basel"}, seen=row)
    assert write_one(supabase, write).status is WRITTEN
    after = read_one(supabase, row.native_id)
    assert (after.contact_id, after.values["city"]) == (None, "Basel")


@pytest.mark.parametrize("failure", [Drop(), Status(504), Hang(10)], ids=["drop", "gateway", "hang"])
def test_a_write_whose_answer_is_lost_is_unknown_and_safe_to_send_again(
    url: str, faults: Faults, failure: Drop | Status | Hang, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "TIMEOUTS", httpx.Timeout(5, read=2))
    supabase = open_(url)
    supabase.fields()
    created, write = create({"city": "Bern"}), create({"city": "Basel"})
    faults.after(failure, method="POST")
    assert [outcome.status for outcome in supabase.write([created, write])] == [UNKNOWN, UNKNOWN]
    assert [outcome.status for outcome in supabase.write([created, write])] == [WRITTEN, WRITTEN]
    row = read_one(supabase, created.native_id)
    faults.after(failure, method="POST")
    edit = patch(row, {"city": "Chur"})
    assert write_one(supabase, edit).status is UNKNOWN
    assert write_one(supabase, edit).status is MOVED
    assert read_one(supabase, created.native_id).values == {"city": "Chur"}


def test_a_write_that_was_turned_away_is_sent_again(supabase: Supabase, faults: Faults) -> None:
    faults.before(Status(503), method="POST", times=2)
    assert write_one(supabase, create({"city": "Bern"})).status is WRITTEN
    assert len(read_all(supabase)) == 1
