"""What all kinds of writes share: what to send for one, the batch, the rows it answers, and what to do when refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from truth_forge_sync.errors import Retry
from truth_forge_sync.systems.protocol import NativeRow, Outcome, Status, Write, WriteKind
from truth_forge_sync.systems.twenty.answers import Record, Rejected, read_records
from truth_forge_sync.systems.twenty.client import Client
from truth_forge_sync.systems.twenty.companies import Companies
from truth_forge_sync.systems.twenty.holders import Holders
from truth_forge_sync.systems.twenty.items import Item, milder, organization, parts, touched, unknown
from truth_forge_sync.systems.twenty.mapping import CONTACT_ID, person_payload
from truth_forge_sync.systems.twenty.people import People
from truth_forge_sync.systems.twenty.refusals import field_at_fault
from truth_forge_sync.systems.twenty.schema import Schema

_BATCH = "/rest/batch/people"


class Sender:
    """One workspace to write to."""

    def __init__(self, client: Client, companies: Companies, people: People, schema: Schema) -> None:
        self.client = client
        self.companies = companies
        self.people = people
        self.schema = schema

    def item(self, write: Write, stored: Record) -> Item:
        """``stored`` is the person as Twenty holds it now: its composites are sent whole ({} for a new one)."""
        body = person_payload(touched(write), write.target, stored=stored, company_id=self.companies.id_of)
        has_none = write.seen is None or write.seen.contact_id is None
        if has_none and write.kind is not WriteKind.DELETE and self.schema.has_contact_id():
            body[CONTACT_ID] = write.contact_id
        return Item(write, body)

    def post(self, items: Sequence[Item], *, upsert: bool) -> tuple[Record, ...]:
        """Create the rows, or edit them by id (``upsert``), all in one request."""
        bodies = [{"id": item.id, **item.body} for item in items]
        params = {"upsert": "true"} if upsert else None
        # Repeatable: an upsert by id is the same twice, and a create finds its own rows.
        return self.client.send("POST", _BATCH, read_records, params=params, body=bodies, repeatable=True)

    def written(self, items: Sequence[Item], records: Sequence[Record]) -> Iterator[Outcome]:
        """Outcomes by id: an upsert answers in its own order, and leaves out a row that is gone."""
        try:
            rows = {row.native_id: row for row in self.people.rows(records)}
        except Retry as error:  # the write is done, only what it stored could not be made out
            yield from unknown(items, error)
            return
        for item in items:
            row = rows.get(item.id)
            absent = Status.UNKNOWN if item.write.kind is WriteKind.CREATE else Status.GONE
            yield Outcome(item.write, Status.WRITTEN if row else absent, row=row)

    def narrow(
        self, items: Sequence[Item], error: Rejected, again: Callable[[Sequence[Item]], Iterator[Outcome]]
    ) -> Iterator[Outcome]:
        """Try a refused batch again in parts, down to single rows, which are refused for good."""
        if len(items) > 1:
            for part in parts(items, error):
                yield from again(part)
        elif (instead := milder(items[0], error)) is not None:
            yield from again([instead])
        elif error.kind == "duplicate" and items[0].email:
            yield from self._unheld(items[0], error, again)
        else:
            item = items[0]
            if error.kind == "relation" and (name := organization(item.write)):
                self.companies.forget(name)
            field = field_at_fault(error, item.body, item.write.fields)
            yield Outcome(item.write, Status.REFUSED, message=error.message, field=field)

    def _unheld(
        self, item: Item, error: Rejected, again: Callable[[Sequence[Item]], Iterator[Outcome]]
    ) -> Iterator[Outcome]:
        """Once more, if the address could be taken from a person in the trash."""
        holders = Holders(self.client, [item])
        if holders.make_way(item):
            yield from again([item])
        else:
            yield self.taken(item, error, holders.of_email(item))

    def taken(self, item: Item, error: Rejected, holder: Record | None) -> Outcome:
        """Refused, since somebody else has the address."""
        who = f": {holder['id']} has this e-mail address" if holder else ""
        return Outcome(item.write, Status.REFUSED, message=f"{error.message}{who}", field="primary_email")

    def rows_by_id(self, ids: Sequence[str]) -> dict[str, NativeRow]:
        return {row.native_id: row for page in self.people.by_id(ids) for row in page}
