"""Twenty, Supabase and the local database, broken one thing at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from truth_forge_sync.doctor import Finding, examine
from truth_forge_sync.doctor.finding import CHECKS
from truth_forge_sync.doctor.system import examine_system
from truth_forge_sync.hub.engine import open_engine
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.sandbox.postgres import Postgres
from truth_forge_sync.settings import Settings, SystemName
from truth_forge_sync.systems import open_system
from truth_forge_sync.systems.memory import Memory
from truth_forge_sync.systems.protocol import System
from truth_forge_sync_tests.doctor.conftest import KEY, LIMITED, Configure, set_up, supabase_project

CLOSED = "http://127.0.0.1:9"
PRINT_SQL = "init --print-sql supabase"

Sql = Callable[[str], None]


def found_of(settings: Settings, system: SystemName) -> list[Finding]:
    return [finding for finding in examine(settings) if finding.system == system]


def failures(settings: Settings, system: SystemName) -> list[tuple[str, str, str]]:
    return [(each.check, each.message, each.remedy) for each in found_of(settings, system) if each.status == "failed"]


def markers(settings: Settings) -> list[str]:
    found = []
    for name in ("twenty", "supabase", "local"):
        with closing(open_system(name, settings)) as system:
            found.append(system.marker())
    return found


def test_where_all_is_well_every_check_of_every_system_says_so(
    configure: Configure, twenty_url: str, supabase_url: str, sql: Sql
) -> None:
    settings = configure(
        twenty_url=twenty_url, twenty_api_key=KEY, supabase_url=supabase_url, supabase_key=KEY,
        local_database_url="sqlite:///local.sqlite",
    )  # fmt: skip
    sql("INSERT INTO contacts_master (first_name) VALUES ('Ann')")
    set_up("twenty", settings)
    set_up("local", settings)
    Hub(open_engine(settings)).init()
    before = markers(settings)
    found = list(examine(settings))
    assert markers(settings) == before, "it wrote something"
    assert {finding.status for finding in found} == {"ok", "skipped"}
    assert [finding.system for finding in found if finding.status == "skipped"] == ["twenty"]  # a key's right to edit
    for name in settings.configured:
        checks = [finding.check for finding in found if finding.system == name]
        assert list(dict.fromkeys(checks)) == [check for check in CHECKS if check != "cycle" or name == "bigquery"]
    assert KEY not in str([asdict(finding) for finding in found])


def test_a_system_that_is_not_configured_names_its_variables(configure: Configure) -> None:
    (found,) = found_of(configure(), "supabase")
    assert (found.check, found.status) == ("settings", "skipped")
    assert "SUPABASE_URL and SUPABASE_KEY" in found.message


@pytest.mark.parametrize("system", ["twenty", "supabase"])
def test_a_wrong_key_is_a_matter_of_rights(
    configure: Configure, twenty_url: str, supabase_url: str, system: SystemName
) -> None:
    wrong = "sb_secret_which_is_wrong"
    settings = configure(
        twenty_url=twenty_url, twenty_api_key=wrong, supabase_url=supabase_url, supabase_key=wrong
    )  # fmt: skip
    found = {finding.check: finding for finding in found_of(settings, system)}
    assert {check: finding.status for check, finding in found.items()} == {
        "settings": "ok", "reachability": "ok", "rights": "failed", "schema": "skipped", "clock": "skipped",
    }  # fmt: skip
    assert {"twenty": "TWENTY_API_KEY", "supabase": "SUPABASE_KEY"}[system] in found["rights"].remedy
    assert wrong not in str(found)


@pytest.mark.parametrize(
    ("system", "variable"),
    [("twenty", "TWENTY_URL"), ("supabase", "SUPABASE_URL"), ("local", "LOCAL_DATABASE_URL")],
)
def test_a_closed_port_is_told_with_the_variable_that_names_it(
    configure: Configure, system: SystemName, variable: str
) -> None:
    settings = configure(
        twenty_url=CLOSED, twenty_api_key=KEY, supabase_url=CLOSED, supabase_key=KEY,
        local_database_url="postgresql+psycopg://somebody:a-secret@127.0.0.1:9/contacts",
    )  # fmt: skip
    ((check, message, remedy),) = failures(settings, system)
    assert check == "reachability" and variable in remedy
    assert "a-secret" not in message + remedy


def test_a_custom_field_that_is_missing_in_twenty_is_made_by_init(configure: Configure, twenty_url: str) -> None:
    settings = configure(twenty_url=twenty_url, twenty_api_key=KEY)
    found = failures(settings, "twenty")
    assert {(check, remedy) for check, _, remedy in found} == {("schema", "run: truth-forge-sync init")}
    assert any("contactId" in message for _, message, _ in found)
    set_up("twenty", settings)
    assert not failures(settings, "twenty")


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ("ALTER TABLE contacts_master DROP nickname", "nickname"),
        ("ALTER TABLE contacts_master DROP deleted_at CASCADE", "deleted_at"),
        ("DROP TRIGGER truth_forge_bury ON contacts_master", "truth_forge_bury"),
        ("DROP TABLE contacts_tombstones", "contacts_tombstones"),
        ("DROP FUNCTION truth_forge_status", "truth_forge_status"),
        ("DROP TABLE contacts_master CASCADE", "create contacts_master"),
    ],
)
def test_what_supabase_lacks_is_named_with_the_command_that_prints_the_sql(
    configure: Configure, supabase_url: str, sql: Sql, broken: str, what: str
) -> None:
    sql(broken)
    found = failures(configure(supabase_url=supabase_url, supabase_key=KEY), "supabase")
    assert {check for check, _, _ in found} == {"schema"}
    assert any(what in message for _, message, _ in found)
    assert all(PRINT_SQL in remedy and PRINT_SQL not in message for _, message, remedy in found)


def test_rows_hidden_from_our_key_by_row_level_security_are_a_failure(
    configure: Configure, postgres_server: Postgres, database: str, sql: Sql
) -> None:
    sql("ALTER TABLE contacts_master ENABLE ROW LEVEL SECURITY")
    with supabase_project(postgres_server.dsn(database), user=LIMITED) as url:
        ((check, message, remedy),) = failures(configure(supabase_url=url, supabase_key=KEY), "supabase")
        assert (check, message) == ("rights", "we may not see every row of contacts_master")
        assert "row-level security" in remedy and "SUPABASE_KEY" in remedy
        sql(f"REVOKE UPDATE ON contacts_master FROM {LIMITED}")
        told = failures(configure(supabase_url=url, supabase_key=KEY), "supabase")
        assert "we may not edit contacts_master" in [message for _, message, _ in told]


def test_a_local_postgresql_tells_what_our_user_may_not(
    configure: Configure, postgres_server: Postgres, database: str, sql: Sql
) -> None:
    url = sa.make_url(postgres_server.url(database)).set(username=LIMITED)
    settings = configure(local_database_url=url.render_as_string(hide_password=False))
    assert not failures(settings, "local")
    sql("ALTER TABLE contacts_master ENABLE ROW LEVEL SECURITY")
    sql(f"REVOKE UPDATE ON contacts_master FROM {LIMITED}")
    edit, see = failures(settings, "local")
    assert edit[:2] == ("rights", "we may not add and edit rows of contacts_master") and "rights" in edit[2]
    assert see[:2] == ("rights", "we may not see every row of contacts_master") and "row-level security" in see[2]


def test_a_local_file_that_is_not_there_is_not_made(configure: Configure) -> None:
    found = failures(configure(local_database_url="sqlite:///local.sqlite"), "local")
    assert [check for check, _, _ in found] == ["schema", "schema"]
    assert "create the database file" in found[0][1] and found[0][2] == "run: truth-forge-sync init"
    assert list(Path.cwd().iterdir()) == []


def test_what_a_local_table_lacks_is_made_by_init(configure: Configure) -> None:
    settings = configure(local_database_url="sqlite:///local.sqlite")
    set_up("local", settings)
    with sqlite3.connect("local.sqlite") as connection:
        connection.execute("DROP TRIGGER truth_forge_stamp")
    ((check, message, remedy),) = failures(settings, "local")
    assert (check, remedy) == ("schema", "run: truth-forge-sync init") and "truth_forge_stamp" in message
    connection.close()


def test_a_local_file_that_must_not_be_written_is_a_matter_of_rights(configure: Configure) -> None:
    set_up("local", configure(local_database_url="sqlite:///local.sqlite"))
    url = f"sqlite:///file:{Path.cwd()}/local.sqlite?mode=ro&uri=true"
    ((check, message, remedy),) = failures(configure(local_database_url=url), "local")
    assert (check, message) == ("rights", "we may not read or write there") and "LOCAL_DATABASE_URL" in remedy


def test_a_file_that_is_no_database_is_told(configure: Configure) -> None:
    Path("local.sqlite").write_text("not a database, however one looks at it" * 100)
    ((check, message, _),) = failures(configure(local_database_url="sqlite:///local.sqlite"), "local")
    assert check == "schema" and "no" in message and "SQLite" in message


@pytest.mark.parametrize(("seconds", "told"), [(180, "3 min ahead of"), (-20, "20 s behind")])
def test_a_clock_that_is_off_is_a_warning(seconds: float, told: str) -> None:
    found = examine_system(Memory("local", clock_offset=timedelta(seconds=seconds)))
    (clock,) = (finding for finding in found if finding.check == "clock")
    assert clock.status == "warning" and told in clock.message and "NTP" in clock.remedy


@pytest.mark.parametrize("seconds", [0, 3])
def test_a_few_seconds_are_none_to_warn_of(seconds: float) -> None:
    found = examine_system(Memory("local", clock_offset=timedelta(seconds=seconds)))
    assert [finding.status for finding in found if finding.check == "clock"] == ["ok"]


def test_a_fault_of_ours_in_one_system_hides_nothing_of_the_others(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(name: SystemName, settings: Settings) -> System:
        if name == "twenty":
            raise RuntimeError("with a-secret in its words")
        return open_system(name, settings)

    monkeypatch.setattr("truth_forge_sync.doctor.open_system", breaks)
    settings = configure(twenty_url=CLOSED, twenty_api_key=KEY, local_database_url="sqlite:///local.sqlite")
    found = list(examine(settings))
    assert "a-secret" not in str(found)
    assert "RuntimeError" in failures(settings, "twenty")[0][1]
    assert any("create the database file" in finding.message for finding in found)
