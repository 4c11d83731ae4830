"""The request budget: a token bucket that counts as Twenty's own does, so that it is (almost) never refused.

The server refills ``floor(elapsed since the last accepted request / spacing)`` tokens, so requests closer together than
the spacing refill nothing at all: a burst is free until the bucket is empty, then each request waits a full spacing.
"""

from __future__ import annotations

import time
from collections.abc import Callable

BURST = 100
"""Most requests in a row: what the server allows in one second and in one minute."""

MARGIN = 1.05
"""A little more than the server's spacing: requests that leave 600 ms apart may arrive 595 ms apart."""


class Budget:
    """Spaces requests to stay under ``per_minute``; 0 is no limit. All requests of one client share it."""

    def __init__(
        self,
        per_minute: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._spacing = 60 / per_minute * MARGIN if per_minute else 0.0
        self._capacity = min(per_minute, BURST)
        self._tokens = self._capacity
        self._clock = clock
        self._sleep = sleep
        self._last = clock()

    def take(self) -> None:
        """Wait until one more request fits, and count it."""
        if not self._spacing:
            return
        elapsed = self._clock() - self._last
        self._tokens = min(self._capacity, self._tokens + int(elapsed / self._spacing))
        if self._tokens < 1:
            self._sleep(self._spacing - elapsed)
            self._tokens = 1
        self._tokens -= 1
        self._last = self._clock()

    def empty(self) -> None:
        """The server refused a request: others share its bucket, and it is empty."""
        self._tokens = 0
        self._last = self._clock()
