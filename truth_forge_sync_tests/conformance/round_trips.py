"""Values that must survive canonical → system → canonical: one case each; add what was found not to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RoundTrip:
    name: str
    values: Mapping[str, str]


ROUND_TRIPS: tuple[RoundTrip, ...] = (
    RoundTrip(
        "names", {"first_name": "Ann", "middle_name": "B", "nickname": "Annie", "name_suffix": "Jr", "title": "Dr"}
    ),
    RoundTrip("text from many scripts", {"job_title": "Zoë 李小龍 محمد Ωmega 🙂🏽", "city": "Łódź"}),
    RoundTrip("punctuation of query languages", {"notes": "a\"b' c\\d, (e) {f} [g] %h _i; -- /* $1 :x ?y @z"}),
    RoundTrip("lines and tabs", {"notes": "first line\nsecond\tline\n\nlast"}),
    RoundTrip("very long text", {"notes": "äß " * 30_000 + "end"}),
    RoundTrip(
        "words that mean something to machines",
        {"notes": "null", "department": "NULL", "city": "true", "job_title": "0"},
    ),
    RoundTrip("text that looks like JSON", {"notes": '{"not": "an object"}', "department": "[1, 2]"}),
    RoundTrip("organisation", {"organization": "Müller & Söhne, Inc."}),
    RoundTrip("an e-mail address with a tag", {"primary_email": "ann.o'hara+tag@mail.example.com"}),
    RoundTrip("more addresses", {"other_emails/a@example.com": "true", "other_emails/b+c@example.org": "true"}),
    RoundTrip("many addresses", {f"other_emails/ann{number}@example.com": "true" for number in range(100)}),
    RoundTrip(
        "telephone numbers of several countries",
        {
            "primary_phone": "+12025550123",
            "other_phones/+33612345678": "true",
            "other_phones/+442079460958": "true",
        },
    ),
    RoundTrip("a web address", {"linkedin_url": "https://www.linkedin.com/in/ann-example-b1a2"}),
    RoundTrip("a date", {"birthday": "1990-02-03"}),
    RoundTrip("a leap day", {"birthday": "2000-02-29"}),
    RoundTrip("a date before the epoch", {"birthday": "1899-12-31"}),
    RoundTrip("a choice", {"category_code": "B", "subcategory_code": "B2", "relationship_category": "friend"}),
    RoundTrip("true", {"is_business": "true", "is_me": "true"}),
    RoundTrip("false is not null", {"is_business": "false", "is_me": "false"}),
    RoundTrip(
        "a JSON object of every kind of value",
        {
            "llm_context/text": '"héllo 李"',
            "llm_context/number": "42",
            "llm_context/fraction": "0.1",
            "llm_context/false": "false",
            "llm_context/list": '[1,"two",[3],{}]',
            "llm_context/empty": "[]",
            "llm_context/nested": '{"a":{"b":null,"c":"d"}}',
        },
    ),
    RoundTrip(
        "JSON keys with slashes, spaces and quotes",
        {
            "ai_insights/a/b": "1",
            'ai_insights/say "hi"': "2",
            "ai_insights/two words": "3",
            "ai_insights/ключ": "4",
        },
    ),
    RoundTrip(
        "JSON numbers at the edge of exactness",
        {
            "communication_stats/largest": "9007199254740991",
            "communication_stats/tenths": "0.30000000000000004",
        },
    ),
    RoundTrip(
        "several JSON fields",
        {
            "social_network/x": '{"handle":"@ann"}',
            "recommendations/next": '["call","write"]',
            "ai_insights/score": "7",
        },
    ),
)
