"""Phone numbers: E.164 here, a national number with calling code and country in Twenty.

Twenty stores what it was given in several forms: the calling code with or without '+', the country missing, the number
with its own '+'. All of them read as one number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import phonenumbers


@dataclass(frozen=True, slots=True)
class Split:
    """A number as Twenty stores it: ``2025550123``, ``+1``, ``US``. The country is '' where the number has none."""

    number: str = ""
    calling_code: str = ""
    country: str = ""


def split(e164: str) -> Split:
    """Source: ``phonenumbers``. The country is '' for numbers of no country (``+800``) or of no valid range."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return Split(e164)  # for Twenty to refuse: one bad number must not stop the batch that it is in
    region = phonenumbers.region_code_for_number(number)
    country = region if region in phonenumbers.SUPPORTED_REGIONS else ""
    return Split(phonenumbers.national_significant_number(number), f"+{number.country_code}", country)


def joined(number: object, calling_code: object, country: object) -> str | None:
    """The number as text that has one E.164 reading; None where there is none. It may still be no valid number."""
    text = str(number or "").strip()
    if not text or text.startswith("+"):
        return text or None
    code = re.sub(r"\D", "", str(calling_code or ""))
    region = str(country or "").strip().upper()
    if region not in phonenumbers.SUPPORTED_REGIONS or (
        code and str(phonenumbers.country_code_for_region(region)) != code
    ):
        # The calling code is what one dials; a country that contradicts it is an old or a default one.
        region = phonenumbers.region_code_for_country_code(int(code)) if code else ""
    if region not in phonenumbers.SUPPORTED_REGIONS:
        return f"+{code}{text}" if code else text
    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return f"+{code}{text}" if code else text
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def primary(phones: Mapping[str, Any]) -> str | None:
    """The primary number of a ``phones`` object."""
    return joined(
        phones.get("primaryPhoneNumber"), phones.get("primaryPhoneCallingCode"), phones.get("primaryPhoneCountryCode")
    )


def additional(entry: Any) -> str | None:
    """The number of one entry of ``additionalPhones``."""
    if not isinstance(entry, Mapping):
        return joined(entry, None, None)
    return joined(entry.get("number"), entry.get("callingCode"), entry.get("countryCode"))


def primary_payload(e164: str | None) -> dict[str, str]:
    """The ``primary*`` keys of a ``phones`` object; empty texts clear them.

    Without a country Twenty infers one; an empty text in its place would be stored.
    """
    found = split(e164) if e164 else Split()
    payload = {
        "primaryPhoneNumber": found.number,
        "primaryPhoneCallingCode": found.calling_code,
        "primaryPhoneCountryCode": found.country,
    }
    return {key: value for key, value in payload.items() if value} if e164 else payload


def additional_payload(e164: str) -> dict[str, str]:
    """One entry of ``additionalPhones``."""
    found = split(e164)
    payload = {"number": found.number, "callingCode": found.calling_code, "countryCode": found.country}
    return {key: value for key, value in payload.items() if value}


def without_country(phones: Mapping[str, Any]) -> dict[str, Any]:
    """The same ``phones`` object with the countries left for Twenty to infer.

    Several countries share a calling code, and Twenty's phone library may place a number in another one of them than
    ours; it refuses a country that contradicts its own inference.
    """
    bare = {key: value for key, value in phones.items() if key != "primaryPhoneCountryCode"}
    entries = phones.get("additionalPhones") or []
    bare["additionalPhones"] = [{k: v for k, v in entry.items() if k != "countryCode"} for entry in entries]
    return bare
