"""Who sent a webhook.

Twenty signs: hex HMAC-SHA256 of the time stamp's header, a colon and the raw body. The nonce that it sends is not part
of that, so a replay could carry another one: replays are known by the signature instead. Supabase's database webhooks
carry no signature and no time stamp: all there can be is a secret in a header that whoever sets them up puts there.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping

from pydantic import SecretStr

TOLERANCE_SECONDS = 5 * 60
"""How far a time stamp may be from our clock, either way."""

TWENTY_TIMESTAMP = "x-twenty-webhook-timestamp"
"""Milliseconds since 1970."""
TWENTY_SIGNATURE = "x-twenty-webhook-signature"
SUPABASE_SECRET = "x-webhook-secret"
"""Our choice: Supabase has no header of its own for it."""

Verify = Callable[[Mapping[str, str], bytes, float], bytes]
"""Headers (any case), raw body and the time now (seconds since 1970) → what is the same again in a replay.

Raises Unverified."""


class Unverified(Exception):
    """A webhook that must not be acted upon. The message is for our log: it holds nothing that was sent."""


def twenty(secret: SecretStr) -> Verify:
    def verify(headers: Mapping[str, str], body: bytes, now: float) -> bytes:
        timestamp, given = _header(headers, TWENTY_TIMESTAMP), _header(headers, TWENTY_SIGNATURE)
        signed = hmac.new(_bytes(secret), timestamp + b":" + body, hashlib.sha256).hexdigest().encode()
        if not hmac.compare_digest(signed, given):
            raise Unverified("its signature is wrong")
        if not re.fullmatch(rb"[0-9]{1,15}", timestamp) or abs(int(timestamp) / 1000 - now) > TOLERANCE_SECONDS:
            raise Unverified("its time stamp is more than five minutes from our clock")
        return signed

    return verify


def supabase(secret: SecretStr) -> Verify:
    def verify(headers: Mapping[str, str], body: bytes, now: float) -> bytes:
        if not hmac.compare_digest(_bytes(secret), _header(headers, SUPABASE_SECRET)):
            raise Unverified("its secret is wrong")
        return hashlib.sha256(body).digest()

    return verify


def _header(headers: Mapping[str, str], name: str) -> bytes:
    value = headers.get(name)
    if value is None:
        raise Unverified(f"it has no header {name}")
    return value.encode("latin-1")  # as it came over the wire


def _bytes(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode()
