"""Any number of made-up contacts with a dozen values each, no two alike, the same every time.

The sandbox's seed is more like life, and ends where the made-up telephone numbers do. Here every other contact has one
as long as there are any, which is up to the ten thousandth: reading a number is the dearest thing to do with a value.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from truth_forge_sync.sandbox.seed import SeedRow
from truth_forge_sync.sandbox.seed_people import phone_numbers

_NAMESPACE: Final = uuid.UUID("0d4f3c52-7f55-4f6e-9a3a-5c8f1d2b6e90")
_FIRST_STAMP: Final = datetime(2025, 1, 1, tzinfo=UTC)
_COMPANIES: Final = 100


def contacts(count: int) -> list[SeedRow]:
    """Rows of one system; none is in a hub yet."""
    phones = phone_numbers()
    return [_row(number, next(phones, None) if number % 2 == 0 else None) for number in range(count)]


def _row(number: int, phone: str | None) -> SeedRow:
    fields: dict[str, Any] = {
        "first_name": f"First {number}",
        "last_name": f"Last {number}",
        "primary_email": f"person.{number}@example.com",
        "organization": f"Company {number % _COMPANIES}",
        "job_title": f"Job {number % 50}",
        "city": f"City {number % 500}",
        "linkedin_url": f"https://www.linkedin.com/in/person-{number}",
        "birthday": f"19{50 + number % 50}-{1 + number % 12:02}-{1 + number % 28:02}",
        "notes": f"Met at fair {number % 90}",
        "category_code": "ABCDEFGHX"[number % 9],
        "is_business": False,
        "llm_context": {"summary": f"Number {number}", "key_interests": ["music", "chess"]},
    }
    if phone:
        fields["primary_phone"] = phone
    return SeedRow(
        person=number,
        native_id=str(uuid.uuid5(_NAMESPACE, str(number))),
        contact_id=None,
        fields=fields,
        updated_at=_FIRST_STAMP + timedelta(seconds=number),
    )
