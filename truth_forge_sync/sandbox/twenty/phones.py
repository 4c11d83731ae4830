"""Phone numbers as Twenty keeps them: digits, country and calling code apart (facts, section 3, Normalisation).

Twenty checks with libphonenumber, and so does this. A number need not be a valid one, only readable as a number.
"""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers

from truth_forge_sync.sandbox.twenty.errors import bad_request


@dataclass(frozen=True)
class Phone:
    """`number` has national digits only, `country` two capitals, `calling` usually a leading `+`; None is unset."""

    number: str | None
    country: str | None
    calling: str | None


def normalise_phone(number: str | None, country: str | None, calling: str | None) -> Phone:
    """Split `number` and fill in what it tells about country and calling code.

    Raises 400 INVALID_PHONE_NUMBER, INVALID_PHONE_COUNTRY_CODE, INVALID_PHONE_CALLING_CODE,
    CONFLICTING_PHONE_COUNTRY_CODE, CONFLICTING_PHONE_CALLING_CODE and
    CONFLICTING_PHONE_CALLING_CODE_AND_COUNTRY_CODE (facts, section 4).
    """
    _check_codes(country, calling)
    if not number:
        return Phone(number or None, country or None, calling or None)
    parsed = _parse(number, country, calling)
    inferred = _region(parsed, country)
    if country and inferred and inferred != country:
        raise bad_request("Provided and inferred country code are conflicting", "CONFLICTING_PHONE_COUNTRY_CODE")
    if calling and int(calling.lstrip("+")) != parsed.country_code:
        raise bad_request("Provided and inferred calling code are conflicting", "CONFLICTING_PHONE_CALLING_CODE")
    return Phone(
        number=phonenumbers.national_significant_number(parsed),
        country=country or inferred,
        # A calling code is kept as it was sent: '1' stays '1'.
        calling=calling or f"+{parsed.country_code}",
    )


def _check_codes(country: str | None, calling: str | None) -> None:
    if country and country not in phonenumbers.SUPPORTED_REGIONS:
        raise bad_request(f"Invalid country code {country}", "INVALID_PHONE_COUNTRY_CODE")
    if not calling:
        return
    digits = calling.removeprefix("+")
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(digits), ()) if digits.isdecimal() else ()
    if not regions:
        raise bad_request(f"Invalid calling code {calling}", "INVALID_PHONE_CALLING_CODE")
    if country and country not in regions:
        raise bad_request(
            "Provided calling code and country code are conflicting",
            "CONFLICTING_PHONE_CALLING_CODE_AND_COUNTRY_CODE",
        )


def _parse(number: str, country: str | None, calling: str | None) -> phonenumbers.PhoneNumber:
    """A national number needs a country or a calling code beside it; what the row holds already doesn't count."""
    region = country
    if region is None or region == "":
        region = phonenumbers.region_code_for_country_code(int(calling.lstrip("+"))) if calling else None
    try:
        return phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException as error:
        raise bad_request(f"Provided phone number is invalid {number}", "INVALID_PHONE_NUMBER") from error


def _region(parsed: phonenumbers.PhoneNumber, country: str | None) -> str | None:
    """The country that a number belongs to; where several share a calling code, the given one if it fits."""
    if country and phonenumbers.is_valid_number_for_region(parsed, country):
        return country
    region = phonenumbers.region_code_for_number(parsed)
    if region in phonenumbers.SUPPORTED_REGIONS:
        return region
    code = parsed.country_code
    if country and code is not None and phonenumbers.country_code_for_region(country) != code:
        return phonenumbers.region_code_for_country_code(code)
    return None
