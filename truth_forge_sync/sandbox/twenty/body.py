"""Request bodies: JSON as a JavaScript server reads it (facts, section 4)."""

from __future__ import annotations

import json
import math
from typing import Any

from starlette.requests import Request

from truth_forge_sync.sandbox.twenty.errors import ApiError, framework_error

BODY_LIMIT = 10 * 1024 * 1024
"""In bytes."""


async def read_json(request: Request) -> Any:
    """The body's value; {} for an empty body.

    Raises 400 in the framework's shape for malformed JSON, and 500 with a bare string above 10 MB (not 413).
    """
    raw = await request.body()
    if len(raw) > BODY_LIMIT:
        raise ApiError(500, "request entity too large")
    if not raw.strip():
        return {}
    try:
        found = json.loads(raw, parse_int=_number, parse_float=_number, parse_constant=_number)
    except (ValueError, RecursionError) as error:
        raise framework_error(400, "Bad Request", f"Expected valid JSON: {error}") from error
    if not isinstance(found, dict | list):
        raise framework_error(400, "Bad Request", f"Unexpected token {raw[:1].decode(errors='replace')!r}")
    return found


def _number(text: str) -> int | float:
    """JavaScript has one type of number, exact up to 2^53: 12345678901234567 is read as 12345678901234568."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no JSON number")
    return int(number) if number.is_integer() and abs(number) < 1e21 else number
