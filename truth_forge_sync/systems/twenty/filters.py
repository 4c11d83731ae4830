"""The filter language of Twenty's REST API, and what it cannot say (facts, section 1).

Values are quoted but inner quotes are not escaped, brackets must balance over the whole filter, an ``in`` list is split
at every comma, and the word NULL means null even in quotes. A text with any of these is searched by ``like`` with the
wildcard ``_`` in place of each character that the language would trip over; the caller compares the answers exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

EVEN_DELETED = "or(deletedAt[is]:NULL,deletedAt[is]:NOT_NULL)"
"""Mentioning ``deletedAt`` is what makes soft-deleted rows visible."""

_LONGEST = 6_500
"""Bytes of an encoded filter: the request line has to stay under 8 KB, the default of common proxies."""

_LONGEST_TEXT = 200
_TROUBLE = frozenset("\"'()[]{},:\\%&?#\n\r\t")


def all_of(*conditions: str) -> str:
    return conditions[0] if len(conditions) == 1 else f"and({','.join(conditions)})"


def any_of(conditions: Sequence[str]) -> str:
    return conditions[0] if len(conditions) == 1 else f"or({','.join(conditions)})"


def one_of(field: str, values: Iterable[str]) -> str:
    """``field`` is any of ``values``, none of which may hold a comma or a bracket (ids, plain addresses)."""
    return f"{field}[in]:[{','.join(values)}]"


def as_seen(native_id: str, version: str) -> str:
    """The row while it still has this ``updatedAt``: the compare of compare-and-swap. Finds no soft-deleted row."""
    return f'and(id[eq]:{native_id},updatedAt[eq]:"{version}")'


def changed_between(since: datetime | None, until: datetime | None) -> str:
    """Rows with ``since <= updatedAt < until``, soft-deleted ones too.

    The filter knows milliseconds and the rows microseconds, so that the window is widened to whole milliseconds.
    """
    bounds = []
    if since is not None:
        bounds.append(f'updatedAt[gte]:"{_milliseconds(since)}"')
    if until is not None:
        bounds.append(f'updatedAt[lt]:"{_milliseconds(until + timedelta(microseconds=999))}"')
    return all_of(*bounds, EVEN_DELETED)


def _milliseconds(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def text_is(field: str, text: str) -> str:
    """A condition that finds every row whose ``field`` is ``text``, and perhaps others."""
    plain = len(text) <= _LONGEST_TEXT and not _TROUBLE.intersection(text) and text.upper() not in ("NULL", "NOT_NULL")
    if plain:
        return f'{field}[eq]:"{text}"'
    pattern = "".join("_" if character in _TROUBLE else character for character in text[:_LONGEST_TEXT])
    if text.upper() in ("NULL", "NOT_NULL"):
        pattern = pattern[:-1] + "_"
    return f'{field}[like]:"{pattern}{"%" if len(text) > _LONGEST_TEXT else ""}"'


def in_batches(conditions: Iterable[str], most: int) -> Iterator[list[str]]:
    """The conditions in lists of at most ``most`` that fit into one request line."""
    batch: list[str] = []
    length = 0
    for condition in conditions:
        size = len(quote(condition, safe=",:()")) + 1
        if batch and (length + size > _LONGEST or len(batch) == most):
            yield batch
            batch, length = [], 0
        batch.append(condition)
        length += size
    if batch:
        yield batch
