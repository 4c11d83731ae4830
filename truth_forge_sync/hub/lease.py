"""The lease: of all machines that reach one hub, one at a time changes it (DESIGN: never two cycles at once).

On one machine processes wait for their turn by a lock on a file (:mod:`truth_forge_sync.turn`); between machines that
is no use. So the lease names an *installation*, and not a process: after a crash its next process goes on at once, as
the lock says that nobody else of it is at work. Another installation takes over when the lease has run out.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Protocol

from truth_forge_sync.errors import Retry, SyncError

LEASE_SECONDS = 180.0
"""For so long it is taken. It is renewed three times as often while its holder lives."""


class Lease(Protocol):
    """What a hub that several machines reach keeps of it. Raises what the engine raises."""

    def claim(self, seconds: float) -> str | None:
        """Take it, or renew it, for so long from now; the other installation's name where that one has it."""
        ...

    def other_holder(self) -> str | None:
        """The other installation that has it now, if one has."""
        ...

    def release(self) -> None:
        """Give it back, if it is ours."""
        ...


class Kept:
    """A lease that is ours, renewed in a thread until it is released."""

    def __init__(self, lease: Lease) -> None:
        """Raises Retry where another installation has it."""
        self._lease = lease
        self._released = threading.Event()
        self._taken_by = lease.claim(LEASE_SECONDS)
        self.check()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises Retry where it was lost: the machine slept, say, and another one went on with the work."""
        if self._taken_by:
            raise Retry(
                f"{self._taken_by} is at work on this hub", system="bigquery", remedy="the next cycle tries again"
            )

    def release(self) -> None:
        """Where the hub does not answer, the lease runs out by itself: what was done is done."""
        self._released.set()
        self._thread.join()
        if not self._taken_by:
            with suppress(SyncError):
                self._lease.release()

    def _renew(self) -> None:
        while not self._taken_by and not self._released.wait(LEASE_SECONDS / 3):
            try:
                self._taken_by = self._lease.claim(LEASE_SECONDS)
            except SyncError:
                continue  # the work itself meets the same fault, and says so
