"""From a stored row to the record that the API shows (facts, section 2): empty text is '', empty lists are []."""

from __future__ import annotations

import json
import re
from typing import Any

from truth_forge_sync.sandbox.twenty.fields import Column, Field, FieldType, Kind, Row, Sql
from truth_forge_sync.sandbox.twenty.instants import to_iso
from truth_forge_sync.sandbox.twenty.objects import ObjectType

_SEARCHED = ("nameFirstName", "nameLastName", "name", "emailsPrimaryEmail", "jobTitle", "phonesPrimaryPhoneNumber")
_WORD = re.compile(r"[\w.@+-]+")


def record(kind: ObjectType, row: Row) -> dict[str, Any]:
    """The record at depth 0, all fields, custom ones last."""
    return {field.key: value_of(field, row) for field in kind.fields}


def value_of(field: Field, row: Row) -> Any:
    if field.type is FieldType.TS_VECTOR:
        return _search_vector(row)
    if field.is_composite:
        return {column.part: column_value(column, row[column.name]) for column in field.columns}
    column = field.columns[0]
    return column_value(column, row[column.name])


def column_value(column: Column, stored: Sql) -> Any:
    """One column's value as JSON."""
    kind = column.kind
    if stored is None:
        return "" if kind is Kind.TEXT else [] if kind.is_list else None
    if kind is Kind.INSTANT:
        return to_iso(int(stored))
    if kind is Kind.BOOLEAN:
        return bool(stored)
    if kind is Kind.NUMBER:
        # JavaScript has one type of number and shows 2.0 as 2.
        number = float(stored)
        return int(number) if number.is_integer() else number
    if kind is Kind.JSON or kind.is_list:
        return json.loads(str(stored))
    return stored


def _search_vector(row: Row) -> str:
    """Looks like PostgreSQL's, without its parsing: the words in order of the alphabet, each with its place."""
    text = " ".join(str(row[name]) for name in _SEARCHED if row.get(name))
    places: dict[str, int] = {}
    for place, word in enumerate(_WORD.findall(text.lower()), start=1):
        places.setdefault(word, place)
    return " ".join(f"'{word}':{places[word]}" for word in sorted(places))
