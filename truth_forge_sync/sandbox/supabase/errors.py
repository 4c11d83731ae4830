"""Errors as PostgREST words them: an HTTP status and a body of code, message, details and hint.

Codes of five characters are PostgreSQL's own; `PGRST…` are PostgREST's (postgrest.org, "Errors").
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

_STATUS_OF_CODE: Mapping[str, int] = {
    "23503": 409,  # foreign key
    "23505": 409,  # unique
    "25006": 405,  # read-only transaction
    "42501": 403,  # insufficient privilege
    "42883": 404,  # undefined function
    "42P01": 404,  # undefined table
    "42P17": 500,  # infinite recursion
    "57P01": 503,  # the server shuts down
    "P0001": 400,  # raise exception
}
_STATUS_OF_CLASS: Mapping[str, int] = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "25": 500,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "53": 503,
    "54": 500,
    "55": 500,
    "57": 500,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "XX": 500,
}


class ApiError(Exception):
    """A refusal to answer the client with. `code` is None where a gateway in front of PostgREST refuses."""

    def __init__(
        self, status: int, code: str | None, message: str, *, details: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint

    @property
    def body(self) -> dict[str, str | None]:
        """The JSON body; a gateway's has no code."""
        if self.code is None:
            return {"message": self.message, "hint": self.hint}
        return {"code": self.code, "details": self.details, "hint": self.hint, "message": self.message}


def from_postgres(error: psycopg.Error) -> ApiError:
    """The answer to a statement that PostgreSQL refused, or to a PostgreSQL that isn't there (503, PGRST001)."""
    code = error.sqlstate
    if code is None:
        if isinstance(error, psycopg.DataError):
            # Refused before it was sent: U+0000 in a text.
            return ApiError(400, "22021", str(error))
        return ApiError(503, "PGRST001", "Database client error. Retrying the connection.", details=str(error))
    message = error.diag.message_primary or str(error)
    return ApiError(
        _status(code, message), code, message, details=error.diag.message_detail, hint=error.diag.message_hint
    )


def _status(code: str, message: str) -> int:
    if code == "21000":
        # One code for two things: a statement that the `safeupdate` extension refuses, and a key twice in one upsert.
        return 400 if message.endswith("requires a WHERE clause") else 500
    return _STATUS_OF_CODE.get(code) or _STATUS_OF_CLASS.get(code[:2], 400)


def unknown_table(name: str) -> ApiError:
    return ApiError(404, "PGRST205", f"Could not find the table 'public.{name}' in the schema cache")


def unknown_function(name: str, arguments: list[str]) -> ApiError:
    listed = f"({', '.join(arguments)})" if arguments else " without parameters"
    return ApiError(404, "PGRST202", f"Could not find the function public.{name}{listed} in the schema cache")


def unknown_column(table: str, name: str) -> ApiError:
    """A column that a write names. (A read of one is PostgreSQL's own 42703.)"""
    return ApiError(400, "PGRST204", f"Could not find the '{name}' column of '{table}' in the schema cache")


def unparsable(what: str, text: str) -> ApiError:
    return ApiError(400, "PGRST100", f'"failed to parse {what} ({text})"')


def bad_body(message: str) -> ApiError:
    return ApiError(400, "PGRST102", message)


def not_satisfiable(details: str) -> ApiError:
    return ApiError(416, "PGRST103", "Requested range not satisfiable", details=details)


def not_single(rows: int) -> ApiError:
    return ApiError(
        406, "PGRST116", "Cannot coerce the result to a single JSON object", details=f"The result contains {rows} rows"
    )


def too_many_affected(rows: int) -> ApiError:
    return ApiError(
        400, "PGRST124", "Query result exceeds max-affected preference constraint",
        details=f"The query affects {rows} rows",
    )  # fmt: skip


def without_filter(verb: str) -> ApiError:
    """Hosted projects load the `safeupdate` extension, which refuses to change a whole table."""
    return ApiError(400, "21000", f"{verb} requires a WHERE clause")
