"""The people behind the seed data: each once, with everything that is true of them. Made up, and the same every time.

Phone numbers come only from ranges that the countries keep for films and books, so that none can be anybody's:
North America's 555-01xx (NANPA), Ofcom's, Arcep's, the Bundesnetzagentur's, PTS's and ACMA's drama numbers. E-mail
addresses are in the domains of RFC 2606.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from faker import Faker

_LOCALES: Final = (
    "en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "pl_PL", "tr_TR", "sv_SE", "ja_JP", "zh_CN", "ar_EG",
)  # fmt: skip
_AREA_CODES: Final = (
    205, 206, 212, 213, 303, 304, 310, 312, 404, 405, 415, 503, 504, 512, 513, 602, 603, 617, 618, 702, 703, 713,
)  # fmt: skip
_NUMBERS_A_RANGE: Final = 700
_PHONES_A_PERSON: Final = 3
_DOMAINS: Final = ("example.com", "example.org", "example.net")
_EMOJI: Final = ("🦊", "🚀", "👩‍🔬", "🏳️‍🌈", "☕")
_CATEGORIES: Final = "ABCDEFGHX"
_RELATIONSHIPS: Final = ("colleague", "friend", "family", "supplier", "customer")
_PEOPLE_A_COMPANY: Final = 6

MOST_PEOPLE: Final = 7 * _NUMBERS_A_RANGE // _PHONES_A_PERSON
"""There are no more made-up phone numbers."""

HOMONYMS: Final = 2
"""How many people carry the full name of another: neither name nor company makes two people one."""


@dataclass(frozen=True)
class Person:
    """`facts` maps CONTRACT field names to canonical values; a missing name is something nobody knows.

    `spare_phones` are more numbers of the same person, for systems that know another one.
    """

    number: int
    facts: dict[str, Any]
    spare_phones: tuple[str, ...]

    @property
    def is_business(self) -> bool:
        return bool(self.facts.get("is_business"))


def people(count: int, seed: int) -> list[Person]:
    """`count` people, at most `MOST_PEOPLE` (ValueError). No two share an e-mail address or a phone number.

    Number 0 is oneself (`is_me`).
    """
    if not 1 <= count <= MOST_PEOPLE:
        raise ValueError(f"there can be 1 to {MOST_PEOPLE} made-up people, not {count}")
    chance = random.Random(seed)
    fakers = {locale: Faker(locale, use_weighting=False) for locale in _LOCALES}
    for offset, faker in enumerate(fakers.values()):
        faker.seed_instance(seed + offset)
    companies = [fakers["en_US"].company() for _ in range(max(1, count // _PEOPLE_A_COMPANY))]
    phones = phone_numbers()
    made: list[Person] = []
    for number in range(count):
        # The first few take turns, so that even a small set has every script.
        locale = (
            _LOCALES[number % len(_LOCALES)]
            if number < 2 * len(_LOCALES)
            else chance.choice(_LOCALES[:8] * 3 + _LOCALES)
        )
        facts = _facts(number, chance, fakers[locale], companies)
        if number and number % 25 == 0:
            facts = _business(number, facts, chance.choice(companies))
        elif 10 < number <= 10 + HOMONYMS:
            facts |= {name: made[number - 5].facts[name] for name in ("first_name", "last_name")}
        own = [next(phones) for _ in range(_PHONES_A_PERSON)]
        if "primary_email" not in facts or chance.random() < 0.8:
            facts["primary_phone"] = own[0]
            if chance.random() < 0.2:
                facts["other_phones"] = own[1:2]
        made.append(Person(number, facts, tuple(own[2:])))
    return made


def _facts(number: int, chance: random.Random, faker: Faker, companies: list[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "first_name": faker.first_name(),
        "last_name": faker.last_name(),
        "organization": chance.choice(companies),
        "job_title": faker.job(),
        "category_code": chance.choice(_CATEGORIES),
        "is_business": False,
        "is_me": number == 0,
    }
    domain = chance.choice(_DOMAINS)
    if number % 12 != 7:
        facts["primary_email"] = f"{_slug(facts['first_name'], facts['last_name'])}.{number}@{domain}"
        if chance.random() < 0.25:
            facts["other_emails"] = [f"private.{number}@{chance.choice(_DOMAINS)}"]
    optional: dict[str, Any] = {
        "middle_name": faker.first_name(),
        "nickname": f"{facts['first_name'][:3]} {chance.choice(_EMOJI)}",
        "name_suffix": chance.choice(("Jr.", "III", "PhD")),
        "title": chance.choice(("Dr.", "Prof.", "Ms.", "Mr.", "Mx.")),
        "department": chance.choice(("Sales", "R&D", "Einkauf", "Ventas", "法務部", "Legal; HR")),
        "city": faker.city(),
        "linkedin_url": f"https://www.linkedin.com/in/{_slug(facts['first_name'], facts['last_name'])}-{number}",
        "birthday": faker.date_of_birth(minimum_age=18, maximum_age=90).isoformat(),
        "notes": f"Met in {faker.city()} {chance.choice(_EMOJI)}\n“{faker.sentence(nb_words=8)}”",
        "subcategory_code": f"{chance.choice(_CATEGORIES)}{chance.randrange(1, 5)}",
        "relationship_category": chance.choice(_RELATIONSHIPS),
        "llm_context": {
            "key_interests": faker.words(3),
            "summary": faker.sentence(),
            "tone": {"formal": chance.random() < 0.5, "language": faker.current_country_code()},
        },
        "communication_stats": {"sent": chance.randrange(500), "answered": round(chance.random(), 2), "last": None},
        "social_network": {"mastodon": f"@{number}@example.org", "follows": [chance.randrange(99) for _ in range(3)]},
        "ai_insights": {"mood": chance.choice(("warm", "neutral", "cold")), "confidence": 0.5},
        "recommendations": {"next_steps": [faker.sentence(nb_words=4)], "call_again": chance.random() < 0.5},
    }
    return facts | {name: value for name, value in optional.items() if chance.random() < 0.45}


def _business(number: int, facts: dict[str, Any], company: str) -> dict[str, Any]:
    """A company's switchboard rather than a person: a shared mailbox, which identifies nobody."""
    return {
        "first_name": "Front",
        "last_name": f"Desk {number}",
        "organization": company,
        "primary_email": f"info@{_slug(company)}-{number}.example",
        "is_business": True,
        "notes": facts.get("notes", "☎ 9-5"),
    }


def phone_numbers() -> Iterator[str]:
    """Different valid numbers in E.164 that nobody has, three of seven American; 4,900 of them."""
    american = (f"+1{area}55501{last:02}" for last in range(100) for area in _AREA_CODES)
    for last in range(_NUMBERS_A_RANGE):
        yield next(american)
        yield f"+44207946{last:04}"
        yield f"+33199{last:06}"
        yield next(american)
        yield f"+493023125{last:03}"
        yield f"+61255{501_000 + last:06}"
        yield next(american)


def _slug(*names: str) -> str:
    """ASCII letters of the names, or `contact` where none is left (Chinese, Arabic)."""
    plain = unicodedata.normalize("NFKD", ".".join(names)).encode("ascii", "ignore").decode().lower()
    return "".join(c if c.isalnum() else "." if c == "." else "" for c in plain).strip(".") or "contact"
