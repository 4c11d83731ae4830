"""Organization names ↔ Twenty's companies.

A contact's organization is the name of the company that the person points at. Names are compared exactly, after
:func:`~truth_forge_sync.canonical.canonical_text`; where several companies share a name, one that a
person was seen to point at is meant, else the oldest.
A missing company is created under an id that derives from its name, so that no retry and no second process makes two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID, uuid5

from truth_forge_sync.canonical import canonical_text
from truth_forge_sync.contact import Unread
from truth_forge_sync.systems.twenty.answers import Record, Rejected, read_records
from truth_forge_sync.systems.twenty.client import PAGE, SYSTEM, Client
from truth_forge_sync.systems.twenty.filters import EVEN_DELETED, all_of, any_of, in_batches, one_of, text_is

_PATH = "/rest/companies"
_NAMESPACE = UUID("6f1d7c1e-6a0c-5a1c-9f53-0c8d1f6b2a47")
_IDS = 4
"""How many ids a name may use up: one is lost when its company is renamed or deleted."""


class Companies:
    """The companies seen so far in this run; only unknown ones cost a request."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._names: dict[str, str | None] = {}  # id → name; None: there is no such company
        self._ids: dict[str, str] = {}  # name → id of the live company
        self.refused: dict[str, Rejected] = {}
        """Names that Twenty did not take, and why."""

    def know(self, ids: Iterable[str | None]) -> None:
        """Fetch the companies with these ids that are not known yet; soft-deleted ones keep their name."""
        unknown = sorted({id_ for id_ in ids if id_} - self._names.keys())
        for start in range(0, len(unknown), PAGE):
            batch = unknown[start : start + PAGE]
            for company in self._find(all_of(one_of("id", batch), EVEN_DELETED)):
                self._learn(company)
            for id_ in batch:
                self._names.setdefault(id_, None)

    def name(self, id_: str | None) -> str | Unread | None:
        """The name of a company that :meth:`know` has fetched; :class:`Unread` where the company is not there."""
        if not id_:
            return None
        name = self._names[id_]
        return Unread("organization", "its company could not be found") if name is None else name

    def ensure(self, names: Iterable[str]) -> None:
        """Find or create the companies with these canonical names; then :meth:`id_of` or ``refused`` knows each."""
        missing = list(dict.fromkeys(name for name in names if name not in self._ids))
        self.refused.clear()
        found: list[Record] = []
        for conditions in in_batches((text_is("name", name) for name in missing), most=PAGE):
            found.extend(self._find(any_of(conditions)))
        for company in sorted(found, key=lambda company: (str(company.get("createdAt")), company["id"])):
            self._learn(company)
        for turn in range(_IDS):
            missing = [name for name in missing if name not in self._ids and name not in self.refused]
            for start in range(0, len(missing), PAGE):
                self._create(missing[start : start + PAGE], turn)
        for name in missing:
            if name not in self._ids and name not in self.refused:
                self.refused[name] = Rejected(400, "every id for this company name is taken", system=SYSTEM)

    def id_of(self, name: str) -> str:
        """The company of a name that :meth:`ensure` has found or created."""
        return self._ids[name]

    def forget(self, name: str) -> None:
        """The company is not there any more: look again next time."""
        self._names.pop(self._ids.pop(name, ""), None)

    def _create(self, names: list[str], turn: int) -> None:
        bodies = [{"id": _id_for(name, turn), "name": name} for name in names]
        try:
            created = self._client.send("POST", "/rest/batch/companies", read_records, body=bodies, repeatable=True)
        except Rejected as error:
            if error.kind == "duplicate":
                self._taken(names, turn, error)
            elif len(names) == 1:
                self.refused[names[0]] = error
            else:
                self._halves(names, turn)
            return
        for company in created:
            self._learn(company)

    def _halves(self, names: list[str], turn: int) -> None:
        middle = len(names) // 2
        self._create(names[:middle], turn)
        self._create(names[middle:], turn)

    def _taken(self, names: list[str], turn: int, error: Rejected) -> None:
        """Some of the ids exist: ours from an earlier try or another process, or a company renamed or deleted since."""
        ids = {_id_for(name, turn): name for name in names}
        there = {company["id"]: company for company in self._find(all_of(one_of("id", ids), EVEN_DELETED))}
        for company in there.values():
            self._learn(company)
        absent = [name for id_, name in ids.items() if id_ not in there]
        if there:
            if absent:
                self._create(absent, turn)
        elif len(names) > 1:
            self._halves(names, turn)
        else:
            self.refused[names[0]] = error

    def _find(self, condition: str) -> Iterator[Record]:
        for page in self._client.pages(_PATH, {"filter": condition}):
            yield from page.records

    def _learn(self, company: Record) -> None:
        name = canonical_text(company.get("name") or "")
        self._names[company["id"]] = name
        if name and not company.get("deletedAt"):
            self._ids.setdefault(name, company["id"])


def _id_for(name: str, turn: int) -> str:
    return str(uuid5(_NAMESPACE, f"{turn}/{name}"))
