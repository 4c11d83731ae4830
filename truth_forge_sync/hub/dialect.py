"""GoogleSQL in DuckDB's dialect, each statement transpiled once for all processes and cycles.

Statements differ from cycle to cycle only in generated ids and times. What is kept is a statement's *shape*, with those
taken out, in a file beside the hub: parsing takes longer than running for a small cycle.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from functools import cache
from pathlib import Path

import sqlglot
from sqlglot import exp

_GENERATED = re.compile(
    r"\d{8}T\d{6}_[0-9a-f]{8}"  # cycles, batches and pushes
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"  # runs
    r"|\b\d{16}\b"  # times in microseconds, and numbers as wide (hub.wide)
)
"""What differs from cycle to cycle. Anything else that does would be transpiled, and kept, for each of them."""


WIDE_TABLES = ("sync_bases", "sync_registers", "contacts_master")
"""Tables with a row a contact or a native row that holds all of its values."""


class Dialect:
    """Transpiled statements, kept in the JSON file ``path``; another version of sqlglot, or of this module, starts it
    anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._shapes: dict[str, str] | None = None
        self._grown = False

    def of(self, sql: str) -> str:
        """One GoogleSQL statement, as DuckDB takes it."""
        found = list(dict.fromkeys(_GENERATED.findall(sql)))
        stand_ins = {text: _stand_in(text, number) for number, text in enumerate(found)}
        shape = _GENERATED.sub(lambda match: stand_ins[match[0]], sql)
        shapes = self._load()
        if shape not in shapes:
            shapes[shape] = _transpiled(shape)
            self._grown = True
        text = shapes[shape]
        for generated, stand_in in stand_ins.items():
            text = text.replace(stand_in, generated)
        return text

    def save(self) -> None:
        """Keep what is new. Two processes may do so at once: each writes a whole file, and the last one stays."""
        if self._grown and self._shapes is not None:
            mine = self._path.with_suffix(f".{os.getpid()}.tmp")
            mine.write_text(json.dumps({"transpiler": _transpiler(), "shapes": self._shapes}))
            mine.replace(self._path)
            self._grown = False

    def _load(self) -> dict[str, str]:
        if self._shapes is None:
            try:
                kept = json.loads(self._path.read_text())
            except (FileNotFoundError, ValueError):
                kept = {}
            self._shapes = kept["shapes"] if kept.get("transpiler") == _transpiler() else {}
        return self._shapes


@cache
def _transpiler() -> str:
    return f"sqlglot {sqlglot.__version__}, {hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]}"


@cache
def _transpiled(shape: str) -> str:
    tree = sqlglot.parse_one(shape, read="bigquery")
    for select in list(tree.find_all(exp.Select)):
        _look_up_first(select)
    if isinstance(tree, exp.Merge):
        _merge_by_place(tree)
    for aggregate in list(tree.find_all(exp.ArrayAgg)):
        _sort_what_is_gathered(aggregate)
    for fingerprint in list(tree.find_all(exp.FarmFingerprint)):
        _fingerprint_as_it_is(fingerprint)
    return tree.sql("duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE)


def _look_up_first(select: exp.Select) -> None:
    """``FROM table WHERE key IN (SELECT …)`` of a table with wide rows: find the rows by the key alone, then read the
    rest of these. DuckDB's own filter lets one row in 500 pass by mistake, and so reads nearly all of a large table."""
    source, where = select.args.get("from_"), select.args.get("where")
    if select.args.get("joins") or not (source and where and source.this.name in WIDE_TABLES):
        return
    for condition in _conjuncts(where.this):
        if isinstance(condition, exp.In) and condition.args.get("query"):
            found = exp.select("rowid").from_(source.this.copy()).where(condition.copy())
            condition.replace(exp.In(this=exp.column("rowid"), query=found.subquery()))


def _merge_by_place(merge: exp.Merge) -> None:
    """``MERGE INTO t USING … AS s ON t.key = s.key`` into a table with wide rows: find the rows by the source's keys,
    then merge by where they are. DuckDB's own join compares the keys of all rows of a large table."""
    target, source, on = merge.this, merge.args["using"], merge.args["on"]
    keys = [condition.this.name for condition in _conjuncts(on)]
    same = exp.and_(*(exp.column(key, target.alias).eq(exp.column(key, source.alias)) for key in keys))
    if target.name not in WIDE_TABLES or on != same:
        return
    found = (
        exp.select("rowid AS place", *keys)
        .from_(exp.table_(target.name, target.db))
        .where(exp.column(keys[0]).isin(query=exp.select(keys[0]).from_("source")))
    )
    placed = (
        exp.select("source.*", "found.place")
        .from_("source")
        .join(found.subquery("found"), using=keys, join_type="left")
        .with_("source", as_=exp.select("*").from_(source.copy()), materialized=True)
    )
    merge.set("using", placed.subquery(source.alias))
    merge.set("on", exp.column("rowid", target.alias).eq(exp.column("place", source.alias)))


def _conjuncts(condition: exp.Expr) -> list[exp.Expr]:
    return list(condition.flatten()) if isinstance(condition, exp.And) else [condition]


def _fingerprint_as_it_is(fingerprint: exp.FarmFingerprint) -> None:
    """Another number than BigQuery's, not negative, but always the same one; of an array without its JSON."""
    (what,) = fingerprint.expressions
    hashed = exp.func("hash", what.this.copy() if isinstance(what, exp.JSONFormat) else what.copy())
    fingerprint.replace(exp.cast(exp.BitwiseRightShift(this=hashed, expression=exp.Literal.number(1)), "bigint"))


def _sort_what_is_gathered(aggregate: exp.ArrayAgg) -> None:
    """Of elements that are ordered by their first field, or by themselves: DuckDB sorts a list that is there in half
    the time that it takes to gather one in order."""
    order = aggregate.this
    if not isinstance(order, exp.Order) or len(order.expressions) != 1 or order.expressions[0].args.get("desc"):
        return
    whole: exp.Expression = aggregate
    element = order.this
    if isinstance(aggregate.parent, exp.IgnoreNulls):
        whole = aggregate.parent
        if isinstance(element, exp.If) and isinstance(element.args["true"], exp.Null):
            element = element.args.get("false")
    first = element.expressions[0].expression if isinstance(element, exp.Struct) else element
    if first == order.expressions[0].this:
        aggregate.set("this", order.this)
        whole.replace(exp.func("list_sort", whole.copy()))


def _stand_in(text: str, number: int) -> str:
    return f"{9_000_000_000_000_000 + number}" if text.isdigit() else f"generated{number:02}id"
