"""People at work on the stand-ins, and the proof that nothing they did was lost: for ``soak.py`` and ``crashes.py``.

Every value is written once in the whole run, so that what the hub says of a value, it says of that one edit.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

import sqlalchemy as sa

from truth_forge_sync.hub.engine import open_engine
from truth_forge_sync.sandbox.compare import compare
from truth_forge_sync.sandbox.edit import make_edit
from truth_forge_sync.sandbox.hub_rows import sow_hub
from truth_forge_sync.sandbox.latency import FIELDS
from truth_forge_sync.sandbox.native import TABLE, local_engine, read_natives, supabase_client, twenty_client
from truth_forge_sync.sandbox.seed import SeedRow
from truth_forge_sync.sandbox.seeding import sow_database, sow_twenty
from truth_forge_sync.settings import Settings, SystemName

CREATE_SHARE, DELETE_SHARE = 0.1, 0.05
SETTLED_SECONDS = 60.0
"""Only contacts that are older are deleted: by then they are in every system."""


@dataclass(frozen=True, slots=True)
class Made:
    """An edit of one field. ``at``: Unix time; ``all_up``: no system was down just then."""

    system: SystemName
    native_id: str
    field: str
    value: str
    at: float
    all_up: bool


class People:
    """Who edit, add and delete contacts, each system in its turn."""

    def __init__(self, settings: Settings) -> None:
        self.edits: list[Made] = []
        self.added: dict[str, float] = {}
        self.deleted: set[str] = set()
        self.contacts_before = len(read_natives("bigquery", settings))
        self._turn = 0

    @property
    def count(self) -> int:
        return len(self.edits) + len(self.added) + len(self.deleted)

    def work(self, settings: Settings, *, down: SystemName | None = None) -> None:
        """One thing that a person does, in a system that is up."""
        systems = [name for name in settings.configured if name != down]
        system = systems[self._turn % len(systems)]
        self._turn += 1
        chance = random.random()
        settled = [email for email, at in self.added.items() if time.time() - at > SETTLED_SECONDS]
        if chance < CREATE_SHARE:
            self._add(settings, system)
        elif chance < CREATE_SHARE + DELETE_SHARE and down is None and (left := set(settled) - self.deleted):
            self._delete(settings, system, left.pop())
        else:
            self.edit(settings, system, all_up=down is None)

    def edit(self, settings: Settings, system: SystemName, *, all_up: bool = True) -> None:
        field, value = random.choice(FIELDS), f"Edit {len(self.edits) + 1}"
        made = make_edit(settings, system=system, field=field, value=value)
        self.edits.append(Made(system, made.native_id, field, value, time.time(), all_up))

    def _add(self, settings: Settings, system: SystemName) -> None:
        number = len(self.added) + 1
        email = f"added.{number}@example.org"
        fields = {"first_name": "Added", "last_name": f"Number {number}", "primary_email": email}
        native_id = str(uuid.uuid4())
        row = SeedRow(0, native_id, native_id if system == "bigquery" else None, fields, datetime.now(UTC))
        match system:
            case "twenty":
                with twenty_client(settings) as twenty:
                    sow_twenty(twenty, [row])
            case "supabase":
                with supabase_client(settings) as supabase:
                    supabase.table(settings.supabase_contacts_table).insert({"id": native_id, **fields}).execute()
            case "local":
                with local_engine(settings) as local:
                    sow_database(local, [row])
            case "bigquery":
                with closing(open_engine(settings)) as hub:
                    sow_hub(hub, [row])
        self.added[email] = time.time()

    def _delete(self, settings: Settings, system: SystemName, email: str) -> None:
        natives = read_natives(system, settings)
        (native_id,) = (native.native_id for native in natives if native.fields["primary_email"] == email)
        match system:
            case "twenty":
                with twenty_client(settings) as twenty:
                    twenty.delete(f"/rest/people/{native_id}", params={"soft_delete": "true"})
            case "supabase":
                with supabase_client(settings) as supabase:
                    supabase.table(settings.supabase_contacts_table).delete().eq("id", native_id).execute()
            case "local":
                with local_engine(settings) as local, local.begin() as connection:
                    connection.execute(sa.text(f"DELETE FROM {TABLE} WHERE id = :id"), {"id": native_id})
            case "bigquery":
                with closing(open_engine(settings)) as hub:
                    hub.script([f"DELETE FROM {hub.dataset}.{TABLE} WHERE contact_id = '{native_id}'"])
        self.deleted.add(email)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``missed``: edits that are neither in force nor in the change log nor among the conflicts. ``seconds``: from each
    edit that was made while all systems were up to the end of the cycle that wrote it to all of them."""

    equal: int
    differing: int
    contacts_expected: int
    missed: int
    replaced: int
    doubled: int
    seconds: Sequence[float]

    @property
    def is_good(self) -> bool:
        wrong = self.differing or self.missed or self.doubled
        return not wrong and self.equal == self.contacts_expected

    @property
    def told(self) -> str:
        return (
            f"{self.equal} contacts equal everywhere of {self.contacts_expected} that there must be, "
            f"{self.differing} differ; {self.missed} edits missed, {self.doubled} taken twice "
            f"({self.replaced} replaced by their own author before anybody looked)"
        )

    @property
    def lag(self) -> str:
        cuts = quantiles(self.seconds, n=20, method="inclusive")
        return f"median {cuts[9]:.1f} s, 95th percentile {cuts[18]:.1f} s, most {max(self.seconds):.1f} s"


def judge(settings: Settings, people: People) -> Verdict:
    """What became of all that the people did, by the systems' own words and the hub's books."""
    found = compare(settings)
    links = _rows(settings, "SELECT system, native_id, contact_id FROM {dataset}.sync_links")
    contact = {(row["system"], row["native_id"]): row["contact_id"] for row in links}
    taken: dict[tuple[Any, ...], list[datetime | None]] = {}
    for row in _rows(settings, _TAKEN):
        taken.setdefault(_key(row), []).append(row["finished_at"])
    outvoted = {_key(row) for row in _rows(settings, _OUTVOTED)}
    missed = replaced = doubled = 0
    seconds = []
    for place, edit in enumerate(people.edits):
        contact_id = edit.native_id if edit.system == "bigquery" else contact.get((edit.system, edit.native_id))
        key = (contact_id, edit.system, edit.field, edit.value)
        doubled += len(taken.get(key, [])) > 1
        if key in taken:
            if edit.all_up and (finished := taken[key][0]):
                seconds.append(finished.timestamp() - edit.at)
        elif key not in outvoted:
            later = {(other.system, other.native_id, other.field) for other in people.edits[place + 1 :]}
            is_replaced = (edit.system, edit.native_id, edit.field) in later
            replaced += is_replaced
            missed += not is_replaced
    return Verdict(
        equal=found.equal,
        differing=len(found.differences),
        contacts_expected=people.contacts_before + len(people.added) - len(people.deleted),
        missed=missed,
        replaced=replaced,
        doubled=doubled,
        seconds=seconds,
    )


_TAKEN = """
SELECT log.contact_id, log.system, log.field, log.new_value AS value, cycles.finished_at
FROM {dataset}.sync_change_log AS log
LEFT JOIN {dataset}.sync_cycles AS cycles ON cycles.cycle_id = log.cycle_id
"""

_OUTVOTED = """
SELECT contact_id, losing_system AS system, field, losing_value AS value
FROM {dataset}.sync_conflicts
"""


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["contact_id"], row["system"], row["field"], row["value"])


def _rows(settings: Settings, sql: str) -> list[dict[str, Any]]:
    with closing(open_engine(settings)) as engine:
        rows: list[dict[str, Any]] = engine.query(sql.format(dataset=engine.dataset)).to_pylist()
    return rows
