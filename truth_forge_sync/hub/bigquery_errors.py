"""What BigQuery's errors mean: send the job again, try next cycle, or call a person.

Google's own text quotes values of rows. It is kept out of our messages, except where it is about the statement alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from google.api_core import exceptions as google
from google.auth import exceptions as auth
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from truth_forge_sync.errors import Retry, Stop, SyncError, Throttled

_SYSTEM = "bigquery"
_ATTEMPTS = 6
_LONGEST_WAIT = 15.0
"""Seconds between two attempts, at most."""

_T = TypeVar("_T")


def settled(job: Callable[[], _T]) -> _T:
    """The result of a job that may have to be sent again: it met another writer, or a limit."""
    again = Retrying(
        retry=retry_if_exception(_should_run_again),
        wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_WAIT),
        stop=stop_after_attempt(_ATTEMPTS),
        reraise=True,
    )
    return again(job)


# What BigQuery says of DML that lost to a concurrent writer (cloud.google.com/bigquery/docs/data-manipulation-language,
# "DML statement conflicts", and /docs/error-messages).
_CONFLICT = re.compile(r"concurrent update|could not serialize access|too many (DML|table update)", re.IGNORECASE)
_LIMIT_REASONS = {"rateLimitExceeded", "jobRateLimitExceeded", "quotaExceeded"}
_PASSING_REASONS = {
    "backendError",
    "internalError",
    "jobBackendError",
    "jobInternalError",
    "stopped",
    "tableUnavailable",
}


def _should_run_again(error: BaseException) -> bool:
    if not isinstance(error, google.GoogleAPICallError):
        return False
    return _reason(error) in _PASSING_REASONS | {"rateLimitExceeded", "jobRateLimitExceeded"} or _is_conflict(error)


def _is_conflict(error: google.GoogleAPICallError) -> bool:
    return _CONFLICT.search(str(error.message)) is not None


def _reason(error: google.GoogleAPICallError) -> str:
    """Google's own word, such as ``invalidQuery``; '' where there is none (gRPC)."""
    first = next(iter(error.errors), None)
    return str(first.get("reason") or "") if isinstance(first, dict) else ""


# Errors found before any row is read: their words are about the statement, so nobody's data is in them.
_ABOUT_THE_STATEMENT = re.compile(
    r"^(Query error: )?(Syntax error|Unrecognized name|Function not found|No matching signature|Not found"
    r"|Type not found|Table|Column|Query column|Value of type|Value has type|UPDATE|DELETE|MERGE|INSERT|QUALIFY"
    r"|SELECT)\b[^\n]*"
)


def sync_error(error: Exception, *, dataset: str, verbatim: bool = False) -> SyncError:
    """What to do about an error of Google's libraries, in words that repeat no value of a row.

    ``verbatim`` keeps Google's own words all the same (an emulator's are for developers).
    """
    if isinstance(error, auth.TransportError) or not isinstance(
        error, auth.GoogleAuthError | google.GoogleAPICallError
    ):
        # No answer: refused connections, timeouts, and RetryError after Google's client gave up on one of those.
        return Retry(
            f"no answer from BigQuery ({type(_cause(error)).__name__})",
            system=_SYSTEM,
            remedy="check the network, and BIGQUERY_EMULATOR_HOST if it is set",
        )
    if isinstance(error, auth.GoogleAuthError):
        if error.retryable:
            return Retry(f"Google's sign-in did not answer ({type(error).__name__})", system=_SYSTEM)
        return Stop(
            f"no usable Google credentials ({type(error).__name__})",
            system=_SYSTEM,
            remedy="run `gcloud auth application-default login`, or point GOOGLE_APPLICATION_CREDENTIALS to a key file",
        )
    reason = _reason(error)
    said = _words(error, verbatim)
    code = int(error.code or 0)
    if code == 429 or reason in _LIMIT_REASONS:
        return Throttled(
            f"over a limit of BigQuery ({reason or code})",
            system=_SYSTEM,
            remedy="see the project's quotas if it stays so",
        )
    if (
        code >= 500
        or code == 408
        or reason in _PASSING_REASONS
        or isinstance(error, google.Conflict)
        or _is_conflict(error)
    ):
        return Retry(f"BigQuery did not finish the job ({reason or code}){said}", system=_SYSTEM)
    if code in (401, 403):
        return Stop(
            f"BigQuery refused access ({reason or code})",
            system=_SYSTEM,
            remedy="give the account the roles BigQuery Data Editor, Job User and Read Session User, and check billing",
        )
    if code == 404:
        return Stop(
            f"BigQuery does not find dataset {dataset}, or a table in it{said}",
            system=_SYSTEM,
            remedy="run `truth-forge-sync init`; check BIGQUERY_PROJECT, BIGQUERY_DATASET and BIGQUERY_LOCATION",
        )
    return Stop(
        f"BigQuery refused a statement ({reason or code}){said}", system=_SYSTEM, remedy="see the job in the console"
    )


def _words(error: google.GoogleAPICallError, verbatim: bool) -> str:
    text = str(error.message)
    job = re.search(r"Job ID: (\S+)", text)
    about = _ABOUT_THE_STATEMENT.match(text)
    said = text if verbatim else about.group(0) if about else ""
    return "".join(f": {part}" for part in (said, f"job {job.group(1)}" if job and not verbatim else "") if part)


def _cause(error: BaseException) -> BaseException:
    cause = error.cause if isinstance(error, google.RetryError) else None
    return cause or error
