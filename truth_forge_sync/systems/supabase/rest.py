"""Sending requests to Supabase: time-outs, bounded retries, and what an error means.

Measured behaviour of client and server: PostgREST's error codes are at https://docs.postgrest.org/en/stable/references/errors.html.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import httpx
from postgrest import APIError, SyncRequestBuilder
from supabase import Client, create_client
from supabase.lib.client_options import SyncClientOptions
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, stop_after_delay
from tenacity.wait import wait_random_exponential

from truth_forge_sync.errors import Refused, Retry, Stop, SyncError, Throttled
from truth_forge_sync.systems.clock import DateHeader
from truth_forge_sync.systems.refusal import judges_the_row, postgres_names, postgres_words

NAME = "supabase"
PRINT_SQL = "run: truth-forge-sync init --print-sql supabase, and run the printed SQL in the project's SQL editor"
CHECK_KEY = "check SUPABASE_KEY: it must be the project's secret or service-role key"

TIMEOUTS = httpx.Timeout(60, connect=10)
ATTEMPTS = 4
RETRY_SECONDS = 20
WAIT_SECONDS = 5

NO_TABLE = ("PGRST205", "42P01")
NO_COLUMN = ("PGRST204", "42703")
NO_FUNCTION = ("PGRST202", "42883")

Row = dict[str, Any]


class Query(Protocol):
    """Anything of the client's that can be executed."""

    def execute(self) -> Any: ...


class Lost(Exception):
    """A write was sent and no answer came: it may or may not have taken effect."""


class Answered(Exception):
    """The server answered with an error: its HTTP status, its code ('' if it gave none) and message.

    ``names`` are the words in which it names columns and constraints, without any value.
    """

    def __init__(self, status: int, code: str, message: str, names: str, retry_after: float | None) -> None:
        super().__init__(status, code)
        self.status = status
        self.code = code
        self.message = message
        self.names = names
        self.retry_after = retry_after


class NoTable(Stop):
    """The table that was asked for is not there."""


class Rest:
    """One project, reached with one key. ``on_request`` is called for each request sent, retries included."""

    def __init__(self, url: str, key: str, *, on_request: Callable[[], None]) -> None:
        self.clock = DateHeader()
        self._on_request = on_request
        self._key = key
        self._status = 0
        self._retry_after: float | None = None
        # The client's errors carry no HTTP status: it is noted as it passes by. Idle connections are given up before
        # a server does so, or a write would be lost to a closing connection.
        self._http = httpx.Client(
            timeout=TIMEOUTS,
            limits=httpx.Limits(keepalive_expiry=4),
            event_hooks={
                "request": [self._note_request, self.clock.request],
                "response": [self.clock.response, self._note_response],
            },
        )
        options = SyncClientOptions(
            httpx_client=self._http, postgrest_client_retry=False, auto_refresh_token=False, persist_session=False
        )
        self._client: Client = create_client(url, key, options)

    def table(self, name: str) -> SyncRequestBuilder:
        return self._client.table(name)

    def function(self, name: str, arguments: Mapping[str, Any]) -> Query:
        return self._client.rpc(name, dict(arguments))

    def reading_function(self, name: str) -> Query:
        """One that changes nothing and takes nothing: a GET."""
        return self._client.rpc(name, get=True)

    def read(self, query: Query) -> list[Row]:
        """The rows of a query that changes nothing; sent again while the server does not answer.

        Raises Answered where the server refuses it, Retry where it never answered, Stop for a useless key.
        """
        return _rows(self.ask(query))

    def ask(self, query: Query) -> Any:
        """As :meth:`read`, for an answer that is one value."""
        try:
            return self._retried(query, _may_read_again)
        except httpx.RequestError as error:
            raise _no_answer(error) from error

    def write(self, query: Query) -> list[Row]:
        """The rows that a write answers. It is sent again only where it certainly had no effect.

        Raises Answered, Retry and Stop as :meth:`read`, and Lost where the answer did not come.
        """
        try:
            return _rows(self._retried(query, _may_write_again))
        except httpx.RequestError as error:
            if isinstance(error, _NEVER_SENT):
                raise _no_answer(error) from error
            raise Lost from error
        except Answered as answer:
            if answer.status in (502, 504, 520, 522, 524):
                raise Lost from answer  # said by a gateway, which does not know what became of it
            raise

    def close(self) -> None:
        self._http.close()

    def _retried(self, query: Query, again: Callable[[BaseException], bool]) -> Any:
        if not _is_secret(self._key):
            raise Stop("this key is for browsers and sees only what it is shown", system=NAME, remedy=CHECK_KEY)
        attempts = Retrying(
            retry=retry_if_exception(again),
            wait=_wait,
            stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(RETRY_SECONDS),
            reraise=True,
        )
        return attempts(self._send, query)

    def _send(self, query: Query) -> Any:
        self._status, self._retry_after = 0, None
        try:
            return query.execute().data
        except APIError as error:
            # Its details may repeat a whole row, and would be logged with the trace: it ends here.
            code, message = error.code or "", error.message or ""
            names = postgres_names(code, message, error.details or "")
            raise Answered(self._status, code, message, names, self._retry_after) from None

    def _note_request(self, _request: httpx.Request) -> None:
        self._on_request()

    def _note_response(self, response: httpx.Response) -> None:
        self._status = response.status_code
        after = response.headers.get("retry-after", "")
        self._retry_after = float(after) if after.isdigit() else None
        if response.is_success and response.status_code != httpx.codes.NO_CONTENT and not response.read():
            # The client would make an empty list of it, which no answer of PostgREST's is: that is "[]".
            raise httpx.RemoteProtocolError("an answer without a body", request=response.request)


_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def _may_read_again(error: BaseException) -> bool:
    if isinstance(error, Answered):
        return error.status in (429, 502, 503, 504, 520)
    return isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError)


def _may_write_again(error: BaseException) -> bool:
    if isinstance(error, Answered):
        return error.status in (429, 503)  # turned away at the door, or the database was out of reach
    return isinstance(error, httpx.ConnectError)


_backoff = wait_random_exponential(multiplier=0.25, max=WAIT_SECONDS)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Answered) and error.retry_after is not None:
        return min(error.retry_after, WAIT_SECONDS)
    return _backoff(state)


def _rows(data: Any) -> list[Row]:
    if isinstance(data, list) and all(isinstance(row, dict) for row in data):
        return cast(list[Row], data)
    raise Retry("it answered something that is no list of rows", system=NAME)


def _no_answer(error: httpx.RequestError) -> Retry:
    return Retry(f"it does not answer ({type(error).__name__})", system=NAME)


def _is_secret(key: str) -> bool:
    """Whether a key may see everything. An anonymous one would read an empty table, not an error."""
    if key.startswith("sb_"):
        return not key.startswith("sb_publishable_")
    parts = key.split(".")
    if len(parts) != 3:
        return True
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return True  # not a token as we know them: the server will judge it
    return not isinstance(claims, dict) or claims.get("role", "service_role") == "service_role"


def meaning(answer: Answered) -> SyncError:
    """What to do about an error: Stop where only a person can help, Refused where the row is to blame, else Retry."""
    code, status = answer.code, answer.status
    if status == 401 or code in ("PGRST301", "PGRST302", "PGRST303"):
        return Stop("it refuses our key", system=NAME, remedy=CHECK_KEY)
    if code in NO_TABLE:
        return NoTable("a table is not there", system=NAME, remedy=PRINT_SQL)
    if code in NO_COLUMN + NO_FUNCTION:
        return Stop("a column or function is not there", system=NAME, remedy=PRINT_SQL)
    if status == 403 or code == "42501":
        return Stop("our key has no right to do this", system=NAME, remedy=CHECK_KEY)
    if status == 429:
        return Throttled("it asks us to slow down", system=NAME)
    if judges_the_row(code):
        return Refused(postgres_words(code, answer.message), system=NAME)
    if status == 413:
        return Refused("the row is too large", system=NAME)
    if code.startswith("PGRST1") or status in (400, 404, 405, 406, 431):
        return Stop(f"it does not understand us ({status} {code})".strip(), system=NAME, remedy="check SUPABASE_URL")
    return Retry(f"it does not answer as it should ({status} {code})", system=NAME)
