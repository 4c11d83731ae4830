"""Query parameters and paths of the record API (facts, sections 1 and 5)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import QueryParams

from truth_forge_sync.sandbox.twenty.errors import bad_request
from truth_forge_sync.sandbox.twenty.filters import Filter, parse_filter
from truth_forge_sync.sandbox.twenty.reading import ListQuery
from truth_forge_sync.sandbox.twenty.scalars import canonical_uuid

DEFAULT_LIMIT = 60
MAX_LIMIT = 200


@dataclass(frozen=True)
class RecordPath:
    """`/people`, `/people/{id}`, `/batch/people` or `/restore/people`."""

    plural: str
    scope: Literal["one", "many", "batch", "restore"]
    record_id: str = ""


def parse_path(path: str, method: str) -> RecordPath:
    """Raises 400 for more than two segments, so that restoring by id is impossible, and for an id that is no UUID."""
    segments = [segment for segment in path.split("/") if segment]
    if not 1 <= len(segments) <= 2:
        raise bad_request(
            f"Query path '/rest/{path}' invalid. "
            "Valid examples: /rest/companies/id or /rest/companies or /rest/batch/companies",
        )
    if len(segments) == 1:
        return RecordPath(segments[0], "many")
    head, tail = segments
    if head == "batch":
        return RecordPath(tail, "batch")
    if head == "restore" and method == "PATCH":
        return RecordPath(tail, "restore")
    record_id = canonical_uuid(tail)
    if record_id is None:
        raise bad_request(f"'{tail}' is not a valid UUID")
    return RecordPath(head, "one", record_id)


def list_query(query: QueryParams) -> ListQuery:
    return ListQuery(
        filter=filter_of(query),
        limit=_limit(query.get("limit")),
        order_by=query.get("order_by"),
        starting_after=query.get("starting_after"),
        ending_before=query.get("ending_before"),
        depth=depth_of(query),
    )


def filter_of(query: QueryParams) -> Filter | None:
    text = query.get("filter")
    return parse_filter(text) if text else None


def flag(query: QueryParams, name: str) -> bool:
    """`upsert` and `soft_delete` count only when they are exactly `true`."""
    return query.get(name) == "true"


def depth_of(query: QueryParams) -> int:
    text = query.get("depth") or "0"
    if text not in ("0", "1"):
        raise bad_request(f"'depth={text}' parameter invalid. Allowed values are 0, 1")
    return int(text)


def _limit(text: str | None) -> float:
    """More than 200 silently means 200. A fraction is taken, and rounded up when it is used."""
    if not text:
        return DEFAULT_LIMIT
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if math.isnan(limit) or limit < 0:
        raise bad_request(f"limit '{text}' is invalid. Should be an integer")
    return min(limit, MAX_LIMIT)
