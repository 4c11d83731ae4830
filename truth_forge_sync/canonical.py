"""One canonical form for each scalar type (DESIGN law 2), so that echoes, rounding and notation are not changes.

=========  ==================================================================  =============================
type       canonical form                                                      source of the rule
=========  ==================================================================  =============================
text       NFC, LF line ends, no outer white space, no U+0000; '' is null       Unicode TR15; PostgreSQL text
email      lower case, NFC local part, as ``email-validator`` normalises        RFC 5321/6531
phone      E.164                                                               ITU-T E.164 by ``phonenumbers``
url        with scheme, lower-case scheme and host, no trailing slash           what Twenty stores
date       ISO 8601 ``YYYY-MM-DD``                                             ISO 8601
boolean    ``true`` or ``false``
choice     one of the declared codes, upper case
=========  ==================================================================  =============================
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import phonenumbers
from email_validator import EmailNotValidError, validate_email


class Unreadable(ValueError):
    """The raw value has no canonical form. The message says what was expected; it never repeats the value."""


def clean_text(value: str) -> str:
    """NFC text with LF line ends that every system can store: no U+0000, no half of a surrogate pair."""
    text = value.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return text


def canonical_text(value: object) -> str:
    """Clean text without outer white space; '' for what is empty."""
    return clean_text(str(value)).strip()


@lru_cache(maxsize=65_536)
def _email(text: str) -> str:
    try:
        found = validate_email(text, check_deliverability=False, globally_deliverable=False, allow_quoted_local=True)
    except EmailNotValidError as error:
        raise Unreadable("expected an e-mail address such as ann@example.com") from error
    return canonical_text(found.normalized.lower())


@lru_cache(maxsize=65_536)
def _phone(text: str, region: str) -> str:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise Unreadable(_PHONE_HINT) from error
    if not phonenumbers.is_possible_number(number):
        raise Unreadable(_PHONE_HINT)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_PHONE_HINT = "expected a phone number with its country code, such as +1 202 555 0123"


def _url(text: str) -> str:
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if not parts.netloc or " " in parts.netloc:
        raise Unreadable("expected a web address such as https://www.linkedin.com/in/ann")
    return urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"), parts.query, parts.fragment))


def _date(value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = canonical_text(value)
    try:
        return date.fromisoformat(text[:10]).isoformat() if text[10:11] in ("", "T", " ") else _no_date()
    except ValueError:
        return _no_date()


def _no_date() -> str:
    raise Unreadable("expected a date such as 1990-02-03")


_BOOLEANS = {"true": "true", "t": "true", "1": "true", "yes": "true"} | dict.fromkeys(
    ("false", "f", "0", "no"), "false"
)


def _boolean(text: str) -> str:
    try:
        return _BOOLEANS[text.lower()]
    except KeyError as error:
        raise Unreadable("expected true or false") from error


def canonical_scalar(type_: str, value: Any, *, region: str, choices: tuple[str, ...] = ()) -> str | None:
    """The canonical form of one raw scalar, or None where it is empty.

    Raises :class:`Unreadable` where the value has no canonical form.
    """
    text = canonical_text(value)
    if not text:
        return None
    if type_ == "choice":
        if text.upper() not in choices:
            raise Unreadable(f"expected one of {' '.join(choices)}")
        return text.upper()
    if type_ == "phone":
        return _phone(text, region)
    if type_ == "date":
        return _date(value)
    return _FORMS[type_](text)


_FORMS: dict[str, Callable[[str], str]] = {"text": str, "email": _email, "url": _url, "boolean": _boolean}
