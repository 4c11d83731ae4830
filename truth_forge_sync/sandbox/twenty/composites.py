"""Values of several columns: how each part is normalised, and what a partial value does to the parts left out.

Each type has its own rule for that (facts, section 3, Composite semantics). A function here takes the value that was
sent and gives the parts to set; a part that it doesn't name keeps what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from truth_forge_sync.sandbox.twenty.errors import bad_request
from truth_forge_sync.sandbox.twenty.fields import Field, FieldType, Row
from truth_forge_sync.sandbox.twenty.phones import normalise_phone
from truth_forge_sync.sandbox.twenty.scalars import canonical_uuid, json_text, shown, text_value, wrong, wrong_uuid

ACTOR_SOURCES = frozenset(
    ("EMAIL", "CALENDAR", "WORKFLOW", "AGENT", "API", "IMPORT", "MANUAL", "SYSTEM", "WEBHOOK", "APPLICATION")
)

_EMAIL = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+")


def _full_name(field: Field, value: Mapping[str, Any]) -> Row:
    """What is left out is kept."""
    return {part: text_value(field, text, part) for part, text in value.items()}


def _emails(field: Field, value: Mapping[str, Any]) -> Row:
    """The primary address is erased when left out, the additional ones are kept. All are lower-cased."""
    parts: Row = {"primaryEmail": _email(field, value.get("primaryEmail"), "primaryEmail")}
    if "additionalEmails" in value:
        sent = value["additionalEmails"] or []
        if not isinstance(sent, list):
            raise wrong(field, sent, part="additionalEmails")
        found = [_email(field, item, "additionalEmails") for item in sent]
        parts["additionalEmails"] = json_text([item for item in found if item]) if found else None
    return parts


def _email(field: Field, value: Any, part: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _EMAIL.fullmatch(value):
        raise bad_request(f'Invalid string value {shown(value)} for email field "{field.key}.{part}"')
    return (text_value(field, value, part) or "").lower()


def _phones(field: Field, value: Mapping[str, Any]) -> Row:
    """The primary number is kept when left out, the additional ones are erased."""
    number, country, calling = (
        text_value(field, value.get(part), part)
        for part in ("primaryPhoneNumber", "primaryPhoneCountryCode", "primaryPhoneCallingCode")
    )
    phone = normalise_phone(number, country, calling)
    parts: Row = {"additionalPhones": _additional_phones(field, value.get("additionalPhones"))}
    for part, found in (
        ("primaryPhoneNumber", phone.number),
        ("primaryPhoneCountryCode", phone.country),
        ("primaryPhoneCallingCode", phone.calling),
    ):
        if found is not None or part in value:
            parts[part] = found
    return parts


def _additional_phones(field: Field, value: Any) -> str | None:
    """Strings in place of objects become empty objects, without a word."""
    if not value:
        return None
    if not isinstance(value, list):
        raise wrong(field, value, part="additionalPhones")
    return json_text([_additional_phone(item) for item in value])


def _additional_phone(item: Any) -> dict[str, str]:
    if not isinstance(item, dict):
        return {}
    phone = normalise_phone(item.get("number"), item.get("countryCode"), item.get("callingCode"))
    found = {"number": phone.number, "callingCode": phone.calling, "countryCode": phone.country}
    return {key: text for key, text in found.items() if text is not None}


def _links(field: Field, value: Mapping[str, Any]) -> Row:
    """Everything that is left out is erased."""
    secondary = value.get("secondaryLinks") or []
    if not isinstance(secondary, list) or not all(isinstance(item, dict) for item in secondary):
        raise wrong(field, secondary, part="secondaryLinks")
    links = [{"label": item.get("label"), "url": _url(field, item.get("url"), "secondaryLinks")} for item in secondary]
    return {
        "primaryLinkLabel": text_value(field, value.get("primaryLinkLabel"), "primaryLinkLabel"),
        "primaryLinkUrl": _url(field, value.get("primaryLinkUrl"), "primaryLinkUrl"),
        "secondaryLinks": json_text(links) if links else None,
    }


def _url(field: Field, value: Any, part: str) -> str | None:
    """Scheme and host in lower case, no slash at the end; the path keeps its case."""
    text = text_value(field, value, part)
    if text is None:
        return None
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    try:
        host = urlsplit(f"//{rest}").hostname
    except ValueError:
        host = None
    if not host or ("." not in host and host != "localhost") or re.search(r"\s", text):
        raise bad_request(f"The URL of the link is not valid: {text}", "INVALID_URL")
    authority, slash, path = rest.partition("/")
    return f"{scheme.lower()}{separator}{authority.lower()}{slash}{path}".rstrip("/")


def _actor(field: Field, value: Mapping[str, Any]) -> Row:
    parts: Row = {}
    for part, sent in value.items():
        if part == "source":
            if sent not in ACTOR_SOURCES:
                raise wrong(field, sent, part="source")
            parts[part] = sent
        elif part == "workspaceMemberId":
            parts[part] = canonical_uuid(sent)
            if sent is not None and parts[part] is None:
                raise wrong_uuid(f"{field.key}.{part}", sent)
        elif part == "context":
            parts[part] = None if sent is None else json_text(sent)
        else:
            parts[part] = text_value(field, sent, part)
    return parts


COMPOSITE_VALUES: Mapping[FieldType, Callable[[Field, Mapping[str, Any]], Row]] = {
    FieldType.FULL_NAME: _full_name,
    FieldType.EMAILS: _emails,
    FieldType.PHONES: _phones,
    FieldType.LINKS: _links,
    FieldType.ACTOR: _actor,
}
