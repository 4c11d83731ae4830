"""Reading people as native rows.

Pages come in the default order, by id: one by ``updatedAt`` skips rows that share a millisecond (facts, section 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from truth_forge_sync.errors import Retry
from truth_forge_sync.systems.protocol import NativeRow, Window
from truth_forge_sync.systems.twenty.answers import Record, read_page
from truth_forge_sync.systems.twenty.client import PAGE, SYSTEM, Client
from truth_forge_sync.systems.twenty.companies import Companies
from truth_forge_sync.systems.twenty.filters import EVEN_DELETED, all_of, changed_between, one_of
from truth_forge_sync.systems.twenty.mapping import CONTACT_ID, read_person

PATH = "/rest/people"


class People:
    """The people of one workspace. ``fields`` says which contact fields they can hold."""

    def __init__(
        self, client: Client, companies: Companies, fields: Callable[[], frozenset[str]], *, region: str
    ) -> None:
        self._client = client
        self._companies = companies
        self._fields = fields
        self._region = region

    def marker(self) -> str:
        """The newest stamp, whose it is, and how many there are: a create, edit or delete changes one of them."""
        query = {"filter": EVEN_DELETED, "order_by": "updatedAt[DescNullsLast]", "limit": 1}
        page = self._client.get(PATH, read_page, query)
        newest = "".join(f"{person.get('updatedAt')} {person['id']}" for person in page.records)
        return f"{page.total} {newest}"

    def changed(self, window: Window) -> Iterator[list[NativeRow]]:
        """Pages of the rows of the window, soft-deleted ones included."""
        for page in self._client.pages(PATH, {"filter": changed_between(window.since, window.until)}):
            if page.records:
                yield self.rows(page.records)

    def by_id(self, native_ids: Sequence[str]) -> Iterator[list[NativeRow]]:
        """Pages of the rows with these ids, soft-deleted ones included."""
        for records in self.records(native_ids):
            yield self.rows(records)

    def records(self, native_ids: Sequence[str]) -> Iterator[list[Record]]:
        """The same as JSON, a page at a time."""
        ids = list(dict.fromkeys(native_ids))
        for start in range(0, len(ids), PAGE):
            batch = ids[start : start + PAGE]
            records: list[Record] = []
            for page in self._client.pages(PATH, {"filter": all_of(one_of("id", batch), EVEN_DELETED)}):
                records.extend(page.records)
            yield records

    def rows(self, records: Sequence[Record]) -> list[NativeRow]:
        """Native rows of people as JSON. Raises :class:`Retry` where one lacks what every person has."""
        self._companies.know(record.get("companyId") for record in records)
        return [self._row(record) for record in records]

    def _row(self, record: Record) -> NativeRow:
        organization = self._companies.name(record.get("companyId"))
        values, unread = read_person(record, organization=organization, fields=self._fields(), region=self._region)
        version = record.get("updatedAt")
        return NativeRow(
            native_id=record["id"],
            contact_id=str(record.get(CONTACT_ID) or "").strip() or None,
            version=str(version),
            changed_at=moment(version),
            values=values,
            deleted=record.get("deletedAt") is not None,
            unread=unread,
        )


def moment(text: object) -> datetime:
    """A stamp of Twenty's (ISO, milliseconds, UTC). Raises :class:`Retry` where it is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise Retry("a person came without its stamp", system=SYSTEM) from error
    if found.tzinfo is None:
        raise Retry("a person came with a stamp without a time zone", system=SYSTEM)
    return found
