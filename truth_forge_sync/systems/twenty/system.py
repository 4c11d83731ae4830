"""Twenty behind the protocol of systems."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import httpx

from truth_forge_sync.systems.protocol import Capabilities, NativeRow, Outcome, Right, Step, Window, Write
from truth_forge_sync.systems.twenty.answers import read_records
from truth_forge_sync.systems.twenty.client import PAGE, SYSTEM, Client
from truth_forge_sync.systems.twenty.companies import Companies
from truth_forge_sync.systems.twenty.people import People
from truth_forge_sync.systems.twenty.schema import Schema
from truth_forge_sync.systems.twenty.writing import Writer


class Twenty:
    """The people of one Twenty workspace. Not thread-safe; open one per run.

    ``requests_per_minute`` is the budget to stay under (0: none), ``region`` the ISO country of national phone numbers,
    ``timeout`` the seconds to wait for an answer. ``transport`` and ``sleep`` are the seams for tests.

    A company renamed in Twenty changes the organization of its people without touching them: a sweep finds it, the
    marker and :meth:`read_changed` do not. A hard delete leaves no trace but a smaller count in the marker.
    """

    name = SYSTEM
    capabilities = Capabilities(
        read_page=PAGE,
        write_batch=PAGE,
        # A batch of 200 became visible 47 ms after its own stamp (facts, section 1); imports, slow disks: longer.
        settle=timedelta(seconds=10),
        precision=timedelta(milliseconds=1),
        finds_hard_deletes=False,
        # One or two edits are conditional; more of them go through an upsert, which cannot be (facts, trap 9).
        conditional_write=False,
        unique_emails=True,
        normalises=(
            "e-mail addresses are lower-cased",
            "telephone numbers are taken apart into country, calling code and national number",
            "web addresses get a lower-case host and lose a last slash",
            "empty text becomes null, and so does an empty JSON object",
            "JSON objects lose the order of their keys",
        ),
    )

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        requests_per_minute: int,
        region: str,
        transport: httpx.BaseTransport | None = None,
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.requests = 0
        """Requests that count against the rate limit; those for metadata do not."""
        self._client = Client(
            url,
            api_key,
            requests_per_minute=requests_per_minute,
            count=self._count,
            transport=transport,
            timeout=timeout,
            sleep=sleep,
        )
        self._schema = Schema(self._client)
        companies = Companies(self._client)
        self._people = People(self._client, companies, self._schema.fields, region=region)
        self._writer = Writer(self._client, companies, self._people, self._schema)

    @property
    def clock_offset(self) -> timedelta:
        return self._client.clock.offset

    def fields(self) -> frozenset[str]:
        return self._schema.fields()

    def marker(self) -> str:
        return self._people.marker()

    def read_changed(self, window: Window) -> Iterator[Sequence[NativeRow]]:
        yield from self._people.changed(window)

    def read_by_id(self, native_ids: Sequence[str]) -> Iterator[Sequence[NativeRow]]:
        yield from self._people.by_id(native_ids)

    def write(self, writes: Sequence[Write]) -> Iterator[Outcome]:
        yield from self._writer.write(writes)

    def init(self, *, dry_run: bool = False) -> Iterator[Step]:
        yield from self._schema.init(dry_run=dry_run)

    def rights(self) -> Iterator[Right]:
        """Twenty's API tells nothing of the key's role: what may be read shows by reading it."""
        self._people.marker()
        self._client.get("/rest/companies", read_records, {"limit": 1})
        yield Right("read people and companies", True)
        role = "if edits are refused: see the role of the key in Twenty (Settings, Roles)"
        yield Right("edit people and companies", None, role)

    def close(self) -> None:
        self._client.close()

    def _count(self) -> None:
        self.requests += 1
