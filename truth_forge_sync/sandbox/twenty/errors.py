"""The errors of the REST API, in the shapes that Twenty gives them (facts, section 4).

Three shapes exist side by side, and a client must read all of them:

- core:      `{"statusCode": 400, "error": "BadRequestException", "messages": ["…"], "code"?: "…"}`
- framework: `{"message": "…" | ["…"], "error": "Bad Request", "statusCode": 400}` (malformed JSON, unknown route)
- metadata:  `{"statusCode": 400, "error": "METADATA_VALIDATION_ERROR", "message": "…", "errors": {…}}`
"""

from __future__ import annotations

from collections.abc import Sequence


class ApiError(Exception):
    """A refusal: an HTTP status and the JSON body that goes with it."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


def refusal(status: int, error: str, message: str, code: str | None = None) -> ApiError:
    """An error in the core shape."""
    body: dict[str, object] = {"statusCode": status, "error": error, "messages": [message]}
    if code is not None:
        body["code"] = code
    return ApiError(status, body)


def bad_request(message: str, code: str | None = None) -> ApiError:
    return refusal(400, "BadRequestException", message, code)


def invalid_uuid(value: object) -> ApiError:
    return bad_request(f'Value "{value}" is not a valid UUID', "INVALID_QUERY_INPUT")


def not_found() -> ApiError:
    return refusal(404, "NotFoundException", "Record not found")


def duplicate() -> ApiError:
    """Without code, field or id: REST never says which row or field clashed."""
    return bad_request("A duplicate entry was detected")


def foreign_key(table: str) -> ApiError:
    return bad_request(
        f'insert or update on table "{table}" violates foreign key constraint "FK_{table}_companyId"',
    )


def data_validation() -> ApiError:
    """What PostgreSQL's refusal of U+0000 becomes on its way out."""
    return refusal(500, "InternalServerErrorException", "Data validation error.")


def framework_error(status: int, error: str, message: str | Sequence[str]) -> ApiError:
    """An error in the framework's shape."""
    text = message if isinstance(message, str) else list(message)
    return ApiError(status, {"message": text, "error": error, "statusCode": status})


def unknown_route(method: str, path: str) -> ApiError:
    return framework_error(404, "Not Found", f"Cannot {method} {path}")


def metadata_invalid(code: str, message: str, value: object = None) -> ApiError:
    """A custom field that breaks a rule (facts, section 7)."""
    return ApiError(
        400,
        {
            "statusCode": 400,
            "error": "METADATA_VALIDATION_ERROR",
            "message": "Validation errors occurred while syncing field metadata",
            "errors": {"fieldMetadata": [{"errors": [{"code": code, "message": message, "value": value}]}]},
        },
    )
