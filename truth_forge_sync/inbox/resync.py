"""Resync: rows that a person wants read again, whatever the systems' change markers say.

What is read is staged, and the next reconcile compares and decides about it as about anything else; a contact that was
asked for by name is decided about even if it is found as it was known.
"""

from __future__ import annotations

from truth_forge_sync.hub.hand_edits import HUB
from truth_forge_sync.hub.hub import Hub, new_id
from truth_forge_sync.inbox.asked import ASKED, rows_asked
from truth_forge_sync.inbox.contacts import contact
from truth_forge_sync.sync.pull import Clock, pull, stage_rows, utc_now, vanished
from truth_forge_sync.systems.protocol import System, Window


def ask_again(hub: Hub, contact_id: str) -> str:
    """The next reconcile decides about this contact; its whole id. The beginning of one is enough.

    Raises Stop where no contact's id begins so, or more than one's.
    """
    known = contact(hub, contact_id)
    hub.record("resync", ASKED, [{"asked": known.contact_id}], batch=new_id())
    return known.contact_id


def read_again(hub: Hub, system: System, contact_id: str | None = None, *, clock: Clock = utc_now) -> int:
    """Stage the rows of this system that stand for the contact, or all its rows; how many were read.

    Raises what the system raises; then nothing is staged.
    """
    if contact_id is None or system.name == HUB:  # what differs from the published rows is little, and read whole
        return pull(hub, system, window=Window(), clock=clock).rows
    known = {row["native_id"]: row for row in rows_asked(hub, "native_rows", [contact_id], system=system.name)}
    read_at = clock()
    rows = {row.native_id: row for page in system.read_by_id([*known]) for row in page}
    missing = [row for native_id, row in known.items() if native_id not in rows and not row["is_gone"]]
    found = [*rows.values(), *(vanished(row["native_id"], since=row["changed_at"]) for row in missing)]
    if found:
        stage_rows(hub, system, found, read_at=read_at)
    return len(rows)
