"""The grammar of `filter=` (facts, section 1, Filter): text in, a tree of conditions out. No field is looked up here.

    filter     = conjunction | condition | filter "," filter          a bare list means and(…)
    conjunction = ("and" | "or" | "not") "(" filter ")"
    condition  = field["." subfield] "[" operator "]:" value

Quotes around a value are optional and inner quotes aren't escaped; parentheses must balance in the whole text, those in
values included; a list `[a,b]` is split at every comma.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from truth_forge_sync.sandbox.twenty.errors import bad_request

OPERATORS = (
    "eq",
    "neq",
    "in",
    "containsAny",
    "is",
    "gt",
    "gte",
    "lt",
    "lte",
    "startsWith",
    "endsWith",
    "like",
    "ilike",
)

_CONJUNCTION = re.compile(r"(and|or|not)\((.+)\)")
_CONDITION = re.compile(r"(.+)\[(.+)\]:(.+)")
_QUOTES = ('"', "'")


@dataclass(frozen=True)
class Condition:
    """`path` is a field and perhaps a subfield; `values` holds one value, several for `in` and `containsAny`."""

    path: tuple[str, ...]
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Conjunction:
    word: Literal["and", "or", "not"]
    parts: tuple[Filter, ...]


Filter = Condition | Conjunction


def parse_filter(text: str) -> Filter:
    """Raises 400 when brackets don't balance or a condition can't be read."""
    _check_brackets(text)
    return _parse(text if _CONJUNCTION.fullmatch(text) else f"and({text})")


def conditions(tree: Filter) -> Iterator[Condition]:
    """All conditions of the tree, in order."""
    if isinstance(tree, Condition):
        yield tree
    else:
        for part in tree.parts:
            yield from conditions(part)


def mentions(tree: Filter, field: str) -> bool:
    """Whether any condition names `field`: naming deletedAt brings soft-deleted rows to light (facts, section 5)."""
    return any(condition.path[0] == field for condition in conditions(tree))


def _check_brackets(text: str) -> None:
    difference = text.count("(") - text.count(")")
    if difference:
        count = abs(difference)
        kind = "close" if difference > 0 else "open"
        verb = "bracket is" if count == 1 else "brackets are"
        raise bad_request(f"'filter' invalid. {count} {kind} {verb} missing in the query")


def _parse(text: str) -> Filter:
    match = _CONJUNCTION.fullmatch(text)
    if match is None:
        return _condition(text)
    parts = tuple(_parse(part) for part in _split(text))
    if match[1] == "not":
        if len(parts) > 1:
            raise bad_request(
                "'filter' invalid. 'not' conjunction should contain only 1 condition. eg: not(field[eq]:1)"
            )
        return Conjunction("not", parts)
    return Conjunction("and" if match[1] == "and" else "or", parts)


def _split(text: str) -> list[str]:
    """The parts between the outer parentheses, at commas outside of brackets and quotes."""
    parts: list[str] = []
    current = ""
    depth = brackets = 0
    quoted = {'"': False, "'": False}
    for character in text:
        if character == ")":
            depth -= 1
        elif character in "[]":
            brackets += 1 if character == "[" else -1
        elif character in quoted:
            quoted[character] = not quoted[character]
        if character == "," and depth == 1 and brackets == 0 and not any(quoted.values()):
            parts.append(current)
            current = ""
            continue
        if depth >= 1:
            current += character
        if character == "(":
            depth += 1
    parts.append(current)
    return parts


def _condition(text: str) -> Condition:
    if _CONDITION.fullmatch(text) is None:
        raise bad_request(f"'filter' invalid for '{text}'. eg: price[gte]:10")
    path, _, rest = text.partition("[")
    operator, _, value = rest.partition("]:")
    if operator not in OPERATORS:
        raise bad_request(
            f"'filter' invalid for '{text}', comparator {operator} not in {','.join(OPERATORS)}",
        )
    return Condition(tuple(path.split(".")), operator, _values(operator, value))


def _values(operator: str, text: str) -> tuple[str, ...]:
    if operator in ("in", "containsAny"):
        if not (text.startswith("[") and text.endswith("]")) or text == "[]":
            raise bad_request(
                f"'filter' invalid for '{operator}' operator. Received '{text}' but array value expected "
                f"eg: 'field[{operator}]:[value_1,value_2]'",
            )
        return tuple(_unquoted(item) for item in text[1:-1].split(","))
    return (text if operator == "is" else _unquoted(text),)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES else text
