"""Many webhooks, one start: Twenty sends one for each record that changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from truth_forge_sync.errors import SyncError

QUIET_SECONDS = 0.2
LONGEST_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Trigger:
    """Calls ``start`` (in a thread) once no webhook came for ``QUIET_SECONDS``, or the first one is ``LONGEST_SECONDS``
    old. What comes during a call leads to exactly one more after it."""

    def __init__(self, start: Callable[[], object]) -> None:
        self._start = start
        self._told = asyncio.Event()

    def tell(self) -> None:
        """A webhook came. To be called in the event loop."""
        self._told.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._told.wait()
            await self._quiet()
            self._told.clear()
            try:
                await asyncio.to_thread(self._start)
            except SyncError as error:
                _log.warning("no cycle was started: %s", error)
            except Exception as error:  # noqa: BLE001 - later webhooks must not find this loop ended
                _log.error("no cycle was started, for a fault of ours: %s", type(error).__name__)

    async def _quiet(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + LONGEST_SECONDS
        while (left := end - loop.time()) > 0:
            self._told.clear()
            try:
                async with asyncio.timeout(min(QUIET_SECONDS, left)):
                    await self._told.wait()
            except TimeoutError:
                return
