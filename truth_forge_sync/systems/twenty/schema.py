"""The custom fields of Twenty's people: which the workspace has, and making the missing ones.

Metadata requests are not rate limited (facts, section 7); a new field can be used at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from truth_forge_sync.contact import FIELD
from truth_forge_sync.errors import Stop
from truth_forge_sync.systems.protocol import Step
from truth_forge_sync.systems.twenty.answers import Malformed, Page, Record, Rejected, read_page, read_record
from truth_forge_sync.systems.twenty.client import SYSTEM, Client
from truth_forge_sync.systems.twenty.mapping import COLUMNS, COMPOSITES, CONTACT_ID

_OBJECTS = "/rest/metadata/objects"
_WHERE = "Settings, Data model, People"
_COLORS = ("green", "turquoise", "sky", "blue", "purple", "pink", "red", "orange", "yellow", "gray")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A custom field of people as this program needs it."""

    name: str
    type: str
    unique: bool = False
    options: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        # A label whose camel case is the name: Twenty may keep the two in step.
        words = "".join(f" {letter}" if letter.isupper() else letter for letter in self.name)
        return words[0].upper() + words[1:]

    def payload(self, person_object: str) -> dict[str, Any]:
        """The body of ``POST /rest/metadata/fields``."""
        body: dict[str, Any] = {
            "objectMetadataId": person_object,
            "name": self.name,
            "label": self.label,
            "type": self.type,
        }
        if self.unique:
            body["isUnique"] = True
        if self.options:
            body["options"] = [
                {"value": value, "label": value, "position": position, "color": _COLORS[position % len(_COLORS)]}
                for position, value in enumerate(self.options)
            ]
        return body


WANTED: tuple[Wanted, ...] = (
    Wanted(CONTACT_ID, "TEXT", unique=True),
    *(Wanted(column.twenty, column.type, options=FIELD[column.field].choices) for column in COLUMNS if column.custom),
)


class Schema:
    """What the workspace's people can hold, read once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._person: Record | None = None

    def fields(self) -> frozenset[str]:
        """The contact fields that people can hold now: their Twenty field exists, is active and has the right type."""
        there = {name for name, field in self._existing().items() if _is_active(field)}
        types = {name: field.get("type") for name, field in self._existing().items()}
        plain = {column.field: (column.twenty, column.type) for column in COLUMNS}
        wanted = plain | dict(COMPOSITES)
        return frozenset(field for field, (name, type_) in wanted.items() if name in there and types[name] == type_)

    def has_contact_id(self) -> bool:
        """Whether people can hold the contact's id."""
        field = self._existing().get(CONTACT_ID)
        return field is not None and _is_active(field) and field.get("type") == "TEXT"

    def init(self, *, dry_run: bool) -> Iterator[Step]:
        """Create the missing fields; report those that a person must put right. A field as wanted is no step."""
        existing = self._existing()
        person = str(self._read()["id"])
        for wanted in WANTED:
            field = existing.get(wanted.name)
            if field is None:
                yield self._create(wanted, person, dry_run)
            else:
                yield from self._check(wanted, field, dry_run)
        self._person = None

    def _create(self, wanted: Wanted, person: str, dry_run: bool) -> Step:
        what = f"create the field {wanted.name} ({wanted.type}) on people"
        if dry_run:
            return Step(SYSTEM, what, done=False)
        return self._do(what, "POST", "/rest/metadata/fields", wanted.payload(person))

    def _check(self, wanted: Wanted, field: Record, dry_run: bool) -> Iterator[Step]:
        name = f"the field {wanted.name} on people"
        if field.get("type") != wanted.type:
            remedy = f"rename or delete it in Twenty ({_WHERE}), then run init again"
            yield Step(SYSTEM, f"{name} has the type {field.get('type')}, not {wanted.type}: {remedy}", done=False)
            return
        if not _is_active(field):
            yield Step(SYSTEM, f"{name} is deactivated: activate it in Twenty ({_WHERE})", done=False)
            return
        there = {option.get("value") for option in field.get("options") or []}
        if missing := [value for value in wanted.options if value not in there]:
            yield Step(
                SYSTEM, f"{name} lacks the options {' '.join(missing)}: add them in Twenty ({_WHERE})", done=False
            )
        if wanted.unique and not field.get("isUnique"):
            what = f"make {name} unique"
            path = f"/rest/metadata/fields/{field['id']}"
            yield Step(SYSTEM, what, done=False) if dry_run else self._do(what, "PATCH", path, {"isUnique": True})

    def _do(self, what: str, method: str, path: str, body: object) -> Step:
        try:
            # Not repeated by itself: a field made by a lost request is found by the next init.
            self._client.send(method, path, read_record, body=body, repeatable=False)
        except Rejected as error:
            return Step(SYSTEM, f"{what}: Twenty says: {error.message}", done=False)
        return Step(SYSTEM, what, done=True)

    def _existing(self) -> dict[str, Record]:
        return {field["name"]: field for field in self._read()["fields"]}

    def _read(self) -> Record:
        cursor: str | None = None
        while self._person is None:
            page = self._client.get(_OBJECTS, _read_objects, {"starting_after": cursor} if cursor else None)
            self._person = next((found for found in page.records if _is_person(found)), None)
            cursor = page.next
            if self._person is None and cursor is None:
                raise Stop("the workspace has no object for people", system=SYSTEM, remedy="activate People in Twenty")
        return self._person


def _read_objects(answer: Any) -> Page:
    page = read_page(answer)
    for found in filter(_is_person, page.records):
        fields = found.get("fields")
        if not isinstance(fields, list) or not all(isinstance(each, dict) and each.get("name") for each in fields):
            raise Malformed("the object of people without its fields")
    return page


def _is_person(found: Record) -> bool:
    return found.get("nameSingular") == "person"


def _is_active(field: Record) -> bool:
    return field.get("isActive") is not False
