"""Each system's contacts read by the system's own API, without any of the engine: what is there is what it says.

Twenty over REST, Supabase through the official client, the local database and the hub by SQL. Raw values, whole tables:
for the few contacts of a sandbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx
import sqlalchemy as sa

from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.hub.engine import open_engine
from truth_forge_sync.sandbox.twenty_person import fields_of
from truth_forge_sync.settings import Settings, SystemName

if TYPE_CHECKING:
    from supabase import Client

T = TypeVar("T")

_TWENTY_PAGE: Final = 200
_SUPABASE_PAGE: Final = 1000
TABLE: Final = "contacts_master"


@dataclass(frozen=True)
class Native:
    """One live contact as a system has it: ``fields`` are raw values by CONTRACT's names, ``row`` is all it said."""

    native_id: str
    contact_id: str | None
    fields: Mapping[str, Any]
    row: Mapping[str, Any]


def read_natives(system: SystemName, settings: Settings) -> list[Native]:
    """All live contacts of a system. Raises Retry where it does not answer, Stop where it is not configured."""
    try:
        return _READERS[system](settings)
    except (httpx.HTTPError, sa.exc.DBAPIError) as error:
        raise Retry(f"it does not answer ({type(error).__name__})", system=system) from error


@contextmanager
def twenty_client(settings: Settings) -> Iterator[httpx.Client]:
    """A client with Twenty's address and key; raises httpx.HTTPStatusError for any refusal."""
    headers = {"Authorization": f"Bearer {_set(settings.twenty_api_key, 'TWENTY_API_KEY').get_secret_value()}"}
    hooks: dict[str, list[Callable[..., Any]]] = {"response": [httpx.Response.raise_for_status]}
    url = _set(settings.twenty_url, "TWENTY_URL")
    with httpx.Client(base_url=url, headers=headers, event_hooks=hooks, trust_env=False) as client:
        yield client


@contextmanager
def supabase_client(settings: Settings) -> Iterator[Client]:
    """The official client; raises Retry for any refusal."""
    from supabase import ClientOptions, PostgrestAPIError, create_client

    with httpx.Client(timeout=30, trust_env=False) as http:
        key = _set(settings.supabase_key, "SUPABASE_KEY").get_secret_value()
        try:
            yield create_client(_set(settings.supabase_url, "SUPABASE_URL"), key, ClientOptions(httpx_client=http))
        except PostgrestAPIError as error:
            raise Retry(f"it refuses ({error.message})", system="supabase") from error


@contextmanager
def local_engine(settings: Settings) -> Iterator[sa.Engine]:
    """The local database, as any program of its owner would open it."""
    engine = sa.create_engine(_set(settings.local_database_url, "LOCAL_DATABASE_URL").get_secret_value())
    try:
        yield engine
    finally:
        engine.dispose()


def _twenty(settings: Settings) -> list[Native]:
    found: list[Native] = []
    with twenty_client(settings) as client:
        page: dict[str, Any] = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
        while page["pageInfo"]["hasNextPage"]:
            after = page["pageInfo"]["endCursor"]
            query = {"limit": _TWENTY_PAGE, "depth": 1} | ({"starting_after": after} if after else {})
            page = client.get("/rest/people", params=query).json()
            people = page["data"]["people"]
            found += [Native(p["id"], p.get("contactId") or None, fields_of(p), p) for p in people]
    return found


def _supabase(settings: Settings) -> list[Native]:
    found: list[Native] = []
    with supabase_client(settings) as client:
        while True:
            query = client.table(settings.supabase_contacts_table).select("*").is_("deleted_at", "null")
            query = query.gt("id", found[-1].native_id) if found else query
            rows: list[Any] = query.order("id").limit(_SUPABASE_PAGE).execute().data
            found += map(_of_table, rows)
            if len(rows) < _SUPABASE_PAGE:
                return found


def _local(settings: Settings) -> list[Native]:
    with local_engine(settings) as engine, engine.connect() as connection:
        rows = connection.execute(sa.text(f"SELECT * FROM {TABLE} WHERE deleted_at IS NULL")).mappings()
        return [_of_table(dict(row)) for row in rows]


def _hub(settings: Settings) -> list[Native]:
    engine = open_engine(settings)
    try:
        rows = engine.query(f"SELECT * FROM {engine.dataset}.{TABLE} WHERE deleted_at IS NULL").to_pylist()
    finally:
        engine.close()
    return [Native(row["contact_id"] or "", row["contact_id"], row, row) for row in rows]


def _of_table(row: Mapping[str, Any]) -> Native:
    return Native(str(row["id"]), row["contact_id"], row, row)


_READERS: Final[Mapping[SystemName, Callable[[Settings], list[Native]]]] = {
    "bigquery": _hub,
    "twenty": _twenty,
    "supabase": _supabase,
    "local": _local,
}


def _set(value: T | None, variable: str) -> T:
    if value is None:
        raise Stop(f"{variable} is not set")
    return value
