"""Reading records: one, and a page of many (facts, section 1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from truth_forge_sync.sandbox.twenty.conditions import Clause, to_clause
from truth_forge_sync.sandbox.twenty.errors import not_found
from truth_forge_sync.sandbox.twenty.fields import Row
from truth_forge_sync.sandbox.twenty.filters import Filter, mentions
from truth_forge_sync.sandbox.twenty.objects import PERSON_RELATIONS, ObjectType
from truth_forge_sync.sandbox.twenty.paging import (
    after,
    decode_cursor,
    encode_cursor,
    order_columns,
    order_sql,
    parse_order,
)
from truth_forge_sync.sandbox.twenty.render import record
from truth_forge_sync.sandbox.twenty.workspace import Workspace

_EVERYTHING = Clause("1")


@dataclass(frozen=True)
class ListQuery:
    """The query of a list, its filter parsed, its limit within 0-200."""

    filter: Filter | None
    limit: float
    order_by: str | None
    starting_after: str | None
    ending_before: str | None
    depth: int


def list_records(workspace: Workspace, kind: ObjectType, query: ListQuery) -> dict[str, Any]:
    """The whole answer: `data`, `totalCount` (matches of the filter, wherever the cursor is) and `pageInfo`."""
    order = parse_order(query.order_by, kind, workspace.objects)
    where = visible(workspace, kind, query.filter)
    total = workspace.store.scalar(f'SELECT count(*) FROM "{kind.singular}" WHERE {where.text}', where.parameters)

    backwards = query.ending_before is not None and query.starting_after is None
    walked = tuple(key.reversed() for key in order) if backwards else order
    token = query.ending_before if backwards else query.starting_after
    cursor = decode_cursor(token) if token else None
    beyond = _EVERYTHING if cursor is None else after(walked, cursor)

    page = math.ceil(query.limit)
    ordering = order_sql(walked)
    # The inner select runs on an index alone wherever it can; only the page's own rows are then read in full. With a
    # filter, the plus makes it look for an index for the filter, not for the order.
    inner_ordering = ordering if query.filter is None else ", ".join(f"+{key.sql}" for key in walked)
    table = f'"{kind.singular}"'
    rows = workspace.store.rows(
        f"SELECT {table}.*, {order_columns(order)} FROM {table} WHERE id IN "
        f"(SELECT id FROM {table} WHERE ({where.text}) AND ({beyond.text}) ORDER BY {inner_ordering} LIMIT ?) "
        f"ORDER BY {ordering}",
        (*where.parameters, *beyond.parameters, page + 1),
    )
    more = len(rows) > page
    rows = rows[:page]
    if backwards:
        rows.reverse()
    ends = (encode_cursor(order, rows[0]), encode_cursor(order, rows[-1])) if rows else (None, None)
    # Going backwards, the two cursors come out swapped and hasNextPage is false.
    start, end = reversed(ends) if backwards else ends
    return {
        "data": {kind.plural: render(workspace, kind, rows, query.depth)},
        "totalCount": total,
        "pageInfo": {
            "startCursor": start,
            "endCursor": end,
            "hasNextPage": more and not backwards,
            "hasPreviousPage": more and backwards,
        },
    }


def find_record(workspace: Workspace, kind: ObjectType, record_id: str, depth: int) -> dict[str, Any]:
    """Raises 404 for an unknown or soft-deleted record."""
    row = find_row(workspace, kind, record_id)
    if row["deletedAt"] is not None:
        raise not_found()
    return render(workspace, kind, [row], depth)[0]


def find_row(workspace: Workspace, kind: ObjectType, record_id: str) -> Row:
    """The row, soft-deleted or not. Raises 404 when there is none."""
    rows = workspace.store.rows(f'SELECT * FROM "{kind.singular}" WHERE id = ?', (record_id,))
    if not rows:
        raise not_found()
    return rows[0]


def rows_by_id(workspace: Workspace, kind: ObjectType, ids: Sequence[str]) -> list[Row]:
    """The rows of `ids`, in their order; an unknown id is left out."""
    found: dict[object, Row] = {}
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        marks = ", ".join("?" for _ in part)
        for row in workspace.store.rows(f'SELECT * FROM "{kind.singular}" WHERE id IN ({marks})', part):
            found[row["id"]] = row
    return [found[record_id] for record_id in ids if record_id in found]


def visible(workspace: Workspace, kind: ObjectType, tree: Filter | None) -> Clause:
    """The filter, and soft-deleted rows hidden unless it mentions deletedAt (facts, section 5)."""
    column = f'"{kind.singular}"."deletedAt"'
    if tree is None:
        return Clause(f"{column} IS NULL")
    clause = to_clause(tree, kind, workspace.objects)
    if mentions(tree, "deletedAt"):
        return clause
    # The plus keeps SQLite from picking the index on deletedAt, which nearly every row matches.
    return Clause(f"({clause.text}) AND +{column} IS NULL", clause.parameters)


def matching_ids(
    workspace: Workspace, kind: ObjectType, tree: Filter | None, *, hidden: bool, limit: int = -1
) -> list[str]:
    """Ids of the rows that a filter means, in id order; `hidden` reaches soft-deleted rows whatever it mentions."""
    unhidden = to_clause(tree, kind, workspace.objects) if hidden and tree is not None else None
    where = unhidden or visible(workspace, kind, tree)
    rows = workspace.store.rows(
        f'SELECT id FROM "{kind.singular}" WHERE {where.text} ORDER BY id LIMIT ?', (*where.parameters, limit)
    )
    return [str(row["id"]) for row in rows]


def render(workspace: Workspace, kind: ObjectType, rows: Sequence[Row], depth: int) -> list[dict[str, Any]]:
    """Records at depth 0; depth 1 adds the company itself and the lists of other objects, all empty here."""
    records = [record(kind, row) for row in rows]
    if depth == 0 or "company" not in kind.by_name:
        return records
    company = workspace.objects["company"]
    ids = list({str(row["companyId"]) for row in rows if row["companyId"] is not None})
    companies = {row["id"]: record(company, row) for row in rows_by_id(workspace, company, ids)}
    empty: dict[str, list[object]] = {name: [] for name in PERSON_RELATIONS}
    return [
        {**shown, "company": companies.get(row["companyId"]), **empty} for shown, row in zip(records, rows, strict=True)
    ]
