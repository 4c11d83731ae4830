"""PostgREST's query-string language, turned into SQL clauses whose values are bound.

    select=id,name:first_name,llm_context->>mood     order=updated_at.desc.nullslast,id
    updated_at=gte.2026-11-22T23:09:56+00:00         or=(a.eq.1,and(b.gt.2,not.c.is.null))

The grammar is that of postgrest.org, "Tables and Views", without embedded resources and aggregates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, LiteralString

from psycopg import sql

from truth_forge_sync.sandbox.supabase.errors import ApiError, unparsable

RESERVED: Final = frozenset({"select", "order", "limit", "offset", "columns", "on_conflict"})
"""Query parameters that aren't filters."""

_LOGIC: Final = re.compile(r"(not\.)?(and|or)")
_OPERATORS: Final[dict[str, LiteralString]] = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "LIKE",
    "ilike": "ILIKE",
    "match": "~",
    "imatch": "~*",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
    "isdistinct": "IS DISTINCT FROM",
}
_QUANTIFIED: Final = re.compile(r"(eq|gt|gte|lt|lte|like|ilike|match|imatch)\((any|all)\)")
_IS: Final[dict[str, LiteralString]] = {
    "null": "NULL",
    "not_null": "NOT NULL",
    "true": "TRUE",
    "false": "FALSE",
    "unknown": "UNKNOWN",
}
_ORDER: Final[dict[str, LiteralString]] = {
    "asc": "ASC",
    "desc": "DESC",
    "nullsfirst": "NULLS FIRST",
    "nullslast": "NULLS LAST",
}


@dataclass(frozen=True)
class Clause:
    """A piece of SQL and the values of its placeholders, in order."""

    sql: sql.Composable
    values: Sequence[object] = field(default=())


def join(separator: LiteralString, clauses: Iterable[Clause]) -> Clause:
    """The clauses with a separator between them."""
    parts = list(clauses)
    return Clause(sql.SQL(separator).join([part.sql for part in parts]), [v for part in parts for v in part.values])


def parse_filters(parameters: Iterable[tuple[str, str]], table: str) -> Clause | None:
    """The WHERE condition of a query string's (name, value) pairs, or None when nothing filters.

    Raises ApiError PGRST100 on text that isn't PostgREST's language.
    """
    conditions: list[Clause] = []
    for name, value in parameters:
        if name in RESERVED:
            continue
        if logic := _LOGIC.fullmatch(name):
            conditions.append(_Logic(value, table).whole(negated=bool(logic[1]), word=logic[2]))
        else:
            conditions.append(_condition(name, value, table))
    return join(" AND ", conditions) if conditions else None


def parse_select(text: str, table: str) -> Clause:
    """The column list of `select=`: names, `alias:name`, JSON paths and `::casts`."""
    if not text:
        return Clause(sql.SQL("{}.*").format(sql.Identifier(table)))
    return join(", ", (_selected(item, table) for item in split(text)))


def parse_order(text: str, table: str) -> Clause | None:
    """The ORDER BY list of `order=`, or None when empty."""
    return join(", ", (_ordered(item, table) for item in split(text))) if text else None


def parse_names(text: str) -> list[str]:
    """A comma-separated list of names, each bare or in double quotes."""
    return [_unquoted(item) for item in split(text)] if text else []


def split(text: str, separator: str = ",") -> list[str]:
    """Parts of `text` between separators that stand outside quotes, brackets and braces."""
    parts, depth, in_quotes, start, position = [], 0, False, 0, 0
    while position < len(text):
        character = text[position]
        if in_quotes and character == "\\":
            position += 1
        elif character == '"' and (in_quotes or position == start or text[position - 1] in "(,.{"):
            # Elsewhere a quote is a character like any other: O"Brien.
            in_quotes = not in_quotes
        elif not in_quotes and character in "({":
            depth += 1
        elif not in_quotes and character in ")}":
            depth -= 1
        elif not in_quotes and depth == 0 and text.startswith(separator, position):
            parts.append(text[start:position])
            start = position + len(separator)
        position += 1
    return [*parts, text[start:]]


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _column(text: str, table: str) -> Clause:
    """A column, or a path into a JSON one: `name`, `name->key->0`, `name->>key`."""
    first, *steps = re.split(r"(->>|->)", text)
    column = sql.Identifier(table, _unquoted(first))
    parts: list[Clause] = [Clause(column)]
    for arrow, key in zip(steps[::2], steps[1::2], strict=True):
        index = key.lstrip("-").isdigit()
        template: LiteralString = "->>" if arrow == "->>" else "->"
        cast: LiteralString = " %s::int" if index else " %s::text"
        parts.append(Clause(sql.SQL(template) + sql.SQL(cast), [key]))
    return join(" ", parts)


def _selected(item: str, table: str) -> Clause:
    item = item.strip()
    if item == "*":
        return Clause(sql.SQL("{}.*").format(sql.Identifier(table)))
    if item.endswith("()"):
        raise ApiError(400, "PGRST123", "Use of aggregate functions is not allowed")
    if "(" in item:
        raise ApiError(
            400, "PGRST200", f"Could not find a relationship between '{table}' and '{item.partition('(')[0]}'"
        )
    path, _, type_ = item.partition("::")
    alias, colon, name = path.rpartition(":")
    column = _column(name, table)
    expression, values = column.sql, column.values
    if type_:
        if not re.fullmatch(r"[A-Za-z_][\w ]*(\[\])?", type_):
            raise unparsable("select parameter", item)
        expression = sql.SQL("CAST({} AS {})").format(expression, sql.SQL(trusted(type_)))
    label = _unquoted(alias) if colon else _unquoted(re.split(r"->>?", name)[-1])
    return Clause(sql.SQL("{} AS {}").format(expression, sql.Identifier(label)), values)


def _ordered(item: str, table: str) -> Clause:
    name, *words = split(item, ".")
    if any(word not in _ORDER for word in words):
        raise unparsable("order", item)
    column = _column(name, table)
    return Clause(sql.SQL(" ").join([column.sql, *(sql.SQL(_ORDER[word]) for word in words)]), column.values)


def _condition(name: str, text: str, table: str) -> Clause:
    """One `column=operator.value`, `not.` before the operator."""
    operator, dot, value = text.partition(".")
    if operator == "not" and dot:
        inner = _condition(name, value, table)
        return Clause(sql.SQL("NOT ({})").format(inner.sql), inner.values)
    if not dot:
        raise unparsable("filter", text)
    column = _column(name, table)
    if operator == "in":
        if not (value.startswith("(") and value.endswith(")")):
            raise unparsable("filter", text)
        inner_text = value[1:-1]
        members = [_unquoted(member) for member in split(inner_text)] if inner_text else []
        return _compared(column, "{} {} ANY(%s)", "eq", _array(members))
    if operator == "is":
        if value.lower() not in _IS:
            raise unparsable("filter", text)
        return Clause(sql.SQL("{} IS {}").format(column.sql, sql.SQL(_IS[value.lower()])), column.values)
    if quantified := _QUANTIFIED.fullmatch(operator):
        template: LiteralString = "{} {} ANY(%s)" if quantified[2] == "any" else "{} {} ALL(%s)"
        return _compared(column, template, quantified[1], value)
    if operator not in _OPERATORS:
        raise unparsable("filter", text)
    return _compared(column, "{} {} %s", operator, value)


def _compared(column: Clause, template: LiteralString, operator: str, value: str) -> Clause:
    if operator in ("like", "ilike"):
        value = value.replace("*", "%")
    return Clause(sql.SQL(template).format(column.sql, sql.SQL(_OPERATORS[operator])), [*column.values, value])


def _array(members: Sequence[str]) -> str:
    """An array literal: bound as text of no type, it takes the column's, as a list would not."""
    return "{" + ",".join('"' + m.replace("\\", "\\\\").replace('"', '\\"') + '"' for m in members) + "}"


def trusted(text: str) -> LiteralString:
    """Text that was checked against a pattern or comes from PostgreSQL's own catalogue, as psycopg's SQL wants it."""
    return text.replace("%", "%%")


@dataclass
class _Logic:
    """A recursive reader of `(a.eq.1,and(…),not.or(…),b.in.(1,2),c.eq."x,y")`."""

    text: str
    table: str

    def whole(self, *, negated: bool, word: str) -> Clause:
        if not (self.text.startswith("(") and self.text.endswith(")")):
            raise unparsable("logic tree", self.text)
        members = [self._member(item.strip()) for item in split(self.text[1:-1])]
        joined = join(" AND " if word == "and" else " OR ", members)
        template = sql.SQL("NOT ({})") if negated else sql.SQL("({})")
        return Clause(template.format(joined.sql), joined.values)

    def _member(self, item: str) -> Clause:
        if nested := re.match(r"(not\.)?(and|or)(?=\()", item):
            return _Logic(item[nested.end() :], self.table).whole(negated=bool(nested[1]), word=nested[2])
        name, *rest = split(item, ".")
        negation = "not." if rest[:1] == ["not"] else ""
        rest = rest[1:] if negation else rest
        if len(rest) < 2:
            raise unparsable("logic tree", self.text)
        operator, value = rest[0], ".".join(rest[1:])
        # Only inside a logic tree do quotes around a plain value mean anything.
        plain = value if operator == "in" else _unquoted(value)
        return _condition(name, f"{negation}{operator}.{plain}", self.table)
