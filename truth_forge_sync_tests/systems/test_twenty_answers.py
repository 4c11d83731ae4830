"""An answer that is not whole is an error; an error says what to do and never repeats a person's data."""

from __future__ import annotations

from typing import Any

import pytest

from truth_forge_sync.systems.twenty.answers import Malformed, Rejected, error_words, read_page, redacted
from truth_forge_sync.systems.twenty.budget import Budget
from truth_forge_sync.systems.twenty.filters import in_batches, text_is
from truth_forge_sync.systems.twenty.refusals import field_at_fault

WHOLE: dict[str, Any] = {
    "data": {"people": [{"id": "1"}]},
    "totalCount": 2,
    "pageInfo": {"hasNextPage": True, "endCursor": "c"},
}

NOT_WHOLE: list[Any] = [
    None,
    [],
    "",
    {},
    {**WHOLE, "data": {}},
    {**WHOLE, "data": {"people": None}},
    {**WHOLE, "data": {"people": [None]}},
    {**WHOLE, "data": {"people": [{"name": "no id"}]}},
    {**WHOLE, "pageInfo": None},
    {**WHOLE, "pageInfo": {}},
    {**WHOLE, "pageInfo": {"hasNextPage": True, "endCursor": None}},
    {**WHOLE, "data": {"people": []}},
    {key: value for key, value in WHOLE.items() if key != "totalCount"},
]


@pytest.mark.parametrize("answer", NOT_WHOLE)
def test_an_answer_that_lacks_a_part_is_never_an_empty_page(answer: Any) -> None:
    assert read_page(WHOLE).next == "c"
    with pytest.raises(Malformed):
        read_page(answer)


JOB, EMAIL, OTHERS = (
    'text field "jobTitle"',
    'email field "emails.primaryEmail"',
    'email field "emails.additionalEmails"',
)
CHOICE, NO_FIELD = 'select field "categoryCode"', 'Object person doesn\'t have any "nickname" field.'
RELATION = 'insert or update on table "person" violates foreign key constraint "FK_1234567"'
AMBIGUOUS = "Multiple records found with the same unique field values for id {}; emails {}. Cannot determine which"
PHONE, COUNTRY = "Provided phone number is invalid", "Provided and inferred country code are conflicting"
URL = "The URL of the link is not valid: "

# Twenty's words and code, what a person may see of them, and the contact field that they are about.
WORDS: list[tuple[str, str, str, str | None]] = [
    ("A duplicate entry was detected", "", "A duplicate entry was detected", "primary_email"),
    (f"{PHONE} 123", "INVALID_PHONE_NUMBER", PHONE, "primary_phone"),
    ("Invalid country code ZZ", "INVALID_PHONE_COUNTRY_CODE", "Invalid country code", "primary_phone"),
    (COUNTRY, "CONFLICTING_PHONE_COUNTRY_CODE", COUNTRY, "primary_phone"),
    (f"Invalid string value 'ann o'hara' for {EMAIL}", "", f"Invalid string value '…' for {EMAIL}", "primary_email"),
    (f"Invalid string value 'x y' for {OTHERS}", "", f"Invalid string value '…' for {OTHERS}", "other_emails"),
    (f"Invalid string value 5 for {JOB}", "", f"Invalid string value … for {JOB}", "job_title"),
    (f"Invalid select value 'Q' for {CHOICE}", "", f"Invalid select value '…' for {CHOICE}", "category_code"),
    (NO_FIELD, "", NO_FIELD, "nickname"),
    (RELATION, "", RELATION, "organization"),
    (f"{URL}https://ann.example/secret", "INVALID_URL", f"{URL}…", "linkedin_url"),
    (AMBIGUOUS.format("(1-2)", "(ann@example.com)"), "", AMBIGUOUS.format("(…)", "(…)"), "primary_email"),
    ("Data validation error.", "", "Data validation error.", None),
]

TOUCHED = frozenset(field for *_, field in WORDS if field)


@pytest.mark.parametrize(("words", "code", "shown", "field"), WORDS, ids=[words[:30] for words, *_ in WORDS])
def test_errors_keep_twentys_words_without_the_value(words: str, code: str, shown: str, field: str | None) -> None:
    error = Rejected(400, words, code, system="twenty")
    assert str(error) == f"twenty: {shown}"
    assert field_at_fault(error, {"emails": {"primaryEmail": "ann@example.com"}}, TOUCHED) == field
    assert field_at_fault(error, {}, frozenset()) is None


NUMBERS = {
    "primaryPhoneNumber": "2025550123",
    "primaryPhoneCallingCode": "+1",
    "primaryPhoneCountryCode": "US",
    "additionalPhones": [{"number": "123", "callingCode": "+1", "countryCode": "ZZ"}],
}
PRIMARY, SECONDARY = "primary_phone", "other_phones"
BOTH = frozenset({PRIMARY, SECONDARY})
BAD_NUMBER, BAD_COUNTRY, BAD_CODE = (f"INVALID_PHONE_{what}" for what in ("NUMBER", "COUNTRY_CODE", "CALLING_CODE"))

# Twenty's words and code, the fields that the write touches, and the one that is at fault.
PARTS: list[tuple[str, str, frozenset[str], str | None]] = [
    (f"{PHONE} 2025550123", BAD_NUMBER, BOTH, PRIMARY),
    (f"{PHONE} 123", BAD_NUMBER, BOTH, SECONDARY),
    (f"{PHONE} 77", BAD_NUMBER, BOTH, None),
    ("Invalid country code US", BAD_COUNTRY, BOTH, PRIMARY),
    ("Invalid country code ZZ", BAD_COUNTRY, BOTH, SECONDARY),
    ("Invalid calling code +1", BAD_CODE, BOTH, None),
    (COUNTRY, "CONFLICTING_PHONE_COUNTRY_CODE", BOTH, None),
    (COUNTRY, "CONFLICTING_PHONE_COUNTRY_CODE", frozenset({SECONDARY, "city"}), SECONDARY),
    # A number that only came along makes the other one impossible to write.
    (f"{PHONE} 123", BAD_NUMBER, frozenset({PRIMARY, "city"}), PRIMARY),
    (f"Invalid string value 'x' for {OTHERS}", "", frozenset({"primary_email", "city"}), "primary_email"),
    ('Invalid string value 5 for text field "name.lastName"', "", frozenset({"first_name", "last_name"}), "last_name"),
    ('Invalid string value 5 for text field "name.lastName"', "", frozenset({"first_name"}), None),
    ('Invalid subfield x for emails field "emails"', "", frozenset({"primary_email", "city"}), "primary_email"),
    ('Invalid subfield x for emails field "emails"', "", frozenset({"primary_email", "other_emails"}), None),
    ('Invalid phone value for field "phones.additionalPhones"', "", BOTH, SECONDARY),
    ('Invalid date value 5 for date field "birthday"', "", frozenset({"birthday", "city"}), "birthday"),
    ('Invalid object value 5 for object field "llmContext"', "", frozenset({"llm_context", "notes"}), "llm_context"),
    ('Invalid boolean value 5 for boolean field "isMe"', "", frozenset({"is_me", "is_business"}), "is_me"),
    ("Invalid UUID value '5' for field \"companyId\"", "", frozenset({"organization", "city"}), "organization"),
    ('Invalid string value 5 for text field "shoeSize"', "", frozenset({"city"}), None),
    ("A duplicate entry was detected", "", frozenset({"city"}), None),
]


@pytest.mark.parametrize(("words", "code", "touched", "field"), PARTS)
def test_of_a_composite_the_part_at_fault_is_named(
    words: str, code: str, touched: frozenset[str], field: str | None
) -> None:
    assert field_at_fault(Rejected(400, words, code, system="twenty"), {"phones": NUMBERS}, touched) == field


@pytest.mark.parametrize("secret", ["Ann", "ann@example.com", "+1 202 555 0123", "2025550123", "https://ann.example"])
def test_unknown_words_are_stripped_of_what_may_be_personal(secret: str) -> None:
    for words in (f"Strange value '{secret}' here", f'Odd "{secret}"', f"List ({secret})", f"No value '{secret}'"):
        assert secret not in redacted(words)


def test_all_shapes_of_errors_are_read() -> None:
    usual = {"statusCode": 400, "error": "BadRequestException", "messages": ["One", "Two"], "code": "C"}
    assert error_words(usual) == ("One; Two", "C")
    assert error_words({"message": "Expected …", "error": "Bad Request", "statusCode": 400}) == ("Expected …", "")
    metadata = {"message": "Validation", "errors": {"fieldMetadata": [{"errors": [{"code": "X", "message": "Taken"}]}]}}
    assert error_words(metadata) == ("Taken", "")
    assert error_words("request entity too large") == ("request entity too large", "")
    assert error_words(None) == ("", "")


class Time:
    """A clock that only sleeping and working move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_budget_never_asks_the_server_for_more_than_it_gives() -> None:
    time = Time()
    budget = Budget(100, clock=time, sleep=time.sleep)
    tokens, accepted_at, moments = 100, 0.0, []
    for _ in range(300):
        budget.take()
        tokens = min(100, tokens + int((time.now - accepted_at) * 100 / 60))  # facts, section 8
        assert tokens >= 1
        tokens, accepted_at = tokens - 1, time.now
        moments.append(time.now)
        time.now += 0.05  # the request itself
    assert moments[99] < 6  # the burst is free
    assert moments[299] < 3 * 60 * 1.06  # and then the budget is used up, not less


def test_the_budget_may_be_without_limit() -> None:
    time = Time()
    budget = Budget(0, clock=time, sleep=time.sleep)
    for _ in range(1_000):
        budget.take()
    assert time.now == 0


def test_texts_that_the_filter_language_trips_over_are_searched_by_pattern() -> None:
    assert text_is("name", "Acme Inc.") == 'name[eq]:"Acme Inc."'
    assert text_is("name", 'A "B" (C), D') == 'name[like]:"A _B_ _C__ D"'
    assert text_is("name", "50% :-)") == 'name[like]:"50_ _-_"'
    assert text_is("name", "NULL") == 'name[like]:"NUL_"'
    assert text_is("name", "x" * 300) == f'name[like]:"{"x" * 200}%"'


def test_conditions_are_batched_to_fit_a_request_line() -> None:
    batches = list(in_batches([text_is("name", "Ä" * 100)] * 50, most=200))
    assert sum(len(batch) for batch in batches) == 50
    assert all(len(batch) * 600 < 8_000 for batch in batches)
