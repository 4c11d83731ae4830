"""The contact: its fields (:mod:`truth_forge_sync.fields`) as the engine sees them.

Everything else derives from :data:`FIELDS`: the hub's and the databases' columns, the mappings, the paths of the
engine and the pivot into the wide table.

Inside the engine a contact is a map from *path* to *canonical value*, both strings:

========================  ==========================================  =======================
field                     paths                                       value
========================  ==========================================  =======================
scalar ``job_title``      ``job_title``                               canonical text
list ``other_emails``     ``other_emails/ann@example.com`` (one each)  ``true``
JSON ``llm_context``      ``llm_context/interests`` (one a top key)    sorted-key JSON text
========================  ==========================================  =======================

An absent path is null. There is no empty value: '' and null are the same, so are an empty list and none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from truth_forge_sync.canonical import Unreadable, canonical_scalar, canonical_text, clean_text
from truth_forge_sync.fields import Field, FieldType
from truth_forge_sync.mapping import mapping

DELETED = "deleted"
"""The path that says a contact (or a native row) is deleted: its value is ``true`` or absent."""

PRESENT = "true"
"""The value of a list element's path."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A value that could not be read: the field is left alone for this row, and the remedy is shown to a person.

    ``reason`` says what was expected and never repeats the value (nothing personal in logs).
    """

    field: str
    reason: str


FIELDS: tuple[Field, ...] = mapping().fields
"""Those of CONTRACT.md, and a user's own."""

FIELD: Mapping[str, Field] = {field.name: field for field in FIELDS}


def field_of(path: str) -> str:
    """The field name that a path belongs to (``llm_context/a/b`` → ``llm_context``)."""
    return path.partition("/")[0]


def to_paths(raw: Mapping[str, Any], *, region: str) -> tuple[dict[str, str], tuple[Unread, ...]]:
    """Canonical paths of a row given as {field name: raw value}; unknown names are ignored.

    ``region`` is the ISO country of national phone numbers. A value that cannot be read leaves its whole field out
    and is reported; the others are unaffected.
    """
    values: dict[str, str] = {}
    unread: list[Unread] = []
    for name, value in raw.items():
        if (field := FIELD.get(name)) is None or value is None:
            continue
        try:
            values.update(_paths_of(field, value, region))
        except Unreadable as error:
            unread.append(Unread(name, str(error)))
    return values, tuple(unread)


def _paths_of(field: Field, value: Any, region: str) -> dict[str, str]:
    if field.type.is_list:
        elements = (_scalar(field, element, region) for element in _as_list(value))
        return {f"{field.name}/{element}": PRESENT for element in elements if element is not None}
    if field.type is FieldType.JSON:
        return _json_paths(field.name, value)
    scalar = _scalar(field, value, region)
    return {} if scalar is None else {field.name: scalar}


def _scalar(field: Field, value: Any, region: str) -> str | None:
    return None if value is None else canonical_scalar(field.type.element, value, region=region, choices=field.choices)


def _as_list(value: Any) -> list[Any]:
    value = _parsed(value)
    if isinstance(value, str):
        return [value]
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        return list(value)
    raise Unreadable("expected a list")


def _json_paths(name: str, value: Any) -> dict[str, str]:
    value = _parsed(value)
    if value in (None, ""):
        return {}
    if not isinstance(value, Mapping):
        raise Unreadable("expected a JSON object")
    paths = ((canonical_text(str(key)), canonical_json(element)) for key, element in value.items())
    return {f"{name}/{key}": text for key, text in paths if key and text != "null"}


def _parsed(value: Any) -> Any:
    """JSON kept as text (SQLite, hub exports) is read; other text stays as it is."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError as error:
            raise Unreadable("expected JSON") from error
    return value


def canonical_json(value: Any) -> str:
    """Sorted keys, no spaces, NFC, no ASCII escapes; an integral float is an integer (jsonb prints 1.0 and all digits
    of 1e21, JavaScript 1 and 1e+21). Raises :class:`Unreadable` for NaN and infinities, which JSON does not have."""
    plain = _plain(value)
    try:
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise Unreadable("expected JSON without NaN or infinite numbers") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {clean_text(str(key)): _plain(element) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(element) for element in value]
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**64 and not _is_exact_float(value):
        raise Unreadable("expected JSON numbers that fit into 64 bits")
    return value


def _is_exact_float(value: int) -> bool:
    """BigQuery's JSON takes a number only if a 64-bit integer or float holds it without loss."""
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def from_paths(values: Mapping[str, str | None], fields: Iterable[str]) -> dict[str, Any]:
    """The wanted fields as Python values: str, bool, ISO date str, list[str] (sorted), dict; None where absent.

    The inverse of :func:`to_paths` on canonical values; every name in ``fields`` is a key of the result.
    """
    result: dict[str, Any] = {}
    for name in fields:
        field = FIELD[name]
        if field.type.is_list or field.type is FieldType.JSON:
            prefix = f"{name}/"
            below = {p[len(prefix) :]: v for p, v in values.items() if v is not None and p.startswith(prefix)}
            if field.type.is_list:
                result[name] = sorted(below)
            else:
                result[name] = {key: json.loads(below[key]) for key in sorted(below)} or None
        else:
            scalar = values.get(name)
            result[name] = scalar == PRESENT if scalar is not None and field.type is FieldType.BOOLEAN else scalar
    return result
