"""What the database holds, from PostgreSQL's catalogue: tables' columns and functions' arguments in schema `public`.

PostgREST keeps such a cache too and hosted projects reload it whenever a table changes; here whatever isn't found is
looked up once more before it is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg.rows import TupleRow

Connection = psycopg.AsyncConnection[TupleRow]


@dataclass(frozen=True)
class Column:
    """`type` is the SQL type as written in DDL; `default` the SQL expression of the default, if any."""

    name: str
    type: str
    default: str | None


@dataclass(frozen=True)
class Table:
    name: str
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]


@dataclass(frozen=True)
class Function:
    """`arguments` maps each input's name to its SQL type; those in `optional` have a default."""

    name: str
    arguments: Mapping[str, str]
    optional: frozenset[str]
    returns_rows: bool
    returns_set: bool
    returns_void: bool

    def accepts(self, names: Collection[str]) -> bool:
        required = self.arguments.keys() - self.optional
        return required <= set(names) <= self.arguments.keys()


@dataclass
class Catalogue:
    """Tables looked up so far."""

    _tables: dict[str, Table] = field(default_factory=dict)

    async def table(self, connection: Connection, name: str, *, having: Collection[str] = ()) -> Table | None:
        """The table or view `name`, read anew when it isn't known or known without one of the columns `having`."""
        known = self._tables.get(name)
        if known is not None and known.columns.keys() >= set(having):
            return known
        found = await _read_table(connection, name)
        if found is None:
            self._tables.pop(name, None)
        else:
            self._tables[name] = found
        return found

    def forget(self, name: str) -> None:
        """Read the table anew next time: PostgreSQL says that it is not as we knew it."""
        self._tables.pop(name, None)


async def _read_table(connection: Connection, name: str) -> Table | None:
    cursor = await connection.execute(
        """
        SELECT a.attname, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid),
               coalesce(a.attnum = ANY (k.conkey), false)
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum AND a.attgenerated = ''
        LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
        WHERE c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        ORDER BY a.attnum
        """,
        (name,),
    )
    rows = await cursor.fetchall()
    if not rows:
        return None
    return Table(
        name=name,
        columns={column: Column(column, type_, default) for column, type_, default, _ in rows},
        primary_key=tuple(column for column, _, _, in_key in rows if in_key),
    )


async def functions(connection: Connection, name: str) -> list[Function]:
    """Every function `name` (they may be overloaded) whose inputs all have names."""
    cursor = await connection.execute(
        """
        SELECT coalesce(p.proargnames, '{}'), coalesce(p.proargmodes::text[], '{}'), p.pronargdefaults,
               ARRAY(SELECT format_type(t.oid, NULL)
                     FROM unnest(p.proargtypes) WITH ORDINALITY AS t (oid, n) ORDER BY n),
               p.proretset, r.typtype = 'c' OR r.typname = 'record', r.typname = 'void'
        FROM pg_proc p
        JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = 'public'
        JOIN pg_type r ON r.oid = p.prorettype
        WHERE p.proname = %s AND p.prokind = 'f'
        """,
        (name,),
    )
    found = []
    for names, modes, defaults, types, is_set, is_rows, is_void in await cursor.fetchall():
        inputs = [n for n, m in zip(names, modes or "i" * len(names), strict=True) if m in "ibv"]
        if len(inputs) == len(types):
            arguments = dict(zip(inputs, types, strict=True))
            optional = frozenset(inputs[len(inputs) - defaults :]) if defaults else frozenset()
            found.append(Function(name, arguments, optional, is_rows, is_set, is_void))
    return found
