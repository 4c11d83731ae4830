"""A person of Twenty's REST API as the fields of CONTRACT.md, and a change of one field as a request's body.

Written from CONTRACT's table alone and apart from the engine's own mapping, which it is there to check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import phonenumbers

from truth_forge_sync.sandbox.seed import REGION

PLAIN: Final[Mapping[str, str]] = {
    "middle_name": "middleName",
    "nickname": "nickname",
    "name_suffix": "nameSuffix",
    "title": "honorific",
    "job_title": "jobTitle",
    "department": "department",
    "city": "city",
    "birthday": "birthday",
    "notes": "contactNotes",
    "category_code": "categoryCode",
    "subcategory_code": "subcategoryCode",
    "relationship_category": "relationshipCategory",
    "is_business": "isBusiness",
    "is_me": "isMe",
    "llm_context": "llmContext",
    "communication_stats": "communicationStats",
    "social_network": "socialNetwork",
    "ai_insights": "aiInsights",
    "recommendations": "recommendations",
}
"""Fields that are one field of Twenty's: our name → its name."""


def fields_of(person: Mapping[str, Any]) -> dict[str, Any]:
    """The raw values of a person that was read with ``depth=1``, by field; what is empty may be '', [] or None."""
    emails, phones = person["emails"], person["phones"]
    return {
        "first_name": person["name"]["firstName"],
        "last_name": person["name"]["lastName"],
        "primary_email": emails["primaryEmail"],
        "other_emails": emails["additionalEmails"],
        "primary_phone": _number(
            phones["primaryPhoneNumber"], phones["primaryPhoneCallingCode"], phones["primaryPhoneCountryCode"]
        ),
        "other_phones": [
            _number(entry["number"], entry["callingCode"], entry["countryCode"]) for entry in phones["additionalPhones"]
        ],
        "linkedin_url": person["linkedinLink"]["primaryLinkUrl"],
        "organization": (person.get("company") or {}).get("name"),
        **{field: person[name] for field, name in PLAIN.items()},
    }


def change_of(person: Mapping[str, Any], field: str, value: Any) -> dict[str, Any]:
    """The body of a PATCH that sets ``field``. Composites go whole: Twenty erases the parts that a request leaves out.

    Raises KeyError for a field that is not edited here (names, organization).
    """
    if field in PLAIN:
        return {PLAIN[field]: value}
    if field == "other_emails":
        return {"emails": {**person["emails"], "additionalEmails": value}}
    if field == "linkedin_url":
        return {"linkedinLink": {**person["linkedinLink"], "primaryLinkUrl": value}}
    if field == "primary_phone":
        number = phonenumbers.parse(value, REGION)
        primary = {
            "primaryPhoneNumber": phonenumbers.national_significant_number(number),
            "primaryPhoneCallingCode": f"+{number.country_code}",
            "primaryPhoneCountryCode": phonenumbers.region_code_for_number(number),
        }
        return {"phones": {**person["phones"], **primary}}
    raise KeyError(field)


def _number(national: str | None, calling_code: str | None, country: str | None) -> str:
    """One number, dialled from abroad; '' where there is none."""
    if not national or national.startswith("+"):
        return national or ""
    code = (calling_code or "").removeprefix("+")
    if not code and country:
        code = str(phonenumbers.country_code_for_region(country))
    return f"+{code}{national}" if code else national
