"""Authentication: one API key as a bearer token (facts, section 11)."""

from __future__ import annotations

import hmac

from truth_forge_sync.sandbox.twenty.errors import ApiError


def check_key(header: str | None, api_key: str) -> None:
    """Raises 403 without a bearer token and 401 for a wrong one."""
    scheme, _, token = (header or "").partition(" ")
    if scheme != "Bearer" or not token:
        raise ApiError(
            403,
            {"statusCode": 403, "messages": ["Missing authentication token"], "error": "FORBIDDEN_EXCEPTION"},
        )
    if not hmac.compare_digest(token.strip().encode(), api_key.encode()):
        raise ApiError(401, {"statusCode": 401, "messages": ["Token invalid."], "error": "UNAUTHENTICATED"})
