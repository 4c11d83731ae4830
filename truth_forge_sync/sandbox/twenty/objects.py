"""The standard objects: people and companies, with the fields of Twenty 2.21 (facts, section 2)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from truth_forge_sync.sandbox.twenty.fields import Column, Field, FieldType

WORKSPACE_ID = "20202020-1c25-4d02-bf25-6aeccf7ea419"
_NAMESPACE = uuid.UUID(WORKSPACE_ID)

PERSON_RELATIONS = (
    "attachments",
    "calendarEventParticipants",
    "messageParticipants",
    "noteTargets",
    "taskTargets",
    "timelineActivities",
)
"""Lists that depth 1 adds; the stand-in has none of those objects, so they are always empty."""


@dataclass(frozen=True)
class ObjectType:
    """One object: its table is named by `singular`, its path by `plural`. `fields` is in the order of display."""

    id: str
    singular: str
    plural: str
    label: str
    label_plural: str
    fields: tuple[Field, ...]

    @cached_property
    def by_key(self) -> Mapping[str, Field]:
        """Fields by the key that a record shows them under."""
        return {field.key: field for field in self.fields}

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        return {field.name: field for field in self.fields}

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        return tuple(column for field in self.fields for column in field.columns)

    @cached_property
    def unique_fields(self) -> tuple[tuple[Field, Column], ...]:
        """What an upsert matches on besides the id."""
        found = ((field, field.unique_column) for field in self.fields)
        return tuple((field, column) for field, column in found if column is not None)

    @property
    def title(self) -> str:
        """As in `createPerson`."""
        return self.singular[0].upper() + self.singular[1:]

    @property
    def title_plural(self) -> str:
        """As in `createPeople`."""
        return self.plural[0].upper() + self.plural[1:]

    def with_custom(self, custom: tuple[Field, ...]) -> ObjectType:
        """The same object with other custom fields, which come after the standard ones."""
        return replace(self, fields=(*(field for field in self.fields if not field.is_custom), *custom))


def stable_id(*names: str) -> str:
    """The same id in every stand-in, so that a restarted or fresh one looks like the same workspace."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(names)))


def _field(
    owner: str, name: str, label: str, type_: FieldType, *, is_unique: bool = False, is_system: bool = False
) -> Field:
    return Field(stable_id(owner, name), name, label, type_, is_unique=is_unique, is_system=is_system)


def _head(owner: str) -> tuple[Field, ...]:
    return (
        _field(owner, "id", "Id", FieldType.UUID, is_system=True),
        _field(owner, "createdAt", "Creation date", FieldType.DATE_TIME),
        _field(owner, "updatedAt", "Last update", FieldType.DATE_TIME),
        _field(owner, "deletedAt", "Deleted at", FieldType.DATE_TIME),
    )


def _tail(owner: str) -> tuple[Field, ...]:
    return (
        _field(owner, "position", "Position", FieldType.POSITION, is_system=True),
        _field(owner, "createdBy", "Created by", FieldType.ACTOR),
        _field(owner, "updatedBy", "Updated by", FieldType.ACTOR),
        _field(owner, "searchVector", "Search vector", FieldType.TS_VECTOR, is_system=True),
    )


PERSON = ObjectType(
    id=stable_id("person"),
    singular="person",
    plural="people",
    label="Person",
    label_plural="People",
    fields=(
        *_head("person"),
        _field("person", "name", "Name", FieldType.FULL_NAME),
        _field("person", "emails", "Emails", FieldType.EMAILS, is_unique=True),
        _field("person", "linkedinLink", "Linkedin", FieldType.LINKS),
        _field("person", "jobTitle", "Job Title", FieldType.TEXT),
        _field("person", "phones", "Phones", FieldType.PHONES),
        _field("person", "avatarUrl", "Avatar", FieldType.TEXT, is_system=True),
        _field("person", "avatarFile", "Avatar File", FieldType.FILES),
        *_tail("person"),
        _field("person", "company", "Company", FieldType.RELATION),
    ),
)

COMPANY = ObjectType(
    id=stable_id("company"),
    singular="company",
    plural="companies",
    label="Company",
    label_plural="Companies",
    fields=(
        *_head("company"),
        _field("company", "name", "Name", FieldType.TEXT),
        _field("company", "domainName", "Domain Name", FieldType.LINKS, is_unique=True),
        _field("company", "employees", "Employees", FieldType.NUMBER),
        _field("company", "linkedinLink", "Linkedin", FieldType.LINKS),
        *_tail("company"),
    ),
)

STANDARD_OBJECTS = (COMPANY, PERSON)
"""Companies first: people refer to them."""
