"""The seed lands in the stand-ins as it was made, and sowing again adds nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from truth_forge_sync.contact import to_paths
from truth_forge_sync.sandbox.seed import REGION, SeedRow, seed_contacts
from truth_forge_sync.sandbox.seeding import SowingError, sow, sow_twenty
from truth_forge_sync.sandbox.twenty import InProcessTransport, create_twenty_app
from truth_forge_sync.systems.ddl import contacts_statements
from truth_forge_sync.systems.twenty import Twenty
from truth_forge_sync_tests.sandbox.supabase_project import COLUMNS

_COUNT = 60
_KEY = "the key"


@pytest.fixture(params=["postgresql", "sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/local.sqlite" if sqlite else request.getfixturevalue("postgres_url")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in contacts_statements("sqlite" if sqlite else "postgresql", "contacts_master", COLUMNS):
            connection.exec_driver_sql(statement.replace("%", "%%") if not sqlite else statement)
    yield engine
    engine.dispose()


@pytest.fixture
def transport() -> Iterator[httpx.BaseTransport]:
    """A Twenty stand-in with the custom fields of `init`."""
    with InProcessTransport(create_twenty_app(None, _KEY, None)) as transport:
        yield transport


@pytest.fixture
def twenty(transport: httpx.BaseTransport) -> httpx.Client:
    system = Twenty("http://twenty", _KEY, requests_per_minute=0, region=REGION, transport=transport)
    list(system.init())
    return httpx.Client(base_url="http://twenty", headers={"Authorization": f"Bearer {_KEY}"}, transport=transport)


def _canonical(fields: Mapping[str, Any]) -> dict[str, str]:
    values, unread = to_paths(fields, region=REGION)
    assert unread == ()
    return values


def test_a_database_holds_the_rows_with_their_stamps(engine: sa.Engine) -> None:
    rows = seed_contacts(_COUNT)
    assert sow(rows, local=engine) == {"local": len(rows["local"])}
    assert sow(rows, local=engine) == {"local": 0}
    contacts = sa.Table("contacts_master", sa.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        stored = {str(row["id"]): row for row in connection.execute(sa.select(contacts)).mappings()}
    assert len(stored) == len(rows["local"])
    for row in rows["local"]:
        held = dict(stored[row.native_id])
        stamp = held["updated_at"]
        assert (datetime.fromisoformat(stamp) if isinstance(stamp, str) else stamp) == row.updated_at
        assert _canonical(held) == _canonical(row.fields)


def test_twenty_holds_the_people_their_companies_and_stamps(
    twenty: httpx.Client, transport: httpx.BaseTransport
) -> None:
    rows = seed_contacts(_COUNT)
    assert sow(rows, twenty=twenty) == {"twenty": len(rows["twenty"])}
    assert sow(rows, twenty=twenty) == {"twenty": 0}
    system = Twenty("http://twenty", _KEY, requests_per_minute=0, region=REGION, transport=transport)
    ids = [row.native_id for row in rows["twenty"]]
    stored = {native.native_id: native for page in system.read_by_id(ids) for native in page}
    assert len(stored) == len(rows["twenty"])
    for row in rows["twenty"]:
        native = stored[row.native_id]
        assert native.changed_at == row.updated_at
        assert native.unread == ()
        assert native.values == _canonical(row.fields)


def test_the_hub_gets_its_rows() -> None:
    taken: list[SeedRow] = []
    rows = seed_contacts(_COUNT)
    assert sow(rows, hub=taken.extend) == {"bigquery": len(rows["bigquery"])}
    assert tuple(taken) == rows["bigquery"]


def test_a_refusal_is_shown_in_the_system_s_own_words(transport: httpx.BaseTransport) -> None:
    client = httpx.Client(base_url="http://twenty", headers={"Authorization": "Bearer wrong"}, transport=transport)
    with pytest.raises(SowingError, match=r"GET /rest/companies: 401 .*Token invalid"):
        sow_twenty(client, seed_contacts(3)["twenty"])
