"""From a filter's tree to SQL: which column a path means, and what each operator compares (facts, section 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from truth_forge_sync.sandbox.twenty.errors import ApiError, bad_request, invalid_uuid
from truth_forge_sync.sandbox.twenty.fields import Column, Field, FieldType, Kind, Sql
from truth_forge_sync.sandbox.twenty.filters import Condition, Filter
from truth_forge_sync.sandbox.twenty.instants import MILLISECOND, parse_date, parse_instant
from truth_forge_sync.sandbox.twenty.objects import ObjectType
from truth_forge_sync.sandbox.twenty.scalars import canonical_uuid

_COMPARISONS: Mapping[str, str] = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True)
class Clause:
    """A piece of SQL that is true, false or null for a row, and its parameters."""

    text: str
    parameters: tuple[Sql, ...] = ()


@dataclass(frozen=True)
class Target:
    """What a path leads to: a column, and the SQL that reads it."""

    field: Field
    column: Column
    expression: str


def to_clause(tree: Filter, kind: ObjectType, objects: Mapping[str, ObjectType]) -> Clause:
    """`objects` by singular name, for paths that lead through a relation.

    Raises 400 for a field, subfield, operator or value that the object doesn't know.
    """
    if isinstance(tree, Condition):
        return _condition(tree, resolve(tree.path, kind, objects, tree.operator))
    parts = [to_clause(part, kind, objects) for part in tree.parts]
    parameters = tuple(parameter for part in parts for parameter in part.parameters)
    if tree.word == "not":
        return Clause(f"NOT ({parts[0].text})", parameters)
    joint = f" {tree.word.upper()} "
    return Clause(joint.join(f"({part.text})" for part in parts), parameters)


def resolve(path: tuple[str, ...], kind: ObjectType, objects: Mapping[str, ObjectType], operator: str = "") -> Target:
    """The column that `path` means: `jobTitle`, `emails.primaryEmail`, `companyId` or `company.name`."""
    head, rest = path[0], path[1:]
    field = kind.by_key.get(head)
    if field is not None:
        column = _column(field, rest, operator)
        return Target(field, column, f'"{kind.singular}"."{column.name}"')
    relation = kind.by_name.get(head)
    if relation is None or relation.type is not FieldType.RELATION or not rest:
        raise unknown_field(kind, head)
    other = resolve(rest, objects[head], objects, operator)
    return Target(
        other.field,
        other.column,
        f'(SELECT {other.expression} FROM "{head}" WHERE "{head}".id = "{kind.singular}"."{relation.key}")',
    )


def unknown_field(kind: ObjectType, name: str) -> ApiError:
    return bad_request(f'Object {kind.singular} doesn\'t have any "{name}" field.')


def _column(field: Field, rest: tuple[str, ...], operator: str) -> Column:
    if not field.columns:
        raise bad_request(f'Operator "{operator}" is not supported for field "{field.name}"')
    if not field.is_composite and not rest:
        return field.columns[0]
    # On a composite field the operator stands where a subfield should.
    part = rest[0] if rest else operator
    found = next((column for column in field.columns if column.part == part), None)
    if found is None or len(rest) > 1:
        raise bad_request(f'Sub field "{part}" not found for {field.type.value} field "{field.name}"')
    return found


def _condition(condition: Condition, target: Target) -> Clause:
    operator, kind = condition.operator, target.column.kind
    if operator not in kind.operators:
        raise bad_request(f'Operator "{operator}" is not supported for field "{".".join(condition.path)}"')
    if operator == "is":
        return _is(condition.values[0], target)
    if operator in ("startsWith", "endsWith", "like", "ilike"):
        return _pattern(operator, condition.values[0], target.expression)
    if operator == "containsAny":
        marks = ", ".join("?" for _ in condition.values)
        return Clause(
            f"EXISTS (SELECT 1 FROM json_each({target.expression}) AS item WHERE item.value IN ({marks}))",
            condition.values,
        )
    if operator == "in":
        return _in(condition.values, target)
    return _comparison(operator, condition.values[0], target)


def _is(value: str, target: Target) -> Clause:
    if value == "NULL":
        return Clause(f"{target.expression} IS NULL")
    if value == "NOT_NULL":
        return Clause(f"{target.expression} IS NOT NULL")
    raise bad_request(f"'filter' invalid for 'is' operator. Received '{value}', expected NULL or NOT_NULL")


def _pattern(operator: str, value: str, expression: str) -> Clause:
    """`like` takes % and _ as they are; the text of startsWith and endsWith stands for itself."""
    if operator == "like":
        return Clause(f"{expression} LIKE ? ESCAPE '\\'", (value,))
    if operator == "ilike":
        return Clause(f"fold({expression}) LIKE fold(?) ESCAPE '\\'", (value,))
    literal = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return Clause(f"{expression} LIKE ? ESCAPE '\\'", (f"{literal}%" if operator == "startsWith" else f"%{literal}",))


def _in(values: tuple[str, ...], target: Target) -> Clause:
    if target.column.kind is Kind.INSTANT:
        parts = [_comparison("eq", value, target) for value in values]
        return Clause(" OR ".join(part.text for part in parts), tuple(p for part in parts for p in part.parameters))
    parse = _VALUES[target.column.kind]
    marks = ", ".join("?" for _ in values)
    return Clause(f"{target.expression} IN ({marks})", tuple(parse(target, value) for value in values))


def _comparison(operator: str, value: str, target: Target) -> Clause:
    kind = target.column.kind
    # Empty text is stored as null, and the literal NULL means null too, so that neither can be searched for as text.
    if operator in ("eq", "neq") and (value == "NULL" or (value == "" and kind is Kind.TEXT)):
        return Clause(f"{target.expression} IS {'' if operator == 'eq' else 'NOT '}NULL")
    if kind is Kind.INSTANT:
        return instant_comparison(operator, target.expression, _instant(target, value))
    return Clause(f"{target.expression} {_COMPARISONS[operator]} ?", (_VALUES[kind](target, value),))


def instant_comparison(operator: str, expression: str, millisecond: int) -> Clause:
    """Compares as if both sides were cut to the millisecond, so a value read back from the API compares exactly."""
    after = millisecond + MILLISECOND
    match operator:
        case "eq":
            return Clause(f"{expression} >= ? AND {expression} < ?", (millisecond, after))
        case "neq":
            return Clause(f"({expression} < ? OR {expression} >= ?)", (millisecond, after))
        case "gt":
            return Clause(f"{expression} >= ?", (after,))
        case "gte":
            return Clause(f"{expression} >= ?", (millisecond,))
        case "lt":
            return Clause(f"{expression} < ?", (millisecond,))
        case _:
            return Clause(f"{expression} < ?", (after,))


def _instant(target: Target, value: str) -> int:
    found = parse_instant(value, max_digits=3)
    if found is None:
        raise bad_request(f"Invalid value '{value}' for date-time field \"{target.field.key}\"")
    return found


def _text(target: Target, value: str) -> Sql:
    return value


def _uuid(target: Target, value: str) -> Sql:
    found = canonical_uuid(value)
    if found is None:
        raise invalid_uuid(value)
    return found


def _choice(target: Target, value: str) -> Sql:
    if target.field.type is FieldType.SELECT and value not in target.field.option_values:
        raise bad_request(f"Invalid value '{value}' for select field \"{target.field.key}\"")
    return value


def _date(target: Target, value: str) -> Sql:
    found = parse_date(value)
    if found is None:
        raise bad_request(f"Invalid value '{value}' for date field \"{target.field.key}\"")
    return found


def _number(target: Target, value: str) -> Sql:
    try:
        return float(value)
    except ValueError as error:
        raise bad_request(f"Invalid value '{value}' for number field \"{target.field.key}\"") from error


def _boolean(target: Target, value: str) -> Sql:
    return int(value.lower() == "true")


_VALUES: Mapping[Kind, Callable[[Target, str], Sql]] = {
    Kind.TEXT: _text,
    Kind.UUID: _uuid,
    Kind.SELECT: _choice,
    Kind.DATE: _date,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
}
