"""Field types, and the columns that hold them.

As in Twenty itself, every object is a table and a composite field is several columns named after it: `name` is
`nameFirstName` and `nameLastName`. So filters, orders and unique fields are plain SQL, and a custom field is a column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

Sql = str | int | float | None
Row = dict[str, Sql]
"""Column name to stored value."""


class FieldType(StrEnum):
    TEXT = "TEXT"
    BOOLEAN = "BOOLEAN"
    DATE = "DATE"
    DATE_TIME = "DATE_TIME"
    NUMBER = "NUMBER"
    SELECT = "SELECT"
    MULTI_SELECT = "MULTI_SELECT"
    RAW_JSON = "RAW_JSON"
    ARRAY = "ARRAY"
    UUID = "UUID"
    POSITION = "POSITION"
    FILES = "FILES"
    TS_VECTOR = "TS_VECTOR"
    RELATION = "RELATION"
    FULL_NAME = "FULL_NAME"
    EMAILS = "EMAILS"
    PHONES = "PHONES"
    LINKS = "LINKS"
    ACTOR = "ACTOR"


class Kind(StrEnum):
    """What one column holds."""

    TEXT = "TEXT"
    UUID = "UUID"
    SELECT = "SELECT"
    DATE = "DATE"
    INSTANT = "INSTANT"
    NUMBER = "NUMBER"
    BOOLEAN = "BOOLEAN"
    JSON = "JSON"
    JSON_LIST = "JSON_LIST"
    ARRAY = "ARRAY"
    CHOICES = "CHOICES"

    @property
    def sql_type(self) -> str:
        return _SQL_TYPES.get(self, "TEXT")

    @property
    def operators(self) -> frozenset[str]:
        """The filter operators that it takes (facts, section 1, Filter)."""
        return _OPERATORS[self]

    @property
    def is_list(self) -> bool:
        """Shown as [] when empty."""
        return self in (Kind.JSON_LIST, Kind.ARRAY, Kind.CHOICES)


_SQL_TYPES: Mapping[Kind, str] = {Kind.INSTANT: "INTEGER", Kind.BOOLEAN: "INTEGER", Kind.NUMBER: "REAL"}

_CHOICE = frozenset({"eq", "neq", "in", "is"})
_ORDERED = _CHOICE | {"gt", "gte", "lt", "lte"}

_OPERATORS: Mapping[Kind, frozenset[str]] = {
    Kind.TEXT: _ORDERED | {"startsWith", "endsWith", "like", "ilike"},
    Kind.UUID: _ORDERED,
    Kind.SELECT: _CHOICE,
    Kind.DATE: _ORDERED,
    Kind.INSTANT: _ORDERED,
    Kind.NUMBER: _ORDERED,
    Kind.BOOLEAN: frozenset({"eq", "is"}),
    Kind.JSON: frozenset({"is", "like"}),
    Kind.JSON_LIST: frozenset({"is", "like"}),
    Kind.ARRAY: frozenset({"is"}),
    Kind.CHOICES: frozenset({"is", "containsAny"}),
}


@dataclass(frozen=True)
class Column:
    """`part` is the name inside a composite value, None for a field of one column."""

    name: str
    part: str | None
    kind: Kind


COMPOSITES: Mapping[FieldType, Mapping[str, Kind]] = {
    FieldType.FULL_NAME: {"firstName": Kind.TEXT, "lastName": Kind.TEXT},
    FieldType.EMAILS: {"primaryEmail": Kind.TEXT, "additionalEmails": Kind.JSON_LIST},
    FieldType.LINKS: {
        "primaryLinkLabel": Kind.TEXT,
        "primaryLinkUrl": Kind.TEXT,
        "secondaryLinks": Kind.JSON_LIST,
    },
    FieldType.PHONES: {
        "primaryPhoneNumber": Kind.TEXT,
        "primaryPhoneCountryCode": Kind.TEXT,
        "primaryPhoneCallingCode": Kind.TEXT,
        "additionalPhones": Kind.JSON_LIST,
    },
    FieldType.ACTOR: {
        "source": Kind.SELECT,
        "workspaceMemberId": Kind.UUID,
        "name": Kind.TEXT,
        "context": Kind.JSON,
    },
}

_UNIQUE_PARTS: Mapping[FieldType, str] = {
    FieldType.EMAILS: "primaryEmail",
    FieldType.LINKS: "primaryLinkUrl",
    FieldType.PHONES: "primaryPhoneNumber",
}

_KINDS: Mapping[FieldType, Kind] = {
    FieldType.TEXT: Kind.TEXT,
    FieldType.BOOLEAN: Kind.BOOLEAN,
    FieldType.DATE: Kind.DATE,
    FieldType.DATE_TIME: Kind.INSTANT,
    FieldType.NUMBER: Kind.NUMBER,
    FieldType.SELECT: Kind.SELECT,
    FieldType.MULTI_SELECT: Kind.CHOICES,
    FieldType.RAW_JSON: Kind.JSON,
    FieldType.ARRAY: Kind.ARRAY,
    FieldType.UUID: Kind.UUID,
    FieldType.POSITION: Kind.NUMBER,
    FieldType.FILES: Kind.JSON,
    FieldType.RELATION: Kind.UUID,
}


@dataclass(frozen=True)
class Field:
    """One field of an object. `options` (SELECT, MULTI_SELECT), `settings` and `default` are kept as they were sent."""

    id: str
    name: str
    label: str
    type: FieldType
    is_unique: bool = False
    is_custom: bool = False
    is_system: bool = False
    is_active: bool = True
    description: str | None = None
    icon: str | None = None
    default: Any = None
    options: tuple[Mapping[str, Any], ...] = ()
    settings: Mapping[str, Any] | None = None
    created_at: int = 0
    updated_at: int = 0

    @cached_property
    def key(self) -> str:
        """The name under which a record shows it: a relation shows the other record's id."""
        return f"{self.name}Id" if self.type is FieldType.RELATION else self.name

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """None for `searchVector`, which is made up on the way out."""
        if self.type is FieldType.TS_VECTOR:
            return ()
        parts = COMPOSITES.get(self.type)
        if parts is None:
            return (Column(self.key, None, _KINDS[self.type]),)
        return tuple(Column(f"{self.name}{part[0].upper()}{part[1:]}", part, kind) for part, kind in parts.items())

    @cached_property
    def unique_column(self) -> Column | None:
        """The column that must be unique, if the field is unique: of a composite, its primary part."""
        if not self.is_unique:
            return None
        part = _UNIQUE_PARTS.get(self.type)
        return next(column for column in self.columns if column.part == part)

    @cached_property
    def option_values(self) -> frozenset[str]:
        return frozenset(str(option["value"]) for option in self.options)

    @property
    def is_composite(self) -> bool:
        return self.type in COMPOSITES
