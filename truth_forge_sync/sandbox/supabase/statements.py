"""The statements behind the routes. Each answers one row: the result as JSON text, and how many rows it holds.

PostgreSQL reads the request's JSON and writes the answer's itself (`json_to_recordset`, `json_agg`), so that every
conversion, default and refusal is its own. Identifiers are quoted; values are bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, LiteralString

from psycopg import sql

from truth_forge_sync.sandbox.supabase.catalogue import Function, Table
from truth_forge_sync.sandbox.supabase.grammar import Clause, trusted


@dataclass(frozen=True)
class Page:
    """Which of the rows to answer: `limit` of them from `offset` on, in `order`."""

    order: Clause | None
    limit: int
    offset: int


@dataclass(frozen=True)
class Shape:
    """How to print rows: the selected columns, and whether null ones are left out."""

    columns: Clause
    strip_nulls: bool = False


def select(source: Clause, where: Clause | None, shape: Shape, page: Page) -> Clause:
    """The rows of `source` (a table or a function call with its alias)."""
    rows = _pieces("SELECT {} FROM {}", shape.columns, source)
    if where is not None:
        rows = _pieces("{} WHERE {}", rows, where)
    if page.order is not None:
        rows = _pieces("{} ORDER BY {}", rows, page.order)
    return _as_json(_pieces("{} LIMIT {} OFFSET {}", rows, _value(page.limit), _value(page.offset)), shape)


def count(source: Clause, where: Clause | None) -> Clause:
    """How many rows there are, whatever the page: one row, one number."""
    return _where(_pieces("SELECT count(*) FROM {}", source), where)


def insert(
    table: Table,
    columns: Sequence[str],
    body: str,
    shape: Shape | None,
    *,
    defaults: bool,
    conflict: Literal["merge", "ignore"] | None = None,
    target: Sequence[str] = (),
) -> Clause:
    """Insert the objects of the JSON array `body`.

    A key that an object lacks becomes null, or with `defaults` the column's default. `conflict` says what to do with a
    row whose `target` columns (the primary key when empty) are there already. Without `shape` no rows are answered.
    """
    filled = _with_defaults(table, columns, body) if defaults else _json(body)
    names = _names(columns)
    if columns:
        records = _pieces("json_to_recordset({}) AS body ({})", filled, _typed(table, columns))
        statement = _pieces("INSERT INTO {} ({}) SELECT {} FROM {}", from_table(table), names, names, records)
    else:
        statement = _pieces("INSERT INTO {} DEFAULT VALUES", from_table(table))
    if conflict == "ignore":
        statement = _pieces("{} ON CONFLICT ({}) DO NOTHING", statement, _names(target or table.primary_key))
    elif conflict == "merge" and columns:
        assignments = _list("{} = excluded.{}", columns)
        statement = _pieces(
            "{} ON CONFLICT ({}) DO UPDATE SET {}", statement, _names(target or table.primary_key), assignments
        )
    return _returning(table, statement, shape)


def update(table: Table, columns: Sequence[str], body: str, where: Clause, shape: Shape | None) -> Clause:
    """Set the keys of the JSON object `body` in the rows that match."""
    record = _pieces("json_to_record({}) AS body ({})", _json(body), _typed(table, columns))
    assignments = _list("{} = body.{}", columns)
    statement = _pieces("UPDATE {} SET {} FROM {} WHERE {}", from_table(table), assignments, record, where)
    return _returning(table, statement, shape)


def delete(table: Table, where: Clause, shape: Shape | None) -> Clause:
    """Delete the rows that match."""
    return _returning(table, _pieces("DELETE FROM {} WHERE {}", from_table(table), where), shape)


def call(function: Function, names: Sequence[str], body: str) -> Clause:
    """The call of a function with the arguments `names` out of the JSON object `body`."""
    if not names:
        return Clause(sql.SQL("public.{}()").format(sql.Identifier(function.name)))
    arguments: list[sql.Composable] = []
    values: list[object] = []
    for name in names:
        type_ = sql.SQL(trusted(function.arguments[name]))
        template = sql.SQL("{} => (SELECT body.{} FROM json_to_record(%s::json) AS body ({} {}))")
        arguments.append(template.format(*[sql.Identifier(name)] * 3, type_))
        values.append(body)
    listed = sql.SQL(", ").join(arguments)
    return Clause(sql.SQL("public.{}({})").format(sql.Identifier(function.name), listed), values)


def from_table(table: Table) -> Clause:
    """The table as a source of rows. The alias hides the schema, so that columns are qualified alike everywhere."""
    return Clause(sql.SQL("public.{} AS {}").format(sql.Identifier(table.name), sql.Identifier(table.name)))


def from_call(function: Function, called: Clause) -> Clause:
    """A function's call as a source of rows."""
    alias = sql.Identifier(function.name)
    return Clause(sql.SQL("{} AS {}").format(called.sql, alias), called.values)


def scalar(called: Clause) -> Clause:
    """The single value of a function as JSON text."""
    return _pieces("SELECT to_json({})::text, 1", called)


def _pieces(template: LiteralString, *clauses: Clause) -> Clause:
    """Fill a template's `{}` with clauses; the values follow in the same order."""
    return Clause(
        sql.SQL(template).format(*(clause.sql for clause in clauses)),
        [value for clause in clauses for value in clause.values],
    )


def _where(statement: Clause, where: Clause | None) -> Clause:
    return statement if where is None else _pieces("{} WHERE {}", statement, where)


def _value(value: int) -> Clause:
    return Clause(sql.Placeholder(), [value])


def _json(body: str) -> Clause:
    return Clause(sql.SQL("%s::json"), [body])


def _names(columns: Sequence[str]) -> Clause:
    return Clause(sql.SQL(", ").join([sql.Identifier(column) for column in columns]))


def _list(template: LiteralString, columns: Sequence[str]) -> Clause:
    return Clause(sql.SQL(", ").join([sql.SQL(template).format(sql.Identifier(c), sql.Identifier(c)) for c in columns]))


def _typed(table: Table, columns: Sequence[str]) -> Clause:
    pairs = [(sql.Identifier(name), sql.SQL(trusted(table.columns[name].type))) for name in columns]
    return Clause(sql.SQL(", ").join([sql.SQL("{} {}").format(name, type_) for name, type_ in pairs]))


def _with_defaults(table: Table, columns: Sequence[str], body: str) -> Clause:
    """Each object of the array laid over the defaults of the columns, computed anew for each."""
    pairs: list[sql.Composable] = []
    values: list[object] = []
    for name in columns:
        if (default := table.columns[name].default) is not None:
            pairs.append(sql.SQL("%s::text, {}").format(sql.SQL(trusted(default))))
            values.append(name)
    template = sql.SQL(
        "(SELECT json_agg(jsonb_build_object({}) || element)"
        " FROM jsonb_array_elements(%s::jsonb) AS elements (element))"
    )
    return Clause(template.format(sql.SQL(", ").join(pairs)), [*values, body])


def _returning(table: Table, statement: Clause, shape: Shape | None) -> Clause:
    if shape is None:
        return _pieces("WITH rows AS ({} RETURNING 1) SELECT '', count(*) FROM rows", statement)
    return _as_json(_pieces("{} RETURNING {}", statement, shape.columns), shape)


def _as_json(rows: Clause, shape: Shape) -> Clause:
    template: LiteralString = (
        "WITH rows AS ({}) SELECT coalesce(json_strip_nulls(json_agg(rows)), '[]')::text, count(*) FROM rows"
        if shape.strip_nulls
        else "WITH rows AS ({}) SELECT coalesce(json_agg(rows), '[]')::text, count(*) FROM rows"
    )
    return _pieces(template, rows)
