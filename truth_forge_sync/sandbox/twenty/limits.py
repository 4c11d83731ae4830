"""The rate limit: a token bucket for the whole workspace (facts, section 8).

The real server has a second bucket, as large, for one second. It can never be the emptier of the two, so one is enough.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from truth_forge_sync.sandbox.twenty.errors import refusal

WINDOW_MS = 60_000


class TokenBucket:
    """`capacity` tokens, refilled evenly over a minute; one request takes one, whatever it carries.

    Refill is counted in whole tokens since the last *success*. So calls less than a token's time apart (600 ms at 100 a
    minute) refill nothing, and a refused call costs nothing.
    """

    def __init__(self, capacity: int, clock_ms: Callable[[], float] = lambda: time.monotonic() * 1_000) -> None:
        self._capacity = capacity
        self._clock_ms = clock_ms
        self._tokens = capacity
        self._refilled_at = clock_ms()

    def take(self) -> None:
        """Raises 429, without Retry-After or any other header to go by."""
        now = self._clock_ms()
        refill = math.floor((now - self._refilled_at) * self._capacity / WINDOW_MS)
        available = min(self._tokens + refill, self._capacity)
        if available < 1:
            raise refusal(429, "HttpException", f"Limit reached ({self._capacity} tokens per {WINDOW_MS} ms)")
        self._tokens = available - 1
        self._refilled_at = now
