"""How far a system's clock runs ahead of ours, measured from the answers that it gives anyway.

An answer that tells the system's time was given between our question and its arrival; the middle of the two is the best
guess at when, and half the round trip is what the guess may be off by. The quickest of the last answers tells the most.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

LAST = 20
"""How many answers count: a clock may be set right while we watch it."""


class ClockOffset:
    """One system's clock against ours. ``precision`` is what a time that the system tells may be off by in itself."""

    def __init__(
        self,
        precision: timedelta,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._precision = precision
        self._clock = clock
        self._timer = timer
        self._asked = timer()
        self._measured: deque[tuple[timedelta, timedelta]] = deque(maxlen=LAST)  # round trip, offset

    def ask(self) -> None:
        """A question is about to be sent."""
        self._asked = self._timer()

    def answer(self, theirs: datetime) -> None:
        """The answer to it is here, and says that their clock shows ``theirs`` (aware)."""
        round_trip = timedelta(seconds=self._timer() - self._asked)
        self._measured.append((round_trip, theirs - (self._clock() - round_trip / 2)))

    @property
    def offset(self) -> timedelta:
        """Positive where their clock is ahead; zero where it is unknown or within the error of its measurement."""
        round_trip, offset = min(self._measured, default=(timedelta(0), timedelta(0)))
        return offset if abs(offset) > self._precision + round_trip / 2 else timedelta(0)


class DateHeader(ClockOffset):
    """The clock of an HTTP server, by the ``Date`` of its answers: hook :meth:`request` and :meth:`response` into the
    client. It has whole seconds, and many servers renew it only once a second."""

    def __init__(self) -> None:
        super().__init__(timedelta(seconds=2))

    def request(self, _request: httpx.Request) -> None:
        self.ask()

    def response(self, response: httpx.Response) -> None:
        if "age" in response.headers:
            return  # from a cache, which repeats the date of the original
        try:
            date = parsedate_to_datetime(response.headers["date"])
        except (KeyError, ValueError):
            return
        # The seconds are cut off, not rounded.
        self.answer((date if date.tzinfo else date.replace(tzinfo=UTC)) + timedelta(seconds=0.5))
