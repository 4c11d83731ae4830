"""How many requests to Twenty it takes to move N changed contacts, from it or to it: Twenty counts requests, not rows.

A cycle of the engine without Dagster, the connector on the stand-in within this process. ``6`` in the target is what a
cycle may need besides: its change marker, and what it looks up once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from benchmarks.people import contacts
from benchmarks.result import Result, Sizes
from truth_forge_sync.hub.duckdb_engine import DuckDBEngine
from truth_forge_sync.hub.hand_edits import HUB, HandEdits
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.sandbox.seeding import sow_twenty
from truth_forge_sync.sandbox.twenty import InProcessTransport, create_twenty_app
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.sync.push import push
from truth_forge_sync.sync.reconcile import reconcile
from truth_forge_sync.sync.rules import Rules
from truth_forge_sync.systems.twenty import Twenty

_KEY: Final = "a key"
_URL: Final = "http://twenty"
_PAGE: Final = 200


def most_requests(changed: int) -> int:
    """The target for so many contacts."""
    return 2 * -(-changed // _PAGE) + 6


def twenty_requests(sizes: Sizes) -> Sequence[Result]:
    return [result for changed in sizes.changed for result in _requests(changed)]


def _requests(changed: int) -> Iterator[Result]:
    with _two_systems(changed) as world:
        world.hub.engine.script(["UPDATE identity.contacts_master SET city = 'Written' WHERE TRUE"])
        written = world.cycle()
        world.edit_twenty()
        read = world.cycle()
    target = most_requests(changed)
    yield Result(f"requests to Twenty, {changed:,} contacts changed elsewhere", written, "", target)
    yield Result(f"requests to Twenty, {changed:,} contacts changed in it", read, "", target)


@dataclass
class _World:
    """The hub, and one Twenty that holds the same contacts."""

    hub: Hub
    twenty: Twenty
    outside: httpx.Client
    ids: Sequence[str]

    def cycle(self) -> int:
        """Requests that one cycle sent to Twenty. Like a process of its own, it knows nothing of the one before."""
        before = self.twenty.requests
        self.hub = Hub(self.hub.engine)
        for system in (HandEdits(self.hub, region="US"), self.twenty):
            pull(self.hub, system)
        reconcile(self.hub, Rules((HUB, self.twenty.name)))
        push(self.hub, self.twenty)
        return self.twenty.requests - before

    def edit_twenty(self) -> None:
        """What a person does with an import: the job title of everybody."""
        for start in range(0, len(self.ids), _PAGE):
            people = [{"id": native_id, "jobTitle": "Read"} for native_id in self.ids[start : start + _PAGE]]
            self.outside.post("/rest/batch/people", params={"upsert": "true"}, json=people).raise_for_status()


@contextmanager
def _two_systems(count: int) -> Iterator[_World]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        app = create_twenty_app(None, _KEY, requests_per_minute=None)
        outside = httpx.Client(
            base_url=_URL, headers={"Authorization": f"Bearer {_KEY}"}, transport=InProcessTransport(app)
        )
        stack.callback(outside.close)
        twenty = Twenty(_URL, _KEY, requests_per_minute=0, region="US", transport=InProcessTransport(app))
        stack.callback(twenty.close)
        list(twenty.init())
        rows = contacts(count)
        sow_twenty(outside, rows)
        hub = Hub(DuckDBEngine(folder / "hub.duckdb", "identity"))
        hub.init()
        world = _World(hub, twenty, outside, [row.native_id for row in rows])
        for _ in range(2):  # the second reads again what the first gave a contact id
            world.cycle()
        yield world
