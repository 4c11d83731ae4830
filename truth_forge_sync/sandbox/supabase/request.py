"""What a request asks for beside its filters: preferences, page, shape of the answer, and the rows in its body."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from truth_forge_sync.sandbox.supabase import errors, grammar

_RANGE = re.compile(r"(\d+)-(\d*)")
_SINGLE = "application/vnd.pgrst.object+json"


@dataclass(frozen=True)
class Asked:
    """The headers of one request, read once.

    `prefer` maps each preference to its value (`return`, `count`, `resolution`, `missing`, `max-affected`, …).
    """

    prefer: dict[str, str]
    single: bool
    strip_nulls: bool
    range: tuple[int, int | None] | None

    @property
    def counted(self) -> bool:
        return "count" in self.prefer

    @property
    def represented(self) -> bool:
        return self.prefer.get("return") == "representation"


def read_headers(request: Request) -> Asked:
    """Raises ApiError PGRST103 for a range that ends before it starts."""
    preferences = ",".join(request.headers.getlist("prefer")).split(",")
    pairs = (preference.strip().partition("=") for preference in preferences)
    accept = request.headers.get("accept", "")
    return Asked(
        prefer={name: value for name, _, value in pairs if name},
        single=accept.startswith(_SINGLE),
        strip_nulls="nulls=stripped" in accept,
        range=_read_range(request.headers.get("range", "")),
    )


def _read_range(text: str) -> tuple[int, int | None] | None:
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    first, last = int(found[1]), int(found[2]) if found[2] else None
    if last is not None and last < first:
        raise errors.not_satisfiable(
            "The lower boundary must be lower than or equal to the upper boundary in the Range header."
        )
    return first, last


def read_page(parameters: QueryParams, asked: Asked, max_rows: int) -> tuple[int, int]:
    """(limit, offset) of the answer; the limit never above `max_rows`, and nobody is told.

    Raises ApiError PGRST103 for a negative limit or offset.
    """
    limit, offset = _number(parameters, "limit"), _number(parameters, "offset") or 0
    if asked.range is not None and limit is None and "offset" not in parameters:
        offset, last = asked.range
        limit = None if last is None else last - offset + 1
    if limit is not None and limit < 0:
        raise errors.not_satisfiable("Limit should be greater than or equal to zero.")
    return max_rows if limit is None else min(limit, max_rows), max(offset, 0)


def _number(parameters: QueryParams, name: str) -> int | None:
    text = parameters.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise errors.unparsable(name, text) from error


@dataclass(frozen=True)
class Body:
    """The rows of a write: `text` is a JSON array of objects, `columns` the keys that count."""

    text: str
    columns: list[str]
    rows: int


async def read_rows(request: Request) -> Body:
    """The body of an insert: one object or a list of them, with the columns of `columns=` or else of its keys.

    Raises ApiError PGRST102 on what isn't JSON, isn't objects, or has differing keys and no `columns=`.
    """
    text, value = await _read_json(request)
    listed = request.query_params.get("columns")
    rows = value if isinstance(value, list) else [value]
    if not all(isinstance(row, dict) for row in rows):
        raise errors.bad_body("Empty or invalid json")
    if listed:
        columns = grammar.parse_names(listed)
    else:
        columns = list(rows[0]) if rows else []
        if any(row.keys() != rows[0].keys() for row in rows):
            raise errors.bad_body("All object keys must match")
    return Body(text if isinstance(value, list) else f"[{text}]", columns, len(rows))


async def read_object(request: Request) -> tuple[str, list[str]]:
    """The body of an update or a call as JSON text, and its keys. An empty body is an empty object."""
    text, value = await _read_json(request)
    if not isinstance(value, dict):
        raise errors.bad_body("Empty or invalid json")
    return text, list(value)


async def _read_json(request: Request) -> tuple[str, Any]:
    raw = await request.body()
    try:
        text = raw.decode() or "{}"
        return text, json.loads(text)
    except ValueError as error:
        raise errors.bad_body("Empty or invalid json") from error
