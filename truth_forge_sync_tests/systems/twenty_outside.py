"""A person at work in Twenty: edits and looks by plain REST calls, without any code of the connector."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from truth_forge_sync.sandbox.faults import Faults
from truth_forge_sync.sandbox.serve import serve
from truth_forge_sync.sandbox.twenty import create_twenty_app
from truth_forge_sync.systems.twenty import Twenty

KEY = "a-key-for-tests"

CUSTOM = {
    "contact_id": "contactId",
    "middle_name": "middleName",
    "nickname": "nickname",
    "name_suffix": "nameSuffix",
    "title": "honorific",
    "job_title": "jobTitle",
    "department": "department",
    "city": "city",
    "birthday": "birthday",
    "notes": "contactNotes",
    "category_code": "categoryCode",
    "subcategory_code": "subcategoryCode",
    "relationship_category": "relationshipCategory",
    "is_business": "isBusiness",
    "is_me": "isMe",
    "llm_context": "llmContext",
    "communication_stats": "communicationStats",
    "social_network": "socialNetwork",
    "ai_insights": "aiInsights",
    "recommendations": "recommendations",
}


class TwentyOutside:
    """Contact fields in, contact fields out; ``request`` for everything else."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=30, transport=Line()
        )

    def close(self) -> None:
        self._http.close()

    def request(self, method: str, path: str, body: Any = None) -> Any:
        response = self._http.request(method, path, json=body)
        assert response.is_success, response.text
        return response.json()["data"]

    def raw(self, native_id: str) -> dict[str, Any]:
        """The person as Twenty gives it, soft-deleted or not."""
        query = f"filter=and(id[eq]:{native_id},or(deletedAt[is]:NULL,deletedAt[is]:NOT_NULL))"
        found: list[dict[str, Any]] = self.request("GET", f"/rest/people?{query}")["people"]
        return found[0] if found else {}

    def companies(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.request("GET", "/rest/companies?limit=200")["companies"]
        return found

    def insert(self, fields: Mapping[str, Any]) -> str:
        return self.insert_many([fields])[0]

    def insert_many(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        ids: list[str] = []
        for start in range(0, len(rows), 200):
            batch = [_payload(row) for row in rows[start : start + 200]]
            ids += [made["id"] for made in self.request("POST", "/rest/batch/people", batch)["createPeople"]]
        return ids

    def update(self, native_id: str, fields: Mapping[str, Any]) -> None:
        self.request("PATCH", f"/rest/people/{native_id}", _payload(fields))

    def soft_delete(self, native_id: str) -> None:
        self.request("DELETE", f"/rest/people/{native_id}?soft_delete=true")

    def restore(self, native_id: str) -> None:
        self.request("PATCH", f"/rest/people/{native_id}", {"deletedAt": None})

    def hard_delete(self, native_id: str) -> None:
        self.request("DELETE", f"/rest/people/{native_id}")

    def read(self, native_id: str) -> Mapping[str, Any] | None:
        raw = self.raw(native_id)
        if not raw:
            return None
        numbers, link = raw["phones"], raw["linkedinLink"]
        found = {ours: raw.get(theirs) for ours, theirs in CUSTOM.items()}
        found["first_name"], found["last_name"] = raw["name"]["firstName"], raw["name"]["lastName"]
        found["primary_email"], found["other_emails"] = raw["emails"]["primaryEmail"], raw["emails"]["additionalEmails"]
        found["primary_phone"] = numbers["primaryPhoneCallingCode"] + numbers["primaryPhoneNumber"]
        found["other_phones"] = [each["callingCode"] + each["number"] for each in numbers["additionalPhones"]]
        found["linkedin_url"] = link["primaryLinkUrl"]
        if raw["companyId"]:
            found["organization"] = self.request("GET", f"/rest/companies/{raw['companyId']}")["company"]["name"]
        return found


def _payload(fields: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {CUSTOM[name]: value for name, value in fields.items() if name in CUSTOM}
    names = {"first_name": "firstName", "last_name": "lastName"}
    if name := {key: fields[part] for part, key in names.items() if part in fields}:
        body["name"] = name
    if "primary_email" in fields:
        body["emails"] = {"primaryEmail": fields["primary_email"]}
    assert len(body) >= len(set(fields) - set(names)), f"no way to send all of {sorted(fields)}"
    return body


class Line(httpx.HTTPTransport):
    """The line to the server. It loads no certificates: that takes longer than most of the tests."""

    def __init__(self) -> None:
        super().__init__(verify=False)
        self._meanwhile: dict[str, Callable[[], object]] = {}

    def meanwhile(self, method: str, act: Callable[[], object]) -> None:
        """Let a person act after all that the connector read, right before its next ``method``."""
        self._meanwhile[method] = act

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if act := self._meanwhile.pop(request.method, None):
            act()
        return super().handle_request(request)


@dataclass(frozen=True)
class Workspace:
    """A Twenty workspace of a test's own, the faults it will suffer, and the connector to it."""

    twenty: Twenty
    outside: TwentyOutside
    faults: Faults
    line: Line
    another: Callable[..., Twenty]
    """The connector of another run (with another key, or other patience)."""
    waits: list[float]
    """How long the connector slept, in seconds (it did not)."""


class _Switch:
    """One server for the whole test run, and behind it the workspace of the test that runs now."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            assert self.app is not None, "no workspace is open"
            await self.app(scope, receive, send)


@cache
def _server() -> tuple[_Switch, str]:
    switch, stack = _Switch(), ExitStack()
    atexit.register(stack.close)
    return switch, stack.enter_context(serve(switch)).url


@contextmanager
def workspace(*, initialised: bool = True, timeout: float = 5.0) -> Iterator[Workspace]:
    """A fresh workspace without a request limit, and a connector that never sleeps."""
    switch, url = _server()
    faults = Faults()
    waits: list[float] = []
    line = Line()
    switch.app = create_twenty_app(None, KEY, None, faults)
    outside = TwentyOutside(url)
    with ExitStack() as stack:

        def connector(
            key: str = KEY, transport: httpx.BaseTransport | None = None, patience: float | None = None
        ) -> Twenty:
            made = Twenty(
                url,
                key,
                requests_per_minute=0,
                region="US",
                timeout=patience or timeout,
                sleep=waits.append,
                transport=transport or Line(),
            )
            stack.callback(made.close)
            return made

        stack.callback(outside.close)
        twenty = connector(transport=line)
        if initialised:
            assert all(step.done for step in twenty.init())
        yield Workspace(twenty, outside, faults, line, connector, waits)
    switch.app = None
