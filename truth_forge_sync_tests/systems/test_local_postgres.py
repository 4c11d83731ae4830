"""The local database as PostgreSQL."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Iterator
from typing import ClassVar

import pytest
import sqlalchemy as sa

from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.sandbox.postgres import Postgres
from truth_forge_sync.systems.local import Local
from truth_forge_sync.systems.local import engine as local_engine
from truth_forge_sync.systems.protocol import Status, WriteKind
from truth_forge_sync_tests.conformance.cases import (
    REGION,
    WIRE,
    Opened,
    create,
    patch,
    person,
    read_all,
    read_one,
    write_one,
)
from truth_forge_sync_tests.conformance.suite import SystemConformance
from truth_forge_sync_tests.systems.people import SqlPerson


class TestLocalPostgres(SystemConformance):
    title = "local (PostgreSQL)"
    card = Local.capabilities
    without: ClassVar = {WIRE: "it does not speak HTTP; the tests beside this one cut its connections"}

    @pytest.fixture
    def opened(self, postgres_server: Postgres, shared_database: str) -> Iterator[Opened]:
        url = postgres_server.url(shared_database)
        system, outside = Local(url, region=REGION), SqlPerson(url)
        list(system.init())
        outside.run("CREATE UNIQUE INDEX IF NOT EXISTS one_email_each ON contacts_master (primary_email)")
        outside.run("TRUNCATE contacts_master, contacts_tombstones")
        yield Opened(system, outside, begin=outside.begin)
        system.close()


@pytest.fixture
def outside(postgres_url: str) -> SqlPerson:
    return SqlPerson(postgres_url)


@pytest.fixture
def local(postgres_url: str) -> Iterator[Local]:
    system = Local(postgres_url, region=REGION)
    list(system.init())
    yield system
    system.close()


def test_the_version_holds_every_microsecond(local: Local, outside: SqlPerson) -> None:
    native_id = outside.insert({**person(1), "updated_at": "2026-01-02 03:04:05.678900+00"})
    row = read_one(local, native_id)
    assert row.version == "2026-01-02T03:04:05.678900+00:00"
    assert row.changed_at.microsecond == 678_900


def test_a_row_that_somebody_is_editing_is_waited_for_and_found_moved(local: Local, outside: SqlPerson) -> None:
    native_id = outside.insert(person(1))
    row = read_one(local, native_id)
    with outside.engine.begin() as connection:
        connection.execute(sa.text("UPDATE contacts_master SET last_name = 'Theirs'"))
        outcomes: list[Status] = []
        writer = threading.Thread(
            target=lambda: outcomes.append(write_one(local, patch(row, {"last_name": "Ours"})).status)
        )
        writer.start()
        time.sleep(0.2)
        assert outcomes == []
    writer.join(10)
    assert outcomes == [Status.MOVED]
    assert read_one(local, native_id).values["last_name"] == "Theirs"


def test_a_lock_that_is_never_let_go_of_is_no_reason_to_hang(
    postgres_url: str, local: Local, outside: SqlPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = read_one(local, outside.insert(person(1)))
    monkeypatch.setattr(local_engine, "LOCK_SECONDS", 0.2)
    impatient = Local(postgres_url, region=REGION)
    with outside.engine.begin() as connection:
        connection.execute(sa.text("UPDATE contacts_master SET last_name = 'Theirs'"))
        with pytest.raises(Retry, match="locked"):
            write_one(impatient, patch(row, {"last_name": "Ours"}))
    impatient.close()


def test_a_refused_value_is_named_without_being_told(local: Local, outside: SqlPerson) -> None:
    outside.run("ALTER TABLE contacts_master ADD CONSTRAINT no_short_job_title CHECK (length(job_title) > 3)")
    outside.run("ALTER TABLE contacts_master ALTER city TYPE varchar(5)")
    writes = [create({"job_title": "Cook", "city": "Bern"}) for _ in range(20)]
    writes[7] = create({"job_title": "Abc", "city": "Bern"})
    writes[13] = create({"job_title": "Cook", "city": "Winterthur"})
    outcomes = {outcome.write.native_id: outcome for outcome in local.write(writes)}
    short, long = outcomes.pop(writes[7].native_id), outcomes.pop(writes[13].native_id)
    assert {outcome.status for outcome in outcomes.values()} == {Status.WRITTEN}
    assert (short.status, short.field) == (Status.REFUSED, "job_title")
    assert "no_short_job_title" in short.message and "Abc" not in short.message
    assert long.status is Status.REFUSED and long.message.startswith("22001 value too long")
    assert len(read_all(local)) == 18


def test_a_constraint_that_waits_for_the_end_is_laid_to_its_row(local: Local, outside: SqlPerson) -> None:
    outside.run("ALTER TABLE contacts_master ADD UNIQUE (nickname) DEFERRABLE INITIALLY DEFERRED")
    writes = [create({"nickname": "one"}), create({"nickname": "two"}), create({"nickname": "one"})]
    assert sorted(outcome.status for outcome in local.write(writes)) == ["refused", "written", "written"]


def test_a_table_with_other_columns_and_types_is_left_as_it_is(postgres_url: str, outside: SqlPerson) -> None:
    outside.run(
        "CREATE TABLE contacts_master (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), first_name varchar(50),"
        " other_emails text[] NOT NULL DEFAULT '{}', llm_context text, is_me boolean NOT NULL DEFAULT false,"
        " shoe_size int DEFAULT 42)"
    )
    native_id = outside.insert({"first_name": "Ann", "shoe_size": 39})
    local = Local(postgres_url, region=REGION)
    assert all(step.done for step in local.init())
    row = read_one(local, native_id)
    assert row.values == {"first_name": "Ann", "is_me": "false"}
    changes = {"other_emails/a@example.com": "true", "llm_context/topic": '"tea"', "is_me": "true"}
    assert write_one(local, patch(row, changes)).status is Status.WRITTEN
    kept = outside.read(native_id)
    assert kept is not None
    assert (kept["shoe_size"], kept["other_emails"], kept["is_me"]) == (39, ["a@example.com"], True)
    assert write_one(local, create({"first_name": "Bea"})).status is Status.WRITTEN
    local.close()


def test_unreadable_values_are_reported_and_the_rest_is_read(local: Local, outside: SqlPerson) -> None:
    row = read_one(local, outside.insert({**person(1), "primary_phone": "call me", "llm_context": [1]}))
    assert {unread.field for unread in row.unread} == {"primary_phone", "llm_context"}
    assert row.values["first_name"] == "Ann1"


def test_a_date_beyond_the_calendar_stops_nobody(local: Local, outside: SqlPerson) -> None:
    native_id = outside.insert({**person(1), "birthday": "infinity"})
    assert [unread.field for unread in read_all(local)[native_id].unread] == ["birthday"]


def test_an_error_carries_no_values_along(local: Local, outside: SqlPerson) -> None:
    assert "nickname" in local.fields()
    outside.run("ALTER TABLE contacts_master DROP COLUMN nickname CASCADE")
    write = create({"city": "Winterthur", "nickname": "Annie"})
    with pytest.raises(Stop) as caught:
        write_one(local, write)
    assert "Annie" not in "".join(traceback.format_exception(caught.value))


def test_ids_that_are_none_are_left_out(local: Local) -> None:
    assert list(local.read_by_id(["not-a-uuid", ""])) == []


def test_a_deleted_contact_that_comes_back_is_no_longer_buried(local: Local, outside: SqlPerson) -> None:
    write = create({"first_name": "Ann"})
    write_one(local, write)
    outside.hard_delete(write.native_id)
    assert read_all(local)[write.native_id].gone
    assert write_one(local, write).status is Status.WRITTEN
    assert not read_all(local)[write.native_id].deleted


def test_a_missing_table_names_its_remedy(postgres_url: str) -> None:
    local = Local(postgres_url, region=REGION)
    for call in (local.marker, local.fields, lambda: read_all(local), lambda: list(local.write([create({})]))):
        with pytest.raises(Stop, match="truth-forge-sync init"):
            call()
    assert [step.done for step in local.init(dry_run=True)] == [False]
    assert [step.done for step in local.init(dry_run=True)] == [False]
    local.close()


def test_a_server_that_is_down_is_tried_again_later() -> None:
    local = Local("postgresql://nobody@127.0.0.1:1/none", region=REGION)
    with pytest.raises(Retry):
        local.marker()


def test_a_missing_database_needs_a_person(postgres_server: Postgres) -> None:
    local = Local(postgres_server.url("no_such_database"), region=REGION)
    with pytest.raises(Stop, match="LOCAL_DATABASE_URL"):
        local.marker()


def test_a_connection_that_was_cut_is_made_anew(local: Local, outside: SqlPerson) -> None:
    local.marker()
    cut_connections(outside)
    assert local.marker()


def cut_connections(outside: SqlPerson) -> None:
    outside.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'truth-forge-sync'"
    )
    time.sleep(0.1)


def test_a_connection_lost_before_the_commit_has_written_nothing(local: Local, outside: SqlPerson) -> None:
    outside.run(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"
    )
    outside.run("CREATE TRIGGER die AFTER INSERT ON contacts_master FOR EACH ROW EXECUTE FUNCTION die()")
    with pytest.raises(Retry):
        write_one(local, create({"city": "Bern"}))
    assert read_all(local) == {}


def test_a_connection_lost_at_the_commit_leaves_it_unknown(local: Local, outside: SqlPerson) -> None:
    write = create({"city": "Bern"})
    sa.event.listen(local._engine, "commit", lambda _connection: cut_connections(outside), once=True)
    assert write_one(local, write).status is Status.UNKNOWN
    assert write_one(local, write).status is Status.WRITTEN


def test_a_delete_of_a_row_restored_meanwhile_does_nothing(local: Local, outside: SqlPerson) -> None:
    native_id = outside.insert(person(1))
    outside.soft_delete(native_id)
    deleted = read_one(local, native_id)
    outside.run("UPDATE contacts_master SET deleted_at = NULL")
    assert write_one(local, patch(deleted, {}, WriteKind.RESTORE)).status is Status.MOVED
