"""Who holds what must be unique: the people who have an e-mail address or a contact id already.

Twenty only says that there is a duplicate, not where. A person in the trash goes on holding its address, and nobody
sees why it can't be used again: there it makes way, among its further addresses, so that nothing is lost. A person who
came a moment ago may be the very contact that is to be created: that is for the next cycle to find out, which reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from truth_forge_sync.systems.twenty.answers import Record, read_record
from truth_forge_sync.systems.twenty.client import PAGE, Client
from truth_forge_sync.systems.twenty.filters import EVEN_DELETED, all_of, any_of, in_batches, text_is
from truth_forge_sync.systems.twenty.items import Item
from truth_forge_sync.systems.twenty.mapping import CONTACT_ID
from truth_forge_sync.systems.twenty.people import PATH, moment

A_MOMENT = timedelta(minutes=10)
"""Longer than a cycle takes: a person made earlier than that was read before the writes were decided."""


class Holders:
    """The people who hold the addresses and contact ids of some items, soft-deleted ones included."""

    def __init__(self, client: Client, items: Iterable[Item]) -> None:
        self._client = client
        self._of_email: dict[str, Record] = {}
        self._of_contact_id: dict[str, Record] = {}
        conditions = []
        for item in items:
            conditions += [text_is("emails.primaryEmail", item.email)] if item.email else []
            conditions += [text_is(CONTACT_ID, contact_id)] if (contact_id := item.body.get(CONTACT_ID)) else []
        for batch in in_batches(conditions, most=PAGE):
            for page in client.pages(PATH, {"filter": all_of(any_of(batch), EVEN_DELETED)}):
                for record in page.records:
                    self._of_email[(record.get("emails") or {}).get("primaryEmail") or ""] = record
                    self._of_contact_id[record.get(CONTACT_ID) or ""] = record

    def of_email(self, item: Item) -> Record | None:
        """Another person with the item's address."""
        return _other(item, self._of_email.get(item.email or ""))

    def of_contact_id(self, item: Item) -> Record | None:
        return _other(item, self._of_contact_id.get(item.body.get(CONTACT_ID) or ""))

    def make_way(self, item: Item) -> bool:
        """Take the item's address from a person in the trash. False where nobody there holds it."""
        record = self.of_email(item)
        if record is None or record.get("deletedAt") is None:
            return False
        emails = record["emails"]
        further = dict.fromkeys([emails["primaryEmail"], *(emails.get("additionalEmails") or [])])
        body = {"emails": {"primaryEmail": "", "additionalEmails": list(further)}}
        self._client.send("PATCH", f"{PATH}/{record['id']}", read_record, body=body, repeatable=True)
        return True

    def is_new(self, item: Item) -> bool:
        """The address is held by a person of a moment ago, whom no contact is linked to yet."""
        record = self.of_email(item)
        if record is None or record.get(CONTACT_ID):
            return False
        return moment(record.get("createdAt")) > datetime.now(UTC) + self._client.clock.offset - A_MOMENT


def _other(item: Item, record: Record | None) -> Record | None:
    return record if record is not None and record["id"] != item.id else None
