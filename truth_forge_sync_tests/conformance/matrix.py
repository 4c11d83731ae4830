"""Which system passes which case, and the cards of all systems, as ``docs/conformance.md``.

    python -m truth_forge_sync_tests.conformance.matrix

No test is run: a system's test class either has a case of the suite, or says why its nature excludes it.
"""

from __future__ import annotations

import ast
import inspect
import re
import string
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TypeGuard

from truth_forge_sync.systems import protocol
from truth_forge_sync.systems.protocol import Capabilities
from truth_forge_sync_tests import systems
from truth_forge_sync_tests.conformance.round_trips import ROUND_TRIPS
from truth_forge_sync_tests.conformance.suite import SystemConformance

FILE = Path(__file__).parents[2] / "docs" / "conformance.md"

HEAD = """\
# What every system passes

Written by `make matrix` from the suite in `truth_forge_sync_tests/conformance/`: one line a case, one column a system.
*yes*: the system's tests have the case, in as many variants as the number says, and it must pass. A letter: its nature
excludes the case, for the reason below the tables.
"""

PARTS = [part for part in SystemConformance.__bases__ if part.__name__ != "Cases"]

Suite = type[SystemConformance]


def all_systems() -> list[Suite]:
    """Every test class that inherits the suite, in the order of their files' names, the one in memory last."""
    for module in iter_modules(systems.__path__):
        if module.name.startswith("test_"):
            import_module(f"{systems.__name__}.{module.name}")
    found = SystemConformance.__subclasses__()
    return sorted(found, key=lambda suite: (suite.title == "in memory", suite.__module__))


def matrix(suites: Sequence[Suite]) -> str:
    """The whole document."""
    reasons: dict[str, str] = {}
    sections = [HEAD]
    for part in PARTS:
        rows = [[_words(name), *(_mark(suite, name, case, reasons) for suite in suites)] for name, case in _cases(part)]
        sections.append(f"## {part.__name__}\n\n{_table(['case', *(suite.title for suite in suites)], rows)}")
    sections.append(_reasons(reasons))
    sections.append(_round_trips())
    sections.append(_cards(suites))
    return "\n".join(sections)


def _cases(part: type) -> Iterator[tuple[str, Callable[..., None]]]:
    return ((name, case) for name, case in vars(part).items() if name.startswith("test_"))


def _words(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def _mark(suite: Suite, name: str, case: Callable[..., None], reasons: dict[str, str]) -> str:
    if reason := suite.excluded(name):
        return reasons.setdefault(reason, string.ascii_lowercase[len(reasons)])
    variants = 1
    for mark in getattr(case, "pytestmark", []):
        variants *= len(mark.args[1]) if mark.name == "parametrize" else 1
    return "yes" if variants == 1 else f"yes ({variants})"


def _reasons(reasons: dict[str, str]) -> str:
    listed = "".join(f"- {letter}: {reason}\n" for reason, letter in reasons.items())
    return f"## Why a case is left out\n\n{listed}"


def _round_trips() -> str:
    words = "## Values that come back as they were sent\n\nCanonical → system → canonical, one case each:"
    kinds = "; ".join(trip.name for trip in ROUND_TRIPS)
    return "\n".join((words, *textwrap.wrap(f"{kinds}.", 120))) + "\n"


def _cards(suites: Sequence[Suite]) -> str:
    """The capabilities of the systems, a line an entry, and what each entry means."""
    meanings = _meanings(Capabilities)
    entries = [entry.name for entry in fields(Capabilities)]
    rows = [[f"`{entry}`", *(_value(getattr(suite.card, entry)) for suite in suites)] for entry in entries]
    explained = "".join(f"- `{entry}`: {meanings[entry]}\n" for entry in entries)
    table = _table(["entry", *(suite.title for suite in suites)], rows)
    head = "## The cards of the systems\n\n`Capabilities` in `truth_forge_sync/systems/protocol.py`."
    return f"{head}\n\n{table}\n{explained}"


def _meanings(card: type) -> dict[str, str]:
    """The texts below the entries of a dataclass, which Python itself does not keep."""
    (tree,) = (node for node in ast.parse(inspect.getsource(protocol)).body if _is_class(node, card.__name__))
    meanings = {}
    for entry, below in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(entry, ast.AnnAssign) and isinstance(entry.target, ast.Name) and isinstance(below, ast.Expr):
            text = " ".join(str(ast.literal_eval(below.value)).split())
            meanings[entry.target.id] = _plain(text)
    return meanings


def _is_class(node: ast.stmt, name: str) -> TypeGuard[ast.ClassDef]:
    return isinstance(node, ast.ClassDef) and node.name == name


def _plain(text: str) -> str:
    """A docstring without the roles of its references."""
    return re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text).replace("``", "`")


def _value(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case timedelta():
            return _duration(value)
        case tuple():
            return "; ".join(value) or "nothing"
        case int():
            return f"{value:,}"
        case _:
            raise TypeError(f"no words for a {type(value).__name__} of the card")


UNITS = (
    ("min", timedelta(minutes=1)),
    ("s", timedelta(seconds=1)),
    ("ms", timedelta(milliseconds=1)),
    ("µs", timedelta(microseconds=1)),
)


def _duration(value: timedelta) -> str:
    """In the largest unit of which it is a whole number."""
    return next((f"{value // unit} {name}" for name, unit in UNITS if value and not value % unit), "0 s")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    FILE.write_text(matrix(all_systems()), encoding="utf-8")
