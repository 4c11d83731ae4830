"""The hub's statements: GoogleSQL in ``sql/*/*.sql``, with generated identifiers filled in by Jinja.

What is rendered is never data: the dataset, table names of a cycle, and the columns that derive from the contact's
declaration. A file holds one or more statements, each ended by ``;`` at the end of a line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from truth_forge_sync.contact import DELETED, FIELDS
from truth_forge_sync.fields import Field, FieldType

FOLDER = Path(__file__).parent / "sql"
"""Its folders only sort the files: a file is called by its bare name."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]+")

SQL_TYPES = {
    FieldType.DATE: "DATE",
    FieldType.BOOLEAN: "BOOL",
    FieldType.EMAIL_LIST: "ARRAY<STRING>",
    FieldType.PHONE_LIST: "ARRAY<STRING>",
    FieldType.JSON: "JSON",
}
"""GoogleSQL types of the wide table's columns; every other field is a STRING."""


@dataclass(frozen=True, slots=True)
class Column:
    """A field as a column of ``contacts_master``."""

    name: str
    sql_type: str
    kind: str
    """``scalar``, ``list`` or ``json``: how the pivot reads it from its paths."""

    @classmethod
    def of(cls, field: Field) -> Column:
        kind = "list" if field.type.is_list else "json" if field.type is FieldType.JSON else "scalar"
        return cls(field.name, SQL_TYPES.get(field.type, "STRING"), kind)


COLUMNS = tuple(Column.of(field) for field in FIELDS)


def _paths_of(element: FieldType) -> list[Field]:
    return [field for field in FIELDS if field.type.element is element]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(sorted(FOLDER.iterdir())),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.globals.update(
        columns=COLUMNS,
        deleted=DELETED,
        email_fields=_paths_of(FieldType.EMAIL),
        phone_fields=_paths_of(FieldType.PHONE),
        list_fields=[field for field in FIELDS if field.type.is_list],
    )
    return environment


def render(name: str, *, dataset: str, **identifiers: Any) -> Sequence[str]:
    """The statements of the file ``{name}.sql``, in order. ``identifiers`` fill its placeholders.

    Raises ValueError where a text among them is not a plain identifier, so that no data can slip in.
    """
    for value in (dataset, *_texts(identifiers.values())):
        if not _IDENTIFIER.fullmatch(value):
            raise ValueError(f"{name}.sql: not an identifier: {value!r}")
    text = _environment().get_template(f"{name}.sql").render(dataset=dataset, **identifiers)
    return tuple(statement for part in re.split(r";[ \t]*(?:\n|$)", text) if _is_sql(statement := part.strip()))


def declared_tables(dataset: str) -> dict[str, dict[str, str]]:
    """Every table of schema.sql, with the type of each of its columns."""
    from sqlglot import exp, parse_one  # a third of a second, for init alone

    tables = {}
    for statement in render("schema", dataset=dataset):
        tree = parse_one(statement, read="bigquery").find(exp.Schema)
        assert tree is not None, "schema.sql only creates tables"
        columns = (column for column in tree.expressions if isinstance(column, exp.ColumnDef))
        tables[tree.this.name] = {column.name: column.args["kind"].sql("bigquery") for column in columns}
    return tables


def _texts(values: Any) -> list[str]:
    found: list[str] = []
    for value in values:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, list | tuple):
            found.extend(_texts(value))
    return found


def _is_sql(statement: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("--") for line in statement.splitlines())
