"""Seed contacts for the stand-ins: 300 people, each known to one, two, three or all four systems, and not alike.

As in life, the systems disagree: another job title here, a field unknown there, the same number written otherwise, each
with a stamp of its own. What makes two rows one person never disagrees: the e-mail address, or else phone and name.
Nothing here knows HTTP or SQL; `seeding.py` writes the rows where they belong.
"""

from __future__ import annotations

import random
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import phonenumbers
from phonenumbers import PhoneNumberFormat

from truth_forge_sync.sandbox.seed_people import Person, people

SystemName = Literal["bigquery", "twenty", "supabase", "local"]

SYSTEMS: Final[tuple[SystemName, ...]] = ("bigquery", "twenty", "supabase", "local")
PEOPLE: Final = 300
SEED: Final = 20_260_101
LATEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The latest stamp unless another is asked for."""
SPAN: Final = timedelta(days=60)
"""How far back the stamps go."""

REGION: Final = "US"
"""Where a number without a country code belongs: the default of TRUTH_FORGE_DEFAULT_REGION."""

_NAMESPACE: Final = uuid.UUID("6b1f3b0e-5f0e-4d52-9d4a-3f2f9e1c7a10")
_IDENTIFYING: Final = frozenset({"first_name", "last_name", "primary_email", "primary_phone", "is_business", "is_me"})
_JOBS: Final = ("Head of Everything", "Ingénieure", "部長", "Retired", "مهندس", "VP, “Growth”", "Student 🎓")
_SYSTEMS_A_PERSON: Final = (1, 1, 1, 2, 2, 2, 3, 3, 4, 4)


@dataclass(frozen=True)
class SeedRow:
    """One contact as one system holds it.

    `person` is the same number for one person's rows in all systems. `native_id` is the row's id in its system, the
    same each time, so that sowing twice makes nothing twice; `contact_id` is set in the hub only, which can't hold a
    contact without. `fields` maps CONTRACT field names to raw values (text, bool, list of text, JSON object; dates as
    ISO text); a missing name is an empty field. `updated_at` has microseconds, in Twenty milliseconds.
    """

    person: int
    native_id: str
    contact_id: str | None
    fields: Mapping[str, Any]
    updated_at: datetime


def seed_contacts(
    count: int = PEOPLE, *, latest: datetime = LATEST, seed: int = SEED
) -> Mapping[SystemName, tuple[SeedRow, ...]]:
    """The rows of each system, the same for the same arguments. `latest` must be aware; no stamp is later."""
    if latest.tzinfo is None:
        raise ValueError("latest must be an aware datetime")
    chance = random.Random(seed)
    rows: dict[SystemName, list[SeedRow]] = {system: [] for system in SYSTEMS}
    for person in people(count, seed):
        for system in _homes(person, chance):
            rows[system].append(_row(person, system, chance, latest))
    return {system: tuple(found) for system, found in rows.items()}


def _homes(person: Person, chance: random.Random) -> list[SystemName]:
    """The systems that know a person. A shared mailbox identifies nobody, so only one knows it (else it is two)."""
    if person.is_business:
        return [SYSTEMS[person.number // 25 % len(SYSTEMS)]]
    if person.number == 0:
        return list(SYSTEMS)
    known = chance.sample(SYSTEMS, chance.choice(_SYSTEMS_A_PERSON))
    return [system for system in SYSTEMS if system in known]


def _row(person: Person, system: SystemName, chance: random.Random, latest: datetime) -> SeedRow:
    fields = {name: value for name, value in person.facts.items() if name in _IDENTIFYING or chance.random() < 0.8}
    _disagree(person, fields, chance)
    for name, notation in _NOTATIONS.items():
        if name in fields:
            fields[name] = notation(fields[name], system, chance)
    stamp = latest - timedelta(microseconds=chance.randrange(SPAN // timedelta(microseconds=1)))
    if system == "twenty":
        stamp = stamp.replace(microsecond=stamp.microsecond // 1000 * 1000)
    native_id = str(uuid.uuid5(_NAMESPACE, f"{system}/{person.number}"))
    # In the hub the one is the other.
    contact_id = native_id if system == "bigquery" else None
    return SeedRow(person.number, native_id, contact_id, fields, stamp)


def _disagree(person: Person, fields: dict[str, Any], chance: random.Random) -> None:
    """Make this system's view of a person differ from the others'."""
    if person.is_business:
        return
    if chance.random() < 0.3:
        fields["job_title"] = chance.choice(_JOBS)
    if chance.random() < 0.15:
        fields["city"] = chance.choice(("Köln", "São Paulo", "東京", "القاهرة", "St. John's"))
    if chance.random() < 0.1 and "primary_email" in fields:
        # Only where the address says who it is: without one the number must stay.
        fields["primary_phone"] = person.spare_phones[0]
    if chance.random() < 0.1 and "primary_email" in fields:
        fields["other_emails"] = [*fields.get("other_emails", ()), f"only.{person.number}@example.org"]
    if chance.random() < 0.2:
        fields["llm_context"] = {**fields.get("llm_context", {}), "seen_by": chance.choice(("phone", "mail", "fair"))}
    if chance.random() < 0.1:
        fields["notes"] = f"Call back! {chance.randrange(1000)} ☎"


Notation = Callable[[Any, SystemName, random.Random], Any]


def _phone(number: str, _: SystemName, chance: random.Random) -> str:
    """One of the ways to write a number; without a country code only where it is the default region's."""
    parsed = phonenumbers.parse(number)
    international = phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)
    ways = [number, number, international, international.replace(" ", ".").replace("-", ".")]
    if phonenumbers.region_code_for_number(parsed) == REGION:
        national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
        ways += [national, national.replace("(", "").replace(") ", ".").replace("-", ".")]
    return chance.choice(ways)


def _phones(numbers: list[str], system: SystemName, chance: random.Random) -> list[str]:
    return [_phone(number, system, chance) for number in numbers]


def _email(address: str, _: SystemName, chance: random.Random) -> str:
    return address.title() if chance.random() < 0.15 else address


def _text(text: str, _: SystemName, chance: random.Random) -> str:
    """Letters and accents apart, as macOS writes them, and the odd space at the end."""
    written = unicodedata.normalize("NFD", text) if chance.random() < 0.1 else text
    return f"{written} " if chance.random() < 0.05 else written


def _url(url: str, system: SystemName, chance: random.Random) -> str:
    # Twenty refuses an address without its scheme.
    short = url.removeprefix("https://")
    return chance.choice((url, f"{url}/") if system == "twenty" else (url, f"{url}/", short))


_NOTATIONS: Final[dict[str, Notation]] = {
    "last_name": _text,
    "city": _text,
    "job_title": _text,
    "primary_email": _email,
    "primary_phone": _phone,
    "other_phones": _phones,
    "linkedin_url": _url,
}
