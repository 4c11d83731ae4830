"""Contacts as a person names them, with the native rows that stand for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.inbox.asked import found, rows_asked

LISTED_BY = 'hub sql "SELECT contact_id, canonical_name FROM identity.contacts_master"'


@dataclass(frozen=True, slots=True)
class Known:
    """A contact. ``native_rows``: of each system the living row that stands for it; ``promised``: of each system a row
    that a person linked to it, where no cycle has done so yet."""

    contact_id: str
    name: str | None
    is_deleted: bool
    native_rows: Mapping[str, str] = field(default_factory=dict)
    promised: Mapping[str, str] = field(default_factory=dict)


def contact(hub: Hub, contact_id: str) -> Known:
    """The contact whose id begins so. Raises Stop where there is none, or more than one."""
    rows = rows_asked(hub, "contacts_asked", [contact_id])
    (row,) = found(rows, [contact_id], key="contact_id", what="contact", listed_by=LISTED_BY)
    standing: dict[bool, dict[str, str]] = {True: {}, False: {}}
    for native_row in row["native_rows"]:
        standing[native_row["is_linked"]][native_row["system"]] = native_row["native_id"]
    return Known(row["contact_id"], row["name"], row["is_deleted"], standing[True], standing[False])
