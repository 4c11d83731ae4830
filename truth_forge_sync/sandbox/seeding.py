"""Sow the seed contacts into the stand-ins, each the way its own users would: by REST, by SQL.

The tables and custom fields must be there (`init` makes them). Sowing again adds only what is missing: rows that were
deleted for good since then come back.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date
from typing import Any, Final, TypeVar

import httpx
import phonenumbers
import sqlalchemy as sa

from truth_forge_sync.sandbox.seed import REGION, SeedRow, SystemName

_T = TypeVar("_T")

_TWENTY_BATCH: Final = 200
"""Most rows in one request to Twenty."""

_DATABASE_BATCH: Final = 500

# CONTRACT's table: a field's name in Twenty where that isn't just the camel-cased name.
_TWENTY_NAMES: Final = {"title": "honorific", "notes": "contactNotes"}
_COMPOSITES: Final = frozenset(
    {
        "first_name",
        "last_name",
        "primary_email",
        "other_emails",
        "primary_phone",
        "other_phones",
        "linkedin_url",
        "organization",
    }
)


class SowingError(RuntimeError):
    """A stand-in refused the seed: what it said, and to which request."""


def sow(
    rows: Mapping[SystemName, Sequence[SeedRow]],
    *,
    twenty: httpx.Client | None = None,
    supabase: sa.Engine | None = None,
    local: sa.Engine | None = None,
    hub: Callable[[Sequence[SeedRow]], None] | None = None,
    table: str = "contacts_master",
) -> dict[SystemName, int]:
    """Sow each system that is given, and count the rows added to it.

    `twenty` has Twenty's base URL and key; `supabase` is the engine of the database behind the stand-in; `hub` takes
    the hub's rows and writes those that it lacks. `table` is the contacts table of both databases.
    """
    added: dict[SystemName, int] = {}
    if twenty is not None:
        added["twenty"] = sow_twenty(twenty, rows["twenty"])
    if supabase is not None:
        added["supabase"] = sow_database(supabase, rows["supabase"], table=table)
    if local is not None:
        added["local"] = sow_database(local, rows["local"], table=table)
    if hub is not None:
        hub(rows["bigquery"])
        added["bigquery"] = len(rows["bigquery"])
    return added


def sow_database(engine: sa.Engine, rows: Sequence[SeedRow], *, table: str = "contacts_master") -> int:
    """Insert the rows that `table` lacks (SQLite or PostgreSQL), in one transaction; answers how many those were."""
    contacts = sa.Table(table, sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        held = {str(native_id) for (native_id,) in connection.execute(sa.select(contacts.c.id))}
        missing = [_database_row(row, contacts) for row in rows if row.native_id not in held]
        for batch in _batches(missing, _DATABASE_BATCH):
            connection.execute(sa.insert(contacts), batch)
    return len(missing)


def _database_row(row: SeedRow, contacts: sa.Table) -> dict[str, Any]:
    """Every column, since one statement inserts many rows; objects and stamps as text where the column is text."""
    stamp = row.updated_at.astimezone(UTC)
    values = {
        "id": row.native_id,
        "contact_id": row.contact_id,
        **{column.name: row.fields.get(column.name) for column in contacts.c if column.name not in _OWN},
        "created_at": stamp,
        "updated_at": stamp,
    }
    return {name: _database_value(value, contacts.c[name].type) for name, value in values.items()}


_OWN: Final = frozenset({"id", "contact_id", "created_at", "updated_at", "deleted_at"})


def _database_value(value: Any, type_: sa.types.TypeEngine[Any]) -> Any:
    if value is None:
        # SQL's null; JSON columns would store the JSON word otherwise.
        return sa.null() if isinstance(type_, sa.JSON) else None
    if isinstance(type_, sa.Date):
        return date.fromisoformat(value)
    if isinstance(type_, sa.Uuid):
        return uuid.UUID(value)
    if isinstance(type_, sa.Text | sa.String):
        if isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False)
        return value if isinstance(value, str) else value.isoformat(timespec="microseconds")
    return value


def sow_twenty(client: httpx.Client, rows: Sequence[SeedRow]) -> int:
    """Create the people that Twenty lacks, and their companies; answers how many people those were.

    `client` has the base URL and the bearer key. Raises SowingError with Twenty's words when it refuses.
    """
    added = 0
    companies = _companies(client, rows)
    for batch in _batches(rows, _TWENTY_BATCH):
        held = _held(client, [row.native_id for row in batch])
        people = [_twenty_person(row, companies) for row in batch if row.native_id not in held]
        if people:
            _ask(client, "POST", "/rest/batch/people", people)
            added += len(people)
    return added


def _companies(client: httpx.Client, rows: Sequence[SeedRow]) -> dict[str, str]:
    """Company ids by name, after creating those that are missing."""
    found: dict[str, str] = {}
    after: str | None = None
    while True:
        cursor = {"starting_after": after} if after else {}
        page = _ask(client, "GET", "/rest/companies", params={"limit": _TWENTY_BATCH, **cursor})
        found |= {company["name"]: company["id"] for company in page["data"]["companies"]}
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    wanted = {row.fields["organization"] for row in rows if "organization" in row.fields}
    for batch in _batches(sorted(wanted - found.keys()), _TWENTY_BATCH):
        created = _ask(client, "POST", "/rest/batch/companies", [{"name": name} for name in batch])
        found |= {company["name"]: company["id"] for company in created["data"]["createCompanies"]}
    return found


def _held(client: httpx.Client, ids: Sequence[str]) -> set[str]:
    """Which of the ids exist, deleted ones included: mentioning deletedAt is what shows those."""
    wanted = f"and(id[in]:[{','.join(ids)}],or(deletedAt[is]:NULL,deletedAt[is]:NOT_NULL))"
    page = _ask(client, "GET", "/rest/people", params={"limit": _TWENTY_BATCH, "filter": wanted})
    return {person["id"] for person in page["data"]["people"]}


def _twenty_person(row: SeedRow, companies: Mapping[str, str]) -> dict[str, Any]:
    fields = row.fields
    stamp = row.updated_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    person: dict[str, Any] = {
        "id": row.native_id,
        "name": {"firstName": fields.get("first_name", ""), "lastName": fields.get("last_name", "")},
        "emails": {
            "primaryEmail": fields.get("primary_email", ""),
            "additionalEmails": fields.get("other_emails", []),
        },
        "createdAt": stamp,
        "updatedAt": stamp,
    }
    if "primary_phone" in fields or "other_phones" in fields:
        person["phones"] = _twenty_phones(fields.get("primary_phone"), fields.get("other_phones", []))
    if "linkedin_url" in fields:
        person["linkedinLink"] = {"primaryLinkUrl": fields["linkedin_url"]}
    if "organization" in fields:
        person["companyId"] = companies[fields["organization"]]
    plain = {_twenty_name(name): value for name, value in fields.items() if name not in _COMPOSITES}
    return person | plain


def _twenty_name(name: str) -> str:
    first, *rest = name.split("_")
    return _TWENTY_NAMES.get(name) or first + "".join(word.capitalize() for word in rest)


def _twenty_phones(primary: str | None, others: Sequence[str]) -> dict[str, Any]:
    """Twenty takes a number apart: without its country it refuses or guesses."""
    phones: dict[str, Any] = {"additionalPhones": []}
    for text in others:
        number, country, calling = _taken_apart(text)
        phones["additionalPhones"].append({"number": number, "countryCode": country, "callingCode": calling})
    if primary is not None:
        number, country, calling = _taken_apart(primary)
        phones |= {"primaryPhoneNumber": number, "primaryPhoneCountryCode": country, "primaryPhoneCallingCode": calling}
    return phones


def _taken_apart(text: str) -> tuple[str, str, str]:
    parsed = phonenumbers.parse(text, REGION)
    country = phonenumbers.region_code_for_number(parsed) or REGION
    return phonenumbers.national_significant_number(parsed), country, f"+{parsed.country_code}"


def _ask(
    client: httpx.Client, method: str, path: str, body: object = None, *, params: Mapping[str, Any] | None = None
) -> Any:
    answer = client.request(method, path, json=body, params=params)
    if answer.is_error:
        raise SowingError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
    return answer.json()


def _batches(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
