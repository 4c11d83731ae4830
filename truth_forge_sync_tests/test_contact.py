"""Law 2: every field type has one canonical form; echoes, notation, rounding and key order are not changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truth_forge_sync.contact import FIELDS, canonical_json, from_paths, to_paths
from truth_forge_sync.fields import FieldType

SAME = [
    ("first_name", ["Zoë", "Zoe\u0308", " Zoë ", "Zoë\x00"], {"first_name": "Zoë"}),
    ("notes", ["a\nb", "a\r\nb", "a\rb"], {"notes": "a\nb"}),
    ("primary_email", ["ann@example.com", "Ann@Example.COM", " ann@example.com "],
     {"primary_email": "ann@example.com"}),
    ("primary_phone", ["+12025550123", "(202) 555-0123", "202.555.0123", "+1 202 555 0123"],
     {"primary_phone": "+12025550123"}),
    ("linkedin_url", ["https://www.linkedin.com/in/Ann", "HTTPS://WWW.LinkedIn.com/in/Ann/", "www.linkedin.com/in/Ann"],
     {"linkedin_url": "https://www.linkedin.com/in/Ann"}),
    ("birthday", ["1990-02-03", "1990-02-03T00:00:00Z"], {"birthday": "1990-02-03"}),
    ("is_me", [True, "true", 1, "t"], {"is_me": "true"}),
    ("is_me", [False, "false", 0], {"is_me": "false"}),
    ("category_code", ["A", "a"], {"category_code": "A"}),
    ("other_emails", [["B@x.com", "a@x.com"], ["a@x.com", "b@x.com", None], '["a@x.com","b@x.com"]'],
     {"other_emails/a@x.com": "true", "other_emails/b@x.com": "true"}),
    ("llm_context", [{"b": 1, "a": [1.0, {"z": 1, "y": 2}]}, '{"a":[1,{"y":2,"z":1}],"b":1.0}'],
     {"llm_context/a": '[1,{"y":2,"z":1}]', "llm_context/b": "1"}),
    ("llm_context", [{"a": 1e21}, {"a": 10**21}], {"llm_context/a": "1" + "0" * 21}),
    ("llm_context", [{}, {"a": None}, "", None], {}),
    ("job_title", ["", "  ", None], {}),
    ("other_phones", [[], None, ""], {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "raw", "paths"), SAME, ids=[f"{case[0]}-{number}" for number, case in enumerate(SAME)]
)
def test_notations_of_one_value_have_one_canonical_form(field: str, raw: list[Any], paths: dict[str, str]) -> None:
    assert [to_paths({field: value}, region="US") for value in raw] == [(paths, ())] * len(raw)


UNREADABLE = [
    ("primary_email", "not an address"),
    ("primary_phone", "call me"),
    ("birthday", "03/02/1990"),
    ("is_me", "maybe"),
    ("category_code", "Q"),
    ("other_emails", ["a@x.com", "nope"]),
    ("llm_context", [1, 2]),
    ("llm_context", {"a": float("inf")}),
]


@pytest.mark.parametrize(("field", "raw"), UNREADABLE)
def test_an_unreadable_value_leaves_its_field_out_and_is_reported_without_being_repeated(field: str, raw: Any) -> None:
    values, unread = to_paths({field: raw, "first_name": "Ann"}, region="US")
    assert values == {"first_name": "Ann"}
    assert [item.field for item in unread] == [field]
    assert str(raw) not in unread[0].reason


def test_a_column_that_is_no_field_is_ignored() -> None:
    assert to_paths({"shoe_size": 44}, region="US") == ({}, ())


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_canonical_json_is_stable(value: Any) -> None:
    import json

    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


def test_a_number_that_no_system_keeps_whole_is_unread() -> None:
    values, (unread,) = to_paths({"llm_context": {"n": -(2**63) - 1}}, region="US")
    assert (values, unread.reason) == ({}, "expected JSON numbers that fit into 64 bits")


@given(st.dictionaries(st.sampled_from([f.name for f in FIELDS if f.type is FieldType.TEXT]), st.text(max_size=20)))
def test_text_survives_the_way_there_and_back(raw: dict[str, str]) -> None:
    values, unread = to_paths(raw, region="US")
    assert not unread
    assert to_paths(from_paths(values, raw), region="US") == (values, ())


@given(st.dictionaries(st.text(max_size=6), json_values, max_size=4))
def test_an_object_survives_the_way_there_and_back(raw: dict[str, Any]) -> None:
    values, unread = to_paths({"llm_context": raw}, region="US")
    assert not unread
    assert to_paths(from_paths(values, ["llm_context"]), region="US") == (values, ())
