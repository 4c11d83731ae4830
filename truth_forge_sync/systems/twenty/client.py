"""HTTP to Twenty: the key, the budget, retries, and every failure as an error that says what to do about it.

=====================================  ==========================================================================
what happened                          raised, after the retries that are safe
=====================================  ==========================================================================
never sent (no connection)             Retry; always tried again
429                                    Throttled; always tried again (a refused request costs and does nothing)
5xx, time-out, cut or malformed        Unanswered; tried again only where doing it twice is doing it once
400 and its kin, "Data validation"     Rejected (NotFound for an unknown record)
401, 403, not Twenty's API             Stop
=====================================  ==========================================================================
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import quote

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception

from truth_forge_sync.errors import Retry, Stop, Throttled
from truth_forge_sync.systems.clock import DateHeader
from truth_forge_sync.systems.twenty.answers import (
    Malformed,
    NotFound,
    Page,
    Rejected,
    Unanswered,
    error_words,
    read_page,
)
from truth_forge_sync.systems.twenty.budget import Budget

SYSTEM = "twenty"

T = TypeVar("T")

PAGE = 200
"""Most records in one page and in one batch; the server silently gives no more."""

_TRIES = 4
_TRIES_WHEN_THROTTLED = 8
_PATIENCE = 28.0  # seconds in all, waits included: the other systems are waiting too
_THROTTLE_WAIT = 0.65  # seconds; the server refills one token every 0.6

_KEY_REMEDY = "check TWENTY_API_KEY (in Twenty: Settings, APIs & Webhooks)"
_URL_REMEDY = "check TWENTY_URL: the address of the Twenty server, such as https://crm.example.com"

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

_ITS_JUDGEMENT = ("Data validation error", "request entity too large")
"""5xx answers that are about the data, not about the server."""


class Client:
    """One workspace of one server. ``count`` is called for each request that the rate limit counts."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        requests_per_minute: int,
        count: Callable[[], None],
        transport: httpx.BaseTransport | None = None,
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.clock = DateHeader()
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {api_key}", "Accept": "application/json"},
            timeout=httpx.Timeout(timeout, connect=min(timeout, 5.0)),
            transport=transport,
            # Shorter than Node's 5 s: a connection that the server is about to close must not carry a write.
            limits=httpx.Limits(keepalive_expiry=2.0),
            event_hooks={"request": [self.clock.request], "response": [self.clock.response]},
        )
        self._budget = Budget(requests_per_minute, sleep=sleep)
        self._sleep = sleep
        self._count = count

    def get(self, path: str, read: Callable[[Any], T], params: Mapping[str, object] | None = None) -> T:
        """What ``read`` finds in the answer; ``read`` raises :class:`Malformed` where the answer is not whole."""
        return self.send("GET", path, read, params=params, repeatable=True)

    def pages(self, path: str, params: Mapping[str, object]) -> Iterator[Page]:
        """All pages of a list, in the default order (by id), which alone is safe with cursors (facts, section 1)."""
        cursor: str | None = None
        while True:
            query = {**params, "limit": PAGE} | ({"starting_after": cursor} if cursor else {})
            page = self.get(path, read_page, query)
            yield page
            if page.next is None:
                return
            if page.next == cursor:
                raise Retry("the list does not advance beyond a page", system=SYSTEM)
            cursor = page.next

    def send(
        self,
        method: str,
        path: str,
        read: Callable[[Any], T],
        *,
        params: Mapping[str, object] | None = None,
        body: object = None,
        repeatable: bool,
    ) -> T:
        """One request and what ``read`` finds in its answer; ``repeatable``: doing it twice is doing it once."""
        lost = False

        def worth_repeating(error: BaseException) -> bool:
            nonlocal lost
            lost = lost or isinstance(error, Unanswered)
            return isinstance(error, Retry) and (repeatable or not lost)

        retrying = Retrying(
            retry=retry_if_exception(worth_repeating), wait=_wait, stop=_stop, sleep=self._sleep, reraise=True
        )
        try:
            return cast(T, retrying(self._attempt, method, _target(path, params), read, body))
        except Retry as error:
            if lost and not isinstance(error, Unanswered):
                # An earlier try may have taken effect, whatever became of the last one.
                raise Unanswered(error.message, system=SYSTEM, remedy=error.remedy) from error
            raise

    def close(self) -> None:
        self._http.close()

    def _attempt(self, method: str, target: str, read: Callable[[Any], T], body: object) -> T:
        if not target.startswith("/rest/metadata/"):
            self._budget.take()
            self._count()
        try:
            response = self._http.request(method, target, json=body)
            answer = response.json() if response.content else None
        except _NEVER_SENT as error:
            raise Retry(f"no connection ({type(error).__name__})", system=SYSTEM, remedy=_URL_REMEDY) from error
        except httpx.RequestError as error:
            raise Unanswered(f"no answer to {method} ({type(error).__name__})", system=SYSTEM) from error
        except ValueError as error:
            if response.is_success:
                raise Unanswered(f"the answer to {method} is not JSON", system=SYSTEM, remedy=_URL_REMEDY) from error
            answer = None
        if not response.is_success:
            self._raise(method, response.status_code, answer)
        try:
            return read(answer)
        except Malformed as error:
            raise Unanswered(f"{error} (to {method})", system=SYSTEM) from error

    def _raise(self, method: str, status: int, answer: Any) -> None:
        words, code = error_words(answer)
        if status == 429:
            self._budget.empty()
            raise Throttled("over its request limit", system=SYSTEM, remedy="lower TWENTY_REQUESTS_PER_MINUTE")
        if status in (401, 403):
            raise Stop(f"the key is not accepted ({status})", system=SYSTEM, remedy=_KEY_REMEDY)
        if status in (408, 425) or (status >= 500 and not words.startswith(_ITS_JUDGEMENT)):
            raise Unanswered(f"answered {method} with status {status}", system=SYSTEM)
        if status < 400 or (status == 404 and words.startswith("Cannot ")) or (status == 404 and not words):
            raise Stop(f"{method} is not answered by Twenty's API (status {status})", system=SYSTEM, remedy=_URL_REMEDY)
        raise (NotFound if status == 404 else Rejected)(status, words or f"status {status}", code, system=SYSTEM)


def _target(path: str, params: Mapping[str, object] | None) -> str:
    # Encoded here, with commas and round brackets as they are: the request line has a limit (8 KB in many proxies).
    query = "&".join(f"{name}={quote(str(value), safe=',:()')}" for name, value in (params or {}).items())
    return f"{path}?{query}" if query else path


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _wait(state: RetryCallState) -> float:
    start = _THROTTLE_WAIT if isinstance(_error(state), Throttled) else 0.5
    return min(start * 2.0 ** (state.attempt_number - 1), 5.0)


def _stop(state: RetryCallState) -> bool:
    tries = _TRIES_WHEN_THROTTLED if isinstance(_error(state), Throttled) else _TRIES
    return state.attempt_number >= tries or (state.seconds_since_start or 0.0) + state.upcoming_sleep > _PATIENCE
