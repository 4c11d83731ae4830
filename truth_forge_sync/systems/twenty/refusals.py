"""Which contact field Twenty objects to, where its words tell. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from truth_forge_sync.systems.twenty.answers import Rejected
from truth_forge_sync.systems.twenty.mapping import COLUMNS, COMPOSITES, SENT_WHOLE

_FIELD_OF: Mapping[str, str] = {column.twenty: column.field for column in COLUMNS} | {
    "name.firstName": "first_name",
    "name.lastName": "last_name",
    "emails.primaryEmail": "primary_email",
    "emails.additionalEmails": "other_emails",
    "phones.primaryPhoneNumber": "primary_phone",
    "phones.primaryPhoneCallingCode": "primary_phone",
    "phones.primaryPhoneCountryCode": "primary_phone",
    "phones.additionalPhones": "other_phones",
    "companyId": "organization",
}


def field_at_fault(error: Rejected, sent: Mapping[str, Any], touched: frozenset[str]) -> str | None:
    """The one field of ``touched`` that Twenty objects to; None where its words fit none or several.

    ``sent`` is the body of the request. A composite goes out whole: where Twenty objects to a part of it that only
    came along, the part that the write touches is what cannot be written.
    """
    suspects = _suspects(error, sent)
    found = suspects & touched
    if not found:
        whole = SENT_WHOLE.intersection(_composite(field) for field in suspects)
        found = frozenset(field for field in touched if _composite(field) in whole)
    return next(iter(found)) if len(found) == 1 else None


def _suspects(error: Rejected, sent: Mapping[str, Any]) -> frozenset[str]:
    match error.kind:
        case "duplicate":
            has_email = (sent.get("emails") or {}).get("primaryEmail")
            return frozenset({"primary_email"} if has_email else ())
        case "relation":
            return frozenset({"organization"})
        case "url":
            return frozenset({"linkedin_url"})
        case "phone" | "phone conflict":
            return _phones(error.culprit, sent.get("phones") or {})
        case "other":
            name = error.twenty_field or ""
            return frozenset({_FIELD_OF[name]}) if name in _FIELD_OF else _parts_of(name.partition(".")[0])


def _phones(culprit: str | None, sent: Mapping[str, Any]) -> frozenset[str]:
    """Whose number, calling code or country the quoted one is."""
    held = {
        "primary_phone": [value for key, value in sent.items() if key.startswith("primary")],
        "other_phones": [value for entry in sent.get("additionalPhones") or [] for value in entry.values()],
    }
    return frozenset(field for field, values in held.items() if culprit in values) or frozenset(held)


def _parts_of(composite: str) -> frozenset[str]:
    return frozenset(field for field, (name, _) in COMPOSITES.items() if name == composite)


def _composite(field: str) -> str:
    return COMPOSITES.get(field, ("", ""))[0]
