"""From a value in a request's JSON to the columns that hold it: the entry to `scalars` and `composites`."""

from __future__ import annotations

from typing import Any

from truth_forge_sync.sandbox.twenty.composites import COMPOSITE_VALUES
from truth_forge_sync.sandbox.twenty.errors import bad_request
from truth_forge_sync.sandbox.twenty.fields import Field, FieldType, Row
from truth_forge_sync.sandbox.twenty.scalars import SCALARS, type_name, wrong


def columns_of(field: Field, value: Any) -> Row:
    """The columns that `value` sets; a column that isn't named keeps what it holds.

    Raises 400 in the wording of facts, section 4, and 500 for U+0000.
    """
    if field.is_composite:
        return _composite(field, value)
    if field.type is FieldType.TS_VECTOR:
        raise bad_request(f"{field.name} TS_VECTOR-typed field does not support write operations")
    column = field.columns[0]
    return {column.name: SCALARS[field.type](field, value)}


def _composite(field: Field, value: Any) -> Row:
    """Null changes nothing. Each type has its own rule for the parts that are left out."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong(field, value)
    names = {column.part: column.name for column in field.columns}
    for part in value:
        if part not in names:
            raise bad_request(f'Invalid subfield {part} for {type_name(field)} field "{field.name}"')
    parts = COMPOSITE_VALUES[field.type](field, value)
    return {names[part]: stored for part, stored in parts.items()}
