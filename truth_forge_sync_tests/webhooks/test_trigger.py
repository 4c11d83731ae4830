"""How many cycles start: one for a burst, one more for what came meanwhile, and none that is lost by an error."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from truth_forge_sync.errors import Retry
from truth_forge_sync.webhooks import trigger as trigger_module
from truth_forge_sync.webhooks.trigger import Trigger

PATIENCE = 10.0


class Starts:
    """A start that takes until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.times = 0
        self.fault: Exception | None = None

    def __call__(self) -> None:
        self.times += 1
        self.begun.release()
        assert self.go.acquire(timeout=PATIENCE)
        if self.fault:
            raise self.fault

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=PATIENCE), "nothing was started"

    async def begins_no_more(self) -> None:
        assert not await asyncio.to_thread(self.begun.acquire, timeout=0.4), "one too many was started"


def play(body: Callable[[Trigger, Starts], Awaitable[None]]) -> None:
    async def run() -> None:
        starts = Starts()
        trigger = Trigger(starts)
        task = asyncio.create_task(trigger.run())
        try:
            await body(trigger, starts)
            assert not task.done()
        finally:
            starts.go.release(100)
            task.cancel()

    asyncio.run(run())


def test_a_burst_is_one_start() -> None:
    async def body(trigger: Trigger, starts: Starts) -> None:
        starts.go.release(9)
        for number in range(50):
            trigger.tell()
            if number % 10 == 0:
                await asyncio.sleep(0.01)
        await starts.has_begun()
        await starts.begins_no_more()

    play(body)


def test_what_comes_during_a_start_is_one_more() -> None:
    async def body(trigger: Trigger, starts: Starts) -> None:
        trigger.tell()
        await starts.has_begun()
        for _ in range(50):
            trigger.tell()
        await starts.begins_no_more()
        starts.go.release(9)
        await starts.has_begun()
        await starts.begins_no_more()
        assert starts.times == 2

    play(body)


def test_a_stream_that_never_rests_starts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trigger_module, "LONGEST_SECONDS", 0.4)

    async def body(trigger: Trigger, starts: Starts) -> None:
        async def stream() -> None:
            while True:
                trigger.tell()
                await asyncio.sleep(0.01)

        streaming = asyncio.create_task(stream())
        await starts.has_begun()
        streaming.cancel()

    play(body)


@pytest.mark.parametrize("fault", [Retry("the queue is busy"), RuntimeError("somebody's data")])
def test_a_start_that_failed_does_not_keep_the_next_one(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def body(trigger: Trigger, starts: Starts) -> None:
        starts.fault = fault
        starts.go.release(9)
        trigger.tell()
        await starts.has_begun()
        trigger.tell()
        await starts.has_begun()

    play(body)
    assert "no cycle was started" in caplog.text
    assert "somebody" not in caplog.text
