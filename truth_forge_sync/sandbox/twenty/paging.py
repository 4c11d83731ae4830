"""Order and cursors of a list (facts, section 1).

The trap is kept on purpose: SQL sorts by the stored microseconds, while a cursor carries milliseconds and compares by
them. Ordered by `updatedAt`, a list therefore skips and repeats rows of one millisecond. The default order, by id, is
safe.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from truth_forge_sync.sandbox.twenty.conditions import Clause, Target, instant_comparison, resolve
from truth_forge_sync.sandbox.twenty.errors import ApiError, bad_request
from truth_forge_sync.sandbox.twenty.fields import Kind, Row, Sql
from truth_forge_sync.sandbox.twenty.instants import parse_instant
from truth_forge_sync.sandbox.twenty.objects import ObjectType
from truth_forge_sync.sandbox.twenty.render import column_value

DIRECTIONS = ("AscNullsFirst", "AscNullsLast", "DescNullsFirst", "DescNullsLast")


@dataclass(frozen=True)
class OrderKey:
    path: tuple[str, ...]
    target: Target
    descending: bool
    nulls_first: bool

    @property
    def sql(self) -> str:
        direction = "DESC" if self.descending else "ASC"
        return f"{self.target.expression} {direction} NULLS {'FIRST' if self.nulls_first else 'LAST'}"

    def reversed(self) -> OrderKey:
        return OrderKey(self.path, self.target, not self.descending, not self.nulls_first)


Order = tuple[OrderKey, ...]


def parse_order(text: str | None, kind: ObjectType, objects: Mapping[str, ObjectType]) -> Order:
    """`f1[AscNullsFirst],f2[DescNullsLast],name.firstName`; `id` is added as the last key if it isn't there.

    Raises 400, for an unknown field with code FIELD_NOT_FOUND.
    """
    keys = [_key(item, kind, objects) for item in text.split(",")] if text else []
    if not any(key.path == ("id",) for key in keys):
        keys.append(_key("id", kind, objects))
    return tuple(keys)


def _key(item: str, kind: ObjectType, objects: Mapping[str, ObjectType]) -> OrderKey:
    name, direction = item, "AscNullsFirst"
    if "[" in item and "]" in item:
        name, _, rest = item.partition("[")
        direction = rest.replace("]", "", 1)
    if direction not in DIRECTIONS:
        allowed = "', '".join(DIRECTIONS)
        raise bad_request(
            f"'order_by' direction '{direction}' invalid. Allowed values are '{allowed}'. "
            "eg: ?order_by=field_1[AscNullsFirst],field_2[DescNullsLast],field_3",
        )
    path = tuple(name.split("."))
    try:
        target = resolve(path, kind, objects)
    except ApiError as error:
        raise bad_request(
            f'Field metadata for field "{path[0]}" is missing in object metadata {kind.singular}', "FIELD_NOT_FOUND"
        ) from error
    return OrderKey(path, target, direction.startswith("Desc"), direction.endswith("First"))


def encode_cursor(order: Order, row: Row) -> str:
    """base64 of the order keys' values as the API shows them, so an instant is cut to the millisecond."""
    values: dict[str, Any] = {}
    for key in order:
        place = values
        for name in key.path[:-1]:
            place = place.setdefault(name, {})
        place[key.path[-1]] = column_value(key.target.column, row[_alias(key)])
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(text.encode()).decode()


def decode_cursor(text: str) -> Mapping[str, Any] | None:
    """None for base64 of JSON that isn't an object, which is silently ignored. Raises 400 for anything else."""
    try:
        found = json.loads(base64.b64decode(text, validate=False))
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"Invalid cursor: {text}") from error
    return found if isinstance(found, dict) else None


def after(order: Order, cursor: Mapping[str, Any]) -> Clause:
    """The rows that come after the cursor: later in the first key, or equal in it and later in the rest."""
    clause = Clause("0")
    for key in reversed(order):
        value = _cursor_value(key, cursor)
        beyond, equal = _beyond(key, value), _equal(key, value)
        clause = Clause(
            f"({beyond.text}) OR (({equal.text}) AND ({clause.text}))",
            (*beyond.parameters, *equal.parameters, *clause.parameters),
        )
    return clause


def order_columns(order: Order) -> str:
    """What a select must add so that `encode_cursor` finds the values of its keys."""
    return ", ".join(f'{key.target.expression} AS "{_alias(key)}"' for key in order)


def order_sql(order: Sequence[OrderKey]) -> str:
    return ", ".join(key.sql for key in order)


def _alias(key: OrderKey) -> str:
    return f"order.{'.'.join(key.path)}"


def _cursor_value(key: OrderKey, cursor: Mapping[str, Any]) -> Sql:
    value: Any = cursor
    for name in key.path:
        value = value.get(name) if isinstance(value, dict) else None
    if value is None or value == "":
        return None
    if key.target.column.kind is Kind.INSTANT:
        found = parse_instant(str(value))
        if found is None:
            raise bad_request(f"Invalid cursor: {value}")
        return found
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, int | float | str) else json.dumps(value)


def _beyond(key: OrderKey, value: Sql) -> Clause:
    expression = key.target.expression
    if value is None:
        return Clause(f"{expression} IS NOT NULL" if key.nulls_first else "0")
    operator = "lt" if key.descending else "gt"
    if key.target.column.kind is Kind.INSTANT:
        found = instant_comparison(operator, expression, int(value))
    else:
        found = Clause(f"{expression} {'<' if key.descending else '>'} ?", (value,))
    return found if key.nulls_first else Clause(f"{found.text} OR {expression} IS NULL", found.parameters)


def _equal(key: OrderKey, value: Sql) -> Clause:
    expression = key.target.expression
    if value is None:
        return Clause(f"{expression} IS NULL")
    if key.target.column.kind is Kind.INSTANT:
        return instant_comparison("eq", expression, int(value))
    return Clause(f"{expression} = ?", (value,))
