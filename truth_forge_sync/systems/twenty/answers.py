"""The shapes of Twenty's answers and errors.

An answer that is cut short or lacks a part it always has is an error and never reads as empty: an empty list of people
that the server did not mean would look like everybody's deletion.

An error text of Twenty often repeats the value that it refuses. :func:`redacted` keeps Twenty's own words and field
names and takes everything out that may be a person's data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from truth_forge_sync.errors import Refused, Retry

Record = Mapping[str, Any]
"""A person, company or metadata object as JSON."""


class Unanswered(Retry):
    """The request was sent and no usable answer came: whether it took effect is not known."""


class Malformed(ValueError):
    """A successful answer that lacks a part which it always has."""


Kind = Literal["duplicate", "phone", "phone conflict", "url", "relation", "other"]


class Rejected(Refused):
    """Twenty judged the request and said no; nothing of a create took effect.

    ``kind`` is what it objects to, ``twenty_field`` the field that it names (``emails.primaryEmail``), if any.
    ``culprit`` is the value that it quotes: to find the row of a batch that it means, never to be shown.
    """

    def __init__(self, status: int, words: str, code: str = "", **where: Any) -> None:
        super().__init__(redacted(words), **where)
        self.status = status
        self.kind = _kind(words, code)
        self.twenty_field = _field(words)
        self.culprit = _culprit(words)


class NotFound(Rejected):
    """There is no record with this id."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: its records, how many there are in all, and the cursor of the next page (None: the last)."""

    records: tuple[Record, ...]
    total: int
    next: str | None


def read_page(answer: Any) -> Page:
    """A page of ``/rest/{objects}``. Raises :class:`Malformed` where any part is missing."""
    records = read_records(answer)
    info = answer.get("pageInfo")
    total = answer.get("totalCount")
    if (
        not isinstance(info, dict)
        or not isinstance(total, int)
        or not isinstance(more := info.get("hasNextPage"), bool)
    ):
        raise Malformed("a page without its page information")
    cursor = info.get("endCursor")
    if more and (not cursor or not records):
        raise Malformed("a page without the cursor of the next one")
    return Page(records, total, cursor if more else None)


def read_records(answer: Any) -> tuple[Record, ...]:
    """The list in ``{"data": {"…": […]}}``. Raises :class:`Malformed` where it is not one of records with an id."""
    records = _only_value(answer)
    if not isinstance(records, list) or not all(isinstance(each, dict) and each.get("id") for each in records):
        raise Malformed("an answer without its list of records")
    return tuple(records)


def read_record(answer: Any) -> Record:
    """The record in ``{"data": {"…": {…}}}``. Raises :class:`Malformed`."""
    record = _only_value(answer)
    if not isinstance(record, dict) or not record.get("id"):
        raise Malformed("an answer without its record")
    return record


def _only_value(answer: Any) -> Any:
    # The key ("people", "createPeople", "updatePeople") repeats what was asked; there is always exactly one.
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict) or len(data) != 1:
        raise Malformed("an answer without its data")
    return next(iter(data.values()))


def error_words(body: Any) -> tuple[str, str]:
    """The text and the code of an error answer, in any of Twenty's shapes: the usual one, Nest's, metadata's."""
    if isinstance(body, str):
        return body, ""
    if not isinstance(body, dict):
        return "", ""
    found: list[str] = []
    for error in _metadata_errors(body):
        found.append(str(error.get("message", "")))
    if not found:
        texts = body.get("messages") or body.get("message") or []
        found = [str(text) for text in (texts if isinstance(texts, list) else [texts])]
    return "; ".join(text for text in found if text), str(body.get("code") or "")


def _metadata_errors(body: Mapping[str, Any]) -> list[Record]:
    errors = body.get("errors")
    groups = errors.get("fieldMetadata", []) if isinstance(errors, dict) else []
    return [error for group in groups if isinstance(group, dict) for error in group.get("errors", [])]


def _kind(words: str, code: str) -> Kind:
    if "duplicate entry" in words or words.startswith("Multiple records found"):
        return "duplicate"
    if code.startswith("CONFLICTING_PHONE"):
        return "phone conflict"
    if code.startswith("INVALID_PHONE"):
        return "phone"
    if code == "INVALID_URL":
        return "url"
    return "relation" if "foreign key constraint" in words else "other"


_NAMED_FIELD = re.compile(
    r"""\b(?:field "([\w.]+)"|doesn't have any "(\w+)" field|subfield \w+ for \w+ field "(\w+)")""",
)


def _field(words: str) -> str | None:
    found = _NAMED_FIELD.search(words)
    return next((name for name in found.groups() if name), None) if found else None


_QUOTED_VALUE = re.compile(
    r"""[Vv]alue '(.*)'|[Vv]alue "(.*)"|number is invalid (.+)|Invalid (?:country|calling) code (\S+)""", re.S
)


def _culprit(words: str) -> str | None:
    found = _QUOTED_VALUE.search(words)
    return next((value for value in found.groups() if value), None) if found else None


_SCHEMA_WORDS = re.compile(r'(?:field|table|constraint|have any|subfield) "[\w.]+"')

_PERSONAL: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(number is invalid|Invalid (?:country|calling) code)\b.*", re.S), r"\1"),
    (re.compile(r"(?<!\w)'.*'(?!\w)", re.S), "'…'"),
    (re.compile(r"(?<=[Vv]alue )\".*\"(?= is| for)", re.S), '"…"'),
    (re.compile(r"(?<=value )[^'\"…]\S*(?= for)"), "…"),
    (re.compile(r"\([^()]*\)"), "(…)"),
    (re.compile(r"https?://\S+"), "…"),
    (re.compile(r"\S*@\S*"), "…"),
    (re.compile(r"\+?\d[\d\s-]{2,}"), "… "),
)


def redacted(words: str) -> str:
    """Twenty's words without any value: quoted texts, numbers, addresses and lists in brackets become an ellipsis."""
    kept = {found: f"\x01{position}\x02" for position, found in enumerate(_SCHEMA_WORDS.findall(words))}
    for found, mark in kept.items():
        words = words.replace(found, mark)
    for pattern, instead in _PERSONAL:
        words = pattern.sub(instead, words)
    words = re.sub(r'"[^"]*"', '"…"', words)
    for found, mark in kept.items():
        words = words.replace(mark, found)
    return words.strip()[:300]
