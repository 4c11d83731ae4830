"""Points in time: stored in microseconds, shown and compared in milliseconds (facts, section 1, updatedAt).

The gap between the two is the source of the cursor trap: rows of one millisecond look equal from outside while they
have an order inside.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

Clock = Callable[[], int]
"""Microseconds since 1970-01-01 UTC."""

MILLISECOND = 1_000
"""In microseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s?(Z|[+-]\d\d:?\d\d)?)?",
)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ].*)?")
_AMERICAN_DATE = re.compile(r"(\d\d?)/(\d\d?)/(\d{4})")


def wall_clock() -> int:
    return time.time_ns() // 1_000


class Stamps:
    """Hands out one stamp a statement, each later than the one before, as statements on one server are."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        """Microseconds since the epoch."""
        self._last = max(self._clock(), self._last + 1)
        return self._last


def to_iso(micros: int) -> str:
    """`2026-11-22T23:13:20.807Z`: truncated to milliseconds, never rounded."""
    instant = _EPOCH + timedelta(microseconds=micros)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: str, max_digits: int = 9) -> int | None:
    """Microseconds of an ISO instant, cut to the millisecond; None when it isn't one.

    No offset means UTC; a date alone is its midnight. `max_digits` limits the fraction: a filter takes 3, a value any.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if fraction is not None and len(fraction) > max_digits:
        return None
    millis = int((fraction or "0")[:3].ljust(3, "0"))
    try:
        instant = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            millis * 1_000,
            tzinfo=_offset(offset),
        )
    except ValueError:
        return None
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _offset(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "")
    return timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))


def parse_date(text: str) -> str | None:
    """`YYYY-MM-DD` of a date; None when it isn't one. `03/02/1990` is read the American way, as 2 March."""
    iso = _DATE.fullmatch(text)
    american = _AMERICAN_DATE.fullmatch(text)
    if iso is not None:
        year, month, day = iso.groups()
    elif american is not None:
        month, day, year = american.groups()
    else:
        return None
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None
