"""The local database as SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa

from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.systems.contacts_table import UNKNOWN_STAMP
from truth_forge_sync.systems.local import Local
from truth_forge_sync.systems.local import engine as local_engine
from truth_forge_sync.systems.protocol import Status
from truth_forge_sync_tests.conformance.cases import (
    LATE_COMMITS,
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


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'contacts.db'}"


@pytest.fixture
def outside(url: str) -> SqlPerson:
    return SqlPerson(url)


@pytest.fixture
def local(url: str) -> Iterator[Local]:
    system = Local(url, region=REGION)
    list(system.init())
    yield system
    system.close()


class TestLocalSqlite(SystemConformance):
    title = "local (SQLite)"
    card = Local.capabilities
    without: ClassVar = {WIRE: "it is a file", LATE_COMMITS: "there is one writer at a time"}

    @pytest.fixture
    def opened(self, local: Local, url: str) -> Opened:
        outside = SqlPerson(url)
        outside.run("CREATE UNIQUE INDEX one_email_each ON contacts_master (primary_email)")
        return Opened(local, outside)


def test_many_edits_within_a_millisecond_each_have_a_version(local: Local, outside: SqlPerson) -> None:
    native_id = outside.insert(person(1))
    versions: set[str] = set()
    with outside.engine.begin() as connection:
        for number in range(50):
            connection.exec_driver_sql("UPDATE contacts_master SET job_title = ?", (f"Job {number}",))
            versions.add(connection.exec_driver_sql("SELECT updated_at FROM contacts_master").scalar_one())
    assert len(versions) == 50
    assert read_one(local, native_id).version == max(versions)


def test_a_refused_value_is_named_without_being_told(local: Local, outside: SqlPerson) -> None:
    outside.run("CREATE UNIQUE INDEX one_address ON contacts_master (primary_email)")
    addresses = [f"ann{number}@example.com" for number in range(20)]
    addresses[7] = addresses[3]
    outcomes = list(local.write([create({"primary_email": address}) for address in addresses]))
    (refused,) = (outcome for outcome in outcomes if outcome.status is not Status.WRITTEN)
    assert (refused.status, refused.field) == (Status.REFUSED, "primary_email")
    assert "UNIQUE" in refused.message and "example.com" not in refused.message
    assert len(read_all(local)) == 19


def test_what_a_trigger_says_is_not_repeated(local: Local, outside: SqlPerson) -> None:
    outside.run(
        "CREATE TRIGGER picky BEFORE UPDATE ON contacts_master WHEN NEW.city = 'Atlantis'"
        " BEGIN SELECT RAISE(ABORT, 'Ann cannot live in Atlantis'); END"
    )
    row = read_one(local, outside.insert(person(1)))
    outcome = write_one(local, patch(row, {"city": "Atlantis"}))
    assert outcome.status is Status.REFUSED and "Ann" not in outcome.message
    assert read_one(local, row.native_id) == row


def test_text_that_is_not_unicode_is_refused_alone(local: Local) -> None:
    good, bad = create({"city": "Bern"}), create({"city": "\ud800"})
    statuses = {outcome.write.native_id: outcome.status for outcome in local.write([good, bad])}
    assert statuses == {good.native_id: Status.WRITTEN, bad.native_id: Status.REFUSED}


def test_a_column_that_is_missing_is_not_a_field(local: Local, outside: SqlPerson) -> None:
    outside.run("DROP TRIGGER truth_forge_stamp")
    outside.run("ALTER TABLE contacts_master DROP COLUMN nickname")
    reopened = Local(str(outside.engine.url), region=REGION)
    assert "nickname" not in reopened.fields()
    outcome = write_one(reopened, create({"nickname": "Annie"}))
    assert (outcome.status, outcome.field) == (Status.REFUSED, "nickname")
    assert {step.what for step in reopened.init(dry_run=True)} == {
        "add column nickname to contacts_master",
        "create trigger truth_forge_stamp on contacts_master",
    }
    assert all(step.done for step in reopened.init())
    assert "nickname" in reopened.fields()
    assert list(reopened.init()) == []
    reopened.close()


def test_rows_of_an_older_table_get_a_stamp(url: str, outside: SqlPerson) -> None:
    outside.run("CREATE TABLE contacts_master (id text PRIMARY KEY, first_name text, shoe_size int)")
    outside.run("INSERT INTO contacts_master VALUES ('a1', 'Ann', 39)")
    local = Local(url, region=REGION)
    list(local.init())
    assert read_all(local)["a1"].values == {"first_name": "Ann"}
    local.close()


def test_a_stamp_that_is_no_date_stops_nobody(local: Local, outside: SqlPerson) -> None:
    native_id = outside.insert(person(1))
    outside.run("UPDATE contacts_master SET updated_at = 'yesterday'")
    row = read_all(local)[native_id]
    assert row.changed_at == UNKNOWN_STAMP and row.version == "yesterday"


def test_a_writer_waits_for_another_and_gives_up_politely(
    url: str, local: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_engine, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(local_engine, "_PRAGMAS", ("busy_timeout = 100", "journal_mode = WAL"))
    impatient = Local(url, region=REGION)
    impatient.marker()
    other = sqlite3.connect(tmp_path / "contacts.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Retry, match="locked"):
        write_one(impatient, create({"city": "Bern"}))
    assert read_all(impatient) == {}  # reading goes on
    other.execute("ROLLBACK")
    assert write_one(impatient, create({"city": "Bern"})).status is Status.WRITTEN
    other.close()
    impatient.close()


def test_setting_up_makes_the_folder_and_a_dry_run_makes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "contacts.db"
    local = Local(f"sqlite:///{file}", region=REGION)
    assert [step.done for step in local.init(dry_run=True)] == [False, False]
    assert not file.parent.exists()
    with pytest.raises(Stop, match="LOCAL_DATABASE_URL"):
        local.marker()
    assert all(step.done for step in local.init())
    assert read_all(local) == {}
    local.close()


def test_a_file_that_is_no_database_needs_a_person(tmp_path: Path) -> None:
    (tmp_path / "contacts.db").write_text("Dear diary, this is not a database at all." * 40)
    with pytest.raises(Stop, match="SQLite"):
        Local(f"sqlite:///{tmp_path / 'contacts.db'}", region=REGION).marker()


@pytest.mark.parametrize("url", ["mysql://u:secret@host/db", "nonsense secret", "sqlite"])
def test_a_wrong_url_is_refused_without_being_told(url: str) -> None:
    with pytest.raises(Stop, match="LOCAL_DATABASE_URL") as caught:
        Local(url, region=REGION)
    assert "secret" not in str(caught.value)


def test_creates_with_different_fields_are_one_statement_and_leave_defaults_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/contacts.db"
    with sa.create_engine(url).begin() as connection:
        connection.execute(
            sa.text(
                "CREATE TABLE contacts_master (id TEXT PRIMARY KEY, contact_id TEXT, first_name TEXT, city TEXT, "
                "notes TEXT DEFAULT 'none', created_at TEXT, updated_at TEXT, deleted_at TEXT)"
            )
        )
    local = Local(url, region=REGION)
    list(local.init())
    local.fields()
    before = local.requests
    writes = [create({"first_name": f"A{n}", **({"city": "Oslo"} if n % 2 else {"title": "Dr"})}) for n in range(40)]
    outcomes = list(local.write([*writes, create({"first_name": "B", "notes": "some"})]))
    assert {outcome.status for outcome in outcomes} == {Status.WRITTEN}
    assert local.requests - before < 12
    rows = read_all(local).values()
    assert sorted({row.values["notes"] for row in rows}) == ["none", "some"]
    assert sum("city" in row.values for row in rows) == 20
    local.close()
