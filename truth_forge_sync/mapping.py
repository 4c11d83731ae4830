"""``truth_forge_sync.toml`` beside ``dagster.yaml``: what a user changes about fields without touching the package.

::

    [fields.shirt_size]                # a field of one's own: a column in the hub and in every system
    type = "choice"                    # text email phone url date boolean choice email_list phone_list json
    choices = ["S", "M", "L"]

    [fields.notes]                     # who has the say over a field, one's own or not (DESIGN law 5)
    authority = ["twenty", "local"]

    [systems.supabase]
    leave_out = ["ai_insights"]        # neither read nor written there
    columns = { job_title = "position" }

    [systems.twenty]
    columns = { shirt_size = "tShirt" }  # the names of custom fields

The file is read once, when the program starts; a mistake in it is told with its line, and nothing runs. Without a file
everything is as CONTRACT.md has it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from truth_forge_sync.errors import Stop
from truth_forge_sync.fields import BUILT_IN, Field, FieldType, Policy
from truth_forge_sync.home import find_home

if TYPE_CHECKING:
    from truth_forge_sync.mapping_file import MappingFile

FILE = "truth_forge_sync.toml"


@dataclass(frozen=True, slots=True)
class Columns:
    """The fields that one system is to hold, each with its name there. ``named``: {field: name}."""

    named: Mapping[str, str]

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(self.named)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.named.values())

    def among(self, names: Iterable[str]) -> Columns:
        """Those of them that are there."""
        there = frozenset(names)
        return Columns({field: name for field, name in self.named.items() if name in there})

    def read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """{field: value} of a row {column: value}."""
        return {field: row[name] for field, name in self.named.items() if name in row}

    def written(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """{column: value} of {field: value}; what is no field keeps its name."""
        return {self.named.get(name, name): value for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Contacts:
    """Every field there is, and per system what it calls (``renamed``: {system: {field: name}}) and does not hold."""

    fields: tuple[Field, ...] = BUILT_IN
    renamed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    left_out: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def columns(self, system: str) -> Columns:
        """For a system whose columns have the fields' names by default."""
        names = self.renamed.get(system, {})
        out = self.left_out.get(system, frozenset())
        return Columns({one.name: names.get(one.name, one.name) for one in self.fields if one.name not in out})


@cache
def mapping() -> Contacts:
    """The user's mapping; raises Stop where the file can't be understood."""
    home = find_home()
    path = home / FILE if home else None
    return read_mapping(path) if path and path.is_file() else Contacts()


def read_mapping(path: Path) -> Contacts:
    """Raises Stop that tells every mistake of the file, with its line."""
    from truth_forge_sync.mapping_file import mistakes, parse

    text = path.read_text(encoding="utf-8")
    remedy = f"correct {path.name}; docs/mapping.md shows what it may say"
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Stop(f"{path.name}: {error}", remedy=remedy) from None
    parsed, found = parse(raw)
    found = found if parsed is None else list(mistakes(parsed))
    if parsed is None or found:
        raise Stop("; ".join(_told(path.name, text, key, what) for key, what in found), remedy=remedy)
    return _contacts(parsed)


def _contacts(file: MappingFile) -> Contacts:
    declared = {one.name: one for one in BUILT_IN}
    for name, said in file.fields.items():
        before = declared.get(name) or _own(name, said.type or FieldType.TEXT, said.choices)
        policy = Policy.AUTHORITY if said.authority else before.policy
        declared[name] = replace(before, policy=policy, authority=said.authority)
    return Contacts(
        tuple(declared.values()),
        {system: said.columns for system, said in file.systems.items()},
        {system: frozenset(said.leave_out) for system, said in file.systems.items()},
    )


def _own(name: str, type_: FieldType, choices: tuple[str, ...]) -> Field:
    policy = Policy.UNION if type_.is_list else Policy.PER_KEY if type_ is FieldType.JSON else Policy.LATEST
    return Field(name, type_, policy, choices)


# -- where it stands --------------------------------------------------------------------------------------------------


def _told(name: str, text: str, key: Sequence[str], what: str) -> str:
    return f"{name}, line {_line_of(text, key)}, {'.'.join(key)}: {what}"


def _line_of(text: str, key: Sequence[str]) -> int:
    """The line that says most of the key (tomllib keeps no positions)."""
    best = max(_keys(text), key=lambda there: _in_common(there[1], key), default=(1, ()))
    return best[0] if _in_common(best[1], key) else 1


def _keys(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Every line that begins a table or a key, with the whole key."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+([^]]+)]", line):
            table = _parts(header[1])
            yield number, table
        elif assigned := re.match(r"\s*([\w\".'\s-]+?)\s*=", line):
            yield number, (*table, *_parts(assigned[1]))


def _parts(key: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in key.split("."))


def _in_common(there: Sequence[str], key: Sequence[str]) -> int:
    """How many leading parts they share; none where either goes another way."""
    shared = min(len(there), len(key))
    return shared if tuple(there[:shared]) == tuple(key[:shared]) else 0
