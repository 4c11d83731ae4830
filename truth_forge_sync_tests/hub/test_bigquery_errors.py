"""What each of Google's errors asks for, and that no value of a row gets into a message."""

from __future__ import annotations

import pytest
import requests
from google.api_core import exceptions as google
from google.auth import exceptions as auth

from truth_forge_sync.errors import Retry, Stop, SyncError, Throttled
from truth_forge_sync.hub import bigquery_errors
from truth_forge_sync.hub.bigquery_engine import BigQueryEngine
from truth_forge_sync.hub.bigquery_errors import settled, sync_error
from truth_forge_sync.settings import Settings

CONFLICT = "Could not serialize access to table p:identity.sync_bases due to concurrent update"


def error(kind: type[google.GoogleAPICallError], message: str, reason: str) -> google.GoogleAPICallError:
    return kind(message, errors=[{"reason": reason, "message": message}])


@pytest.mark.parametrize(
    ("raised", "meant"),
    [
        (error(google.BadRequest, CONFLICT, "invalidQuery"), Retry),
        (error(google.ServiceUnavailable, "busy", "backendError"), Retry),
        (error(google.InternalServerError, "oops", "internalError"), Retry),
        (error(google.Conflict, "Already exists: job", "duplicate"), Retry),
        (error(google.Forbidden, "Exceeded rate limits", "rateLimitExceeded"), Throttled),
        (error(google.Forbidden, "Quota exceeded", "quotaExceeded"), Throttled),
        (error(google.TooManyRequests, "slow down", "rateLimitExceeded"), Throttled),
        (error(google.Forbidden, "Access Denied", "accessDenied"), Stop),
        (error(google.NotFound, "Not found: Dataset p:identity was not found in location EU", "notFound"), Stop),
        (error(google.BadRequest, 'Syntax error: Unexpected identifier "SELEC" at [1:1]', "invalidQuery"), Stop),
        (google.RetryError("Timeout of 60.0s exceeded", cause=requests.ConnectionError("refused")), Retry),  # type: ignore[no-untyped-call]
        (google.DeadlineExceeded("too slow"), Retry),  # type: ignore[no-untyped-call]
        (requests.ConnectTimeout("too slow"), Retry),
        (ConnectionResetError("gone"), Retry),
        (auth.TransportError("no route"), Retry),  # type: ignore[no-untyped-call]
        (auth.DefaultCredentialsError("none found"), Stop),  # type: ignore[no-untyped-call]
        (auth.RefreshError("token revoked"), Stop),  # type: ignore[no-untyped-call]
    ],
)
def test_an_error_says_what_to_do(raised: Exception, meant: type[SyncError]) -> None:
    said = sync_error(raised, dataset="identity")
    assert type(said) is meant
    assert said.system == "bigquery"


def test_missing_credentials_name_their_remedy() -> None:
    missing = auth.DefaultCredentialsError("none")  # type: ignore[no-untyped-call]
    assert "gcloud auth" in str(sync_error(missing, dataset="identity"))


@pytest.mark.parametrize("text", ["Bad int64 value: Ann Lee", "Could not parse 'Ann Lee' as a timestamp"])
def test_a_value_that_google_quotes_is_not_repeated(text: str) -> None:
    said = str(sync_error(error(google.BadRequest, f"{text}\n\nJob ID: abc-1\n", "invalidQuery"), dataset="identity"))
    assert "Ann" not in said
    assert "job abc-1" in said


def test_what_is_wrong_with_a_statement_is_repeated() -> None:
    said = str(
        sync_error(error(google.BadRequest, "Unrecognized name: nam at [3:8]\nmore", "invalidQuery"), dataset="x")
    )
    assert "Unrecognized name: nam at [3:8]" in said
    assert "more" not in said


def test_a_job_that_met_another_writer_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigquery_errors, "_LONGEST_WAIT", 0)
    conflict = error(google.BadRequest, CONFLICT, "invalidQuery")
    answers: list[Exception | str] = [conflict, conflict, "done"]

    def job() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert settled(job) == "done"


def test_a_job_that_is_wrong_is_not_sent_again() -> None:
    sent: list[str] = []

    def job() -> None:
        sent.append("once")
        raise error(google.BadRequest, "Syntax error", "invalidQuery")

    with pytest.raises(google.BadRequest):
        settled(job)
    assert sent == ["once"]


def test_an_emulator_that_is_not_there_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truth_forge_sync.hub.bigquery_engine._CALLS", None)
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        bigquery_project="test-project",
        bigquery_emulator_host="http://127.0.0.1:9",
    )
    with pytest.raises(Retry, match="BIGQUERY_EMULATOR_HOST"):
        BigQueryEngine.from_settings(settings).create_dataset()
