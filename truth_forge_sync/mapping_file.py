"""What ``truth_forge_sync.toml`` may say, and every mistake that one can make in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from truth_forge_sync.fields import BUILT_IN, FieldType

Mistake = tuple[tuple[str, ...], str]
"""Which key, and what is wrong with it."""

FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
ColumnName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
System = Literal["bigquery", "twenty", "supabase", "local"]

RESERVED = frozenset({
    "id", "contact_id", "created_at", "updated_at", "deleted_at", "deleted",
    "version", "updated_by", "canonical_name", "source_systems",
})  # fmt: skip
"""Columns that contact tables have beside the fields."""

COMPOSITE = {
    "first_name": "name", "last_name": "name", "primary_email": "emails", "other_emails": "emails",
    "primary_phone": "phones", "other_phones": "phones", "linkedin_url": "linkedinLink", "organization": "company",
}  # fmt: skip
"""Fields that are a part of something else in Twenty, which can't be called otherwise."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SaidOfField(_Table):
    type: FieldType | None = None
    choices: tuple[Code, ...] = ()
    authority: tuple[System, ...] = ()


class SaidOfSystem(_Table):
    leave_out: tuple[str, ...] = ()
    columns: Mapping[str, ColumnName] = {}


class MappingFile(_Table):
    fields: Mapping[FieldName, SaidOfField] = {}
    systems: Mapping[Literal["twenty", "supabase", "local"], SaidOfSystem] = {}


def parse(raw: Mapping[str, Any]) -> tuple[MappingFile | None, list[Mistake]]:
    """The file, or what of it has the wrong form."""
    try:
        return MappingFile.model_validate(raw), []
    except ValidationError as error:
        return None, [(_key(item["loc"]), _words(item["msg"])) for item in error.errors()]


def _key(location: tuple[int | str, ...]) -> tuple[str, ...]:
    return tuple(part for part in location if isinstance(part, str) and part != "[key]")


def _words(message: str) -> str:
    return message.replace("Extra inputs are not permitted", "there is no such key")


def mistakes(file: MappingFile) -> Iterator[Mistake]:
    """What does not fit together."""
    built_in = {one.name for one in BUILT_IN}
    known = built_in | file.fields.keys()
    for name, said in file.fields.items():
        yield from _of_field(("fields", name), name, said, is_own=name not in built_in)
    for system, here in file.systems.items():
        yield from _of_system(("systems", system), here, known, is_twenty=system == "twenty")


def _of_field(key: tuple[str, ...], name: str, said: SaidOfField, *, is_own: bool) -> Iterator[Mistake]:
    if name in RESERVED:
        yield key, "this name is taken by a column that every contacts table has"
    if is_own and said.type is None:
        yield key, f"a field of your own needs a type: {', '.join(FieldType)}"
    if not is_own and said.type is not None:
        yield (*key, "type"), "the type of a built-in field can't be changed: declare a field of your own"
    if said.choices and (said.type is not FieldType.CHOICE or not is_own):
        yield (*key, "choices"), "only a field of your own with the type choice has choices"
    if is_own and said.type is FieldType.CHOICE and not said.choices:
        yield key, 'the type choice needs choices, such as ["S", "M"]'
    if len(set(said.authority)) < len(said.authority):
        yield (*key, "authority"), "a system is named twice"


def _of_system(key: tuple[str, ...], said: SaidOfSystem, known: set[str], *, is_twenty: bool) -> Iterator[Mistake]:
    for name in said.leave_out:
        if name not in known:
            yield (*key, "leave_out"), f"there is no field {name}"
    for name, column in said.columns.items():
        here = (*key, "columns", name)
        if name not in known:
            yield here, f"there is no field {name}"
        elif name in said.leave_out:
            yield here, "the field is left out here"
        elif is_twenty and name in COMPOSITE:
            yield here, f"it is a part of Twenty's {COMPOSITE[name]}, and can only be left out"
        elif not is_twenty and column in RESERVED:
            yield here, f"the column {column} is there for something else"
        elif is_twenty and not re.fullmatch(r"[a-z][A-Za-z0-9]*", column):
            yield here, "Twenty's names are in camel case, such as tShirt"
    names = Counter({name: said.columns.get(name, name) for name in known - set(said.leave_out)}.values())
    for column, count in names.items():
        if count > 1:
            yield (*key, "columns"), f"two fields would be {column}"
