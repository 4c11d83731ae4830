"""Writing people: few requests for many rows, and one outcome for each row.

=========  =============================================  ==============================================
kind       request                                        the row is another one by now
=========  =============================================  ==============================================
delete     soft, up to 60, conditional by ``updatedAt``   the condition fails: MOVED or GONE
restore    as a patch, but after a re-read in any case    found by the re-read, one round trip before
patch      1-2: conditional update by ``updatedAt``       the condition fails: MOVED or GONE
patch      3-200: re-read, then batch upsert by id        found by the re-read, one round trip before
create     batch of up to 200                             an id that exists is recognised, or refused
=========  =============================================  ==============================================

A delete that has changes is a patch, and then a delete of the row as the patch left it: a soft-deleted row goes on
holding its unique address. Between the two the row is live and empty of what was to go, which the next cycle finds.

A refused batch never says which row was bad. What can be found out by looking is (:meth:`Writer._duplicates`,
:func:`~truth_forge_sync.systems.twenty.items.parts`); otherwise the batch is halved down to the bad row, so that no row
suffers for another.

An upsert would create a row that was hard-deleted since the re-read. Such a row is told by its ``createdAt``, later
than the stamp it was seen with, and is destroyed again at once: it only holds what this request sent. A row that was
soft-deleted since the re-read is revived by the upsert, and nothing tells: that window is one round trip wide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from truth_forge_sync.systems.protocol import Outcome, Status, Write, WriteKind, in_order
from truth_forge_sync.systems.twenty.answers import NotFound, Record, Rejected, Unanswered, read_record, read_records
from truth_forge_sync.systems.twenty.client import PAGE
from truth_forge_sync.systems.twenty.filters import any_of, as_seen
from truth_forge_sync.systems.twenty.holders import Holders
from truth_forge_sync.systems.twenty.items import (
    Item,
    already,
    chunks,
    is_new,
    needs_fresh,
    organization,
    rounds,
    touched,
    unknown,
)
from truth_forge_sync.systems.twenty.people import PATH
from truth_forge_sync.systems.twenty.sending import Sender

_MANY = 3
"""From here on a re-read and an upsert are cheaper than a conditional update each."""

_DELETES = 60
"""Conditions "id and stamp" that fit into one request line."""


class Writer(Sender):
    """Writes to the people of one workspace."""

    def write(self, writes: Sequence[Write]) -> Iterator[Outcome]:
        """One outcome for each write. Raises Retry where a request could not be sent; what came before stands."""
        possible = []
        for write in writes:
            if missing := sorted(touched(write) - self.schema.fields()):
                message = f"people have no field for {missing[0]}: run truth-forge-sync init"
                yield Outcome(write, Status.REFUSED, message=message, field=missing[0])
            else:
                possible.append(write)
        for round_ in rounds(in_order(possible)):
            yield from self._round(round_)

    def _round(self, writes: Sequence[Write]) -> Iterator[Outcome]:
        wanted = [name for write in writes if (name := organization(write))]
        self.companies.ensure(wanted)
        ready = []
        for write in writes:
            if error := self.companies.refused.get(organization(write) or ""):
                yield Outcome(write, Status.REFUSED, message=error.message, field="organization")
            else:
                ready.append(write)
        of_kind = {kind: [write for write in ready if write.kind is kind] for kind in WriteKind}
        yield from self._delete(of_kind[WriteKind.DELETE])
        for kind in (WriteKind.RESTORE, WriteKind.PATCH):
            for edits in chunks(of_kind[kind], PAGE):
                yield from self._edit(edits)
        for creates in chunks([self.item(write, {}) for write in of_kind[WriteKind.CREATE]], PAGE):
            yield from self._create(creates)

    # Creating

    def _create(self, items: Sequence[Item]) -> Iterator[Outcome]:
        try:
            records = self.post(items, upsert=False)
        except Unanswered as error:
            yield from unknown(items, error)
        except Rejected as error:
            if error.kind == "duplicate":
                yield from self._duplicates(items, error)
            else:
                yield from self.narrow(items, error, self._create)
        else:
            yield from self.written(items, records)

    def _duplicates(self, items: Sequence[Item], error: Rejected) -> Iterator[Outcome]:
        """Ids, addresses or contact ids exist already: an earlier try of ours, or somebody else's; the rest goes on."""
        there = self.rows_by_id([item.id for item in items])
        for item in items:
            if row := there.get(item.id):
                yield already(item.write, row)
        rest = [item for item in items if item.id not in there]
        holders = Holders(self.client, rest)
        left = []
        freed = False
        for item in rest:
            holder = holders.of_email(item)
            if other := holders.of_contact_id(item):
                yield Outcome(item.write, Status.REFUSED, message=f"{error.message}: {other['id']} has its contactId")
            elif holder is None or holders.make_way(item):
                freed = freed or holder is not None
                left.append(item)
            elif holders.is_new(item):
                yield Outcome(item.write, Status.MOVED)
            else:
                yield self.taken(item, error, holder)
        if left and (freed or len(left) < len(items)):
            yield from self._create(left)
        elif left:
            yield from self.narrow(left, error, self._create)

    # Patching and restoring

    def _edit(self, writes: Sequence[Write]) -> Iterator[Outcome]:
        # An upsert revives: an edit of a soft-deleted row goes alone, by id, and leaves it deleted.
        together = [write for write in writes if not _stays_deleted(write)]
        many = len(together) >= _MANY
        fresh = self._fresh([write for write in writes if many or needs_fresh(write)])
        ready: list[Item] = []
        moved: list[tuple[Write, Record]] = []
        for write in writes:
            record = fresh.get(write.native_id)
            if write.native_id in fresh and record is None:
                yield Outcome(write, Status.GONE)
            elif record and write.seen and record.get("updatedAt") != write.seen.version:
                moved.append((write, record))
            elif (item := self.item(write, record or {})).body or write.kind is WriteKind.RESTORE:
                ready.append(item)
            else:
                yield Outcome(write, Status.WRITTEN, row=write.seen)  # sending nothing would still move its stamp
        for (write, _), row in zip(moved, self.people.rows([record for _, record in moved]), strict=True):
            yield Outcome(write, Status.MOVED, row=row)
        upserts = [item for item in ready if many and not _stays_deleted(item.write)]
        if upserts:
            yield from self._upsert(upserts)
        upserted = {item.id for item in upserts}
        for item in ready:
            if item.id not in upserted:
                yield from self._patch(item)

    def _fresh(self, writes: Sequence[Write]) -> dict[str, Record | None]:
        ids = [write.native_id for write in writes]
        found: dict[str, Record | None] = dict.fromkeys(ids)
        for records in self.people.records(ids):
            found.update({record["id"]: record for record in records})
        return found

    def _upsert(self, items: Sequence[Item]) -> Iterator[Outcome]:
        try:
            records = self.post(items, upsert=True)
        except Unanswered as error:
            yield from unknown(items, error)
        except Rejected as error:
            yield from self.narrow(items, error, self._upsert)
        else:
            anew = {item.id for item in items if is_new(item, records)}
            yield from self.written([item for item in items if item.id not in anew], records)
            for item in items:
                if item.id in anew:
                    self._destroy(item.id)
                    yield Outcome(item.write, Status.GONE)

    def _destroy(self, native_id: str) -> None:
        with suppress(NotFound):  # gone is what it should be
            self.client.send("DELETE", f"{PATH}/{native_id}", read_record, repeatable=True)

    def _patch(self, item: Item) -> Iterator[Outcome]:
        write = item.write
        try:
            if write.kind is not WriteKind.RESTORE and write.seen is not None and not write.seen.deleted:
                params = {"filter": as_seen(item.id, write.seen.version)}
                # Not repeated: the condition fails after a first try that took effect, which would read as MOVED.
                records = self.client.send("PATCH", PATH, read_records, params=params, body=item.body, repeatable=False)
            else:
                # A soft-deleted row is invisible to a condition that does not name deletedAt; one that names it
                # restores the row but answers nothing.
                body = item.body | ({"deletedAt": None} if write.kind is WriteKind.RESTORE else {})
                path = f"{PATH}/{item.id}"
                records = (self.client.send("PATCH", path, read_record, body=body, repeatable=False),)
        except Unanswered as error:
            yield from unknown([item], error)
        except NotFound:
            yield Outcome(write, Status.GONE)
        except Rejected as error:
            yield from self.narrow([item], error, self._patch_each)
        else:
            if records:
                yield from self.written([item], records)
            else:
                row = self.rows_by_id([item.id]).get(item.id)
                yield Outcome(write, Status.MOVED if row else Status.GONE, row=row)

    def _patch_each(self, items: Sequence[Item]) -> Iterator[Outcome]:
        for item in items:
            yield from self._patch(item)

    # Deleting

    def _delete(self, writes: Sequence[Write]) -> Iterator[Outcome]:
        asked = {write.native_id: write for write in writes}
        ready = [write for write in writes if not write.changes]
        for edits in chunks([write for write in writes if write.changes], PAGE):
            for outcome in self._edit(edits):
                if outcome.status is Status.WRITTEN:
                    ready.append(replace(outcome.write, seen=outcome.row))
                else:
                    yield outcome
        live = []
        for write in ready:
            if write.seen is not None and write.seen.deleted:
                yield Outcome(asked[write.native_id], Status.WRITTEN, row=write.seen)
            else:
                live.append(write)
        for some in chunks(live, _DELETES):
            for outcome in self._soft_delete(some):
                yield replace(outcome, write=asked[outcome.write.native_id])

    def _soft_delete(self, live: Sequence[Write]) -> Iterator[Outcome]:
        conditions = [as_seen(write.native_id, write.seen.version) for write in live if write.seen is not None]
        params = {"filter": any_of(conditions), "soft_delete": "true"}
        try:
            # Repeatable: rows that the first try deleted are found deleted below.
            records = self.client.send("DELETE", PATH, read_records, params=params, repeatable=True)
        except Unanswered as error:
            yield from unknown([Item(write, {}) for write in live], error)
            return
        except Rejected as error:
            yield from self.narrow([Item(write, {}) for write in live], error, self._delete_items)
            return
        rows = {row.native_id: row for row in self.people.rows([r for r in records if r.get("deletedAt")])}
        rows |= self.rows_by_id([write.native_id for write in live if write.native_id not in rows])
        for write in live:
            row = rows.get(write.native_id)
            status = Status.GONE if row is None else Status.WRITTEN if row.deleted else Status.MOVED
            yield Outcome(write, status, row=row)

    def _delete_items(self, items: Sequence[Item]) -> Iterator[Outcome]:
        yield from self._soft_delete([item.write for item in items])


def _stays_deleted(write: Write) -> bool:
    return write.kind is not WriteKind.RESTORE and write.seen is not None and write.seen.deleted
