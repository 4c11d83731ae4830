"""A table whose columns are not called as the fields are, and that does not hold all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from truth_forge_sync.contact import FIELD
from truth_forge_sync.mapping import Columns
from truth_forge_sync.sandbox.postgres import Postgres
from truth_forge_sync.sandbox.serve import serve
from truth_forge_sync.sandbox.supabase import create_supabase_app
from truth_forge_sync.systems.local import Local
from truth_forge_sync.systems.protocol import Status, System
from truth_forge_sync.systems.supabase import Supabase, setup_sql
from truth_forge_sync_tests.conformance.cases import REGION, create, patch, read_all, read_one, write_one

NAMES = {"job_title": "position", "other_emails": "mails", "birthday": "Geburtstag"}
COLUMNS = Columns({name: NAMES.get(name, name) for name in FIELD if name != "notes"})
ANN = {"first_name": "Ann", "job_title": "Chair", "other_emails/a@x.com": "true", "birthday": "1990-02-03"}


@pytest.fixture(params=["sqlite", "supabase"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    if request.param == "sqlite":
        local = Local(f"sqlite:///{tmp_path}/contacts.db", region=REGION, columns=COLUMNS)
        assert all(step.done for step in local.init())
        yield local
        with sa.create_engine(f"sqlite:///{tmp_path}/contacts.db").connect() as connection:
            assert {"position", "mails", "Geburtstag"} < set(_columns(connection))
            assert not {"job_title", "other_emails", "birthday", "notes"} & set(_columns(connection))
        local.close()
        return
    postgres: Postgres = request.getfixturevalue("postgres_server")
    dsn = postgres.dsn(request.getfixturevalue("postgres_database"))
    with psycopg.connect(dsn) as connection:
        connection.execute(setup_sql("contacts_master", COLUMNS).encode())
    with serve(create_supabase_app(dsn, "sb_secret_for_tests")) as served:
        supabase = Supabase(served.url, "sb_secret_for_tests", table="contacts_master", region=REGION, columns=COLUMNS)
        assert not list(supabase.init())
        yield supabase
        supabase.close()


def _columns(connection: sa.Connection) -> list[str]:
    return [column["name"] for column in sa.inspect(connection).get_columns("contacts_master")]


def test_values_go_there_and_back_under_the_names_of_the_fields(system: System) -> None:
    made = write_one(system, create(ANN))
    assert made.status is Status.WRITTEN
    assert made.row is not None
    assert made.row.values == ANN
    changed = write_one(system, patch(made.row, {"job_title": "Dean", "birthday": None}))
    assert changed.row is not None
    wanted = {path: value for path, value in {**ANN, "job_title": "Dean"}.items() if path != "birthday"}
    assert changed.row.values == wanted
    assert read_one(system, made.row.native_id).values == wanted
    assert read_all(system)[made.row.native_id].values == wanted


def test_what_is_left_out_is_no_field_of_the_system(system: System) -> None:
    assert system.fields() == FIELD.keys() - {"notes"}
    refused = write_one(system, create({**ANN, "notes": "not here"}))
    assert (refused.status, refused.field) == (Status.REFUSED, "notes")
