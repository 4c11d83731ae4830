"""The rules for a custom field (facts, section 7): name, type and options. Pure: a request's body in, a field out."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from truth_forge_sync.sandbox.twenty.errors import ApiError, framework_error, metadata_invalid
from truth_forge_sync.sandbox.twenty.fields import COMPOSITES, Field, FieldType
from truth_forge_sync.sandbox.twenty.objects import ObjectType

CUSTOM_TYPES = (
    FieldType.TEXT,
    FieldType.BOOLEAN,
    FieldType.DATE,
    FieldType.DATE_TIME,
    FieldType.NUMBER,
    FieldType.SELECT,
    FieldType.MULTI_SELECT,
    FieldType.RAW_JSON,
    FieldType.ARRAY,
    FieldType.UUID,
)
"""Those that the stand-in can make; the real server knows more."""

NAME_LIMIT = 63

_COUNTED = ("type", "plan", "event", "field", "link", "user", "role", "workspace", "object", "relation", "job")
_OTHERS = ("address", "addresses", "index", "search", "searches", "currency", "currencies")
RESERVED_NAMES = frozenset((*_COUNTED, *(f"{word}s" for word in _COUNTED), *_OTHERS))
"""Some of the real server's list; the stand-in takes a few names that the server refuses."""

_NAME = re.compile(r"[a-z][a-zA-Z0-9]*")
_OPTION = re.compile(r"[_A-Z][_0-9A-Z]*")
_OPTION_KEYS = ("id", "label", "value", "color", "position")
_WITH_OPTIONS = (FieldType.SELECT, FieldType.MULTI_SELECT)


def new_field(kind: ObjectType, body: Mapping[str, Any], stamp: int) -> Field:
    """Raises 400: in the framework's shape when name or type is missing, else METADATA_VALIDATION_ERROR."""
    missing = [f"{key} should not be empty" for key in ("name", "type", "label") if not body.get(key)]
    if missing:
        raise framework_error(400, "Bad Request", missing)
    name = str(body["name"])
    check_name(kind, name)
    type_ = _type(str(body["type"]))
    return Field(
        id=str(uuid.uuid4()),
        name=name,
        label=str(body["label"]),
        type=type_,
        is_unique=bool(body.get("isUnique")),
        is_custom=True,
        description=body.get("description"),
        icon=body.get("icon"),
        default=body.get("defaultValue"),
        options=_options(type_, body.get("options")),
        settings=body.get("settings"),
        created_at=stamp,
        updated_at=stamp,
    )


def changed_field(field: Field, body: Mapping[str, Any], stamp: int) -> Field:
    """The field with what a PATCH sends; its name and its type can't be changed here."""
    for key in ("type", "name"):
        if key in body and body[key] != getattr(field, key):
            raise metadata_invalid("FIELD_MUTATION_NOT_ALLOWED", f"Field {key} cannot be changed", body[key])
    options = _options(field.type, body["options"]) if "options" in body else field.options
    return replace(
        field,
        label=str(body.get("label", field.label)),
        description=body.get("description", field.description),
        icon=body.get("icon", field.icon),
        is_unique=bool(body.get("isUnique", field.is_unique)),
        is_active=bool(body.get("isActive", field.is_active)),
        default=body.get("defaultValue", field.default),
        settings=body.get("settings", field.settings),
        options=options,
        updated_at=stamp,
    )


def check_name(kind: ObjectType, name: str) -> None:
    if len(name) > NAME_LIMIT:
        raise metadata_invalid("INVALID_FIELD_INPUT", "Name is too long: it exceeds the 63 characters limit", name)
    if not _NAME.fullmatch(name):
        raise metadata_invalid("INVALID_FIELD_INPUT", f"String {name} is not valid: must be in camelCase", name)
    composites = {column.name for field in kind.fields for column in field.columns if field.is_composite}
    if name in RESERVED_NAMES or name in composites:
        raise metadata_invalid("RESERVED_KEYWORD", f'Name "{name}" is reserved', name)
    # SQLite's column names don't mind case, PostgreSQL's do: here a name that differs only by case is taken too.
    taken = {key.lower() for key in (*kind.by_key, *kind.by_name)}
    if name.lower() in taken:
        raise metadata_invalid("NOT_AVAILABLE", f'Name "{name}" is not available', name)


def _type(name: str) -> FieldType:
    if name == "NUMERIC":
        raise metadata_invalid("INVALID_FIELD_INPUT", 'Unsupported field type "NUMERIC". Use NUMBER instead', name)
    found = next((type_ for type_ in CUSTOM_TYPES if type_ == name), None)
    if found is None:
        known = name in COMPOSITES or name in FieldType.__members__
        reason = "is not made by this stand-in" if known else "is unknown"
        raise metadata_invalid("INVALID_FIELD_INPUT", f"Field type {name} {reason}", name)
    return found


def _options(type_: FieldType, sent: Any) -> tuple[Mapping[str, Any], ...]:
    """Required for SELECT and MULTI_SELECT; each value in upper snake case, and only once."""
    if type_ not in _WITH_OPTIONS:
        return ()
    if not isinstance(sent, Sequence) or isinstance(sent, str) or not sent:
        raise _bad_option("Options are required for enum fields", sent)
    found: list[dict[str, Any]] = []
    for number, option in enumerate(sent):
        value = option.get("value") if isinstance(option, dict) else None
        if not isinstance(value, str) or not _OPTION.fullmatch(value):
            raise _bad_option(f'Value must be in UPPER_CASE and follow snake_case "{value}"', value)
        if not option.get("label"):
            raise _bad_option("Option label is required", option)
        if any(other["value"] == value for other in found):
            raise _bad_option(f'Duplicated option value "{value}"', value)
        head = {"id": str(uuid.uuid4()), "color": "gray", "position": number}
        found.append(
            head | {key: option[key] for key in ("id", "label", "value", "color", "position") if key in option}
        )
    return tuple(found)


def _bad_option(message: str, value: Any) -> ApiError:
    return metadata_invalid("INVALID_FIELD_INPUT", message, value)
