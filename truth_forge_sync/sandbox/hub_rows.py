"""Rows written into the hub as people write them: by SQL on ``contacts_master``, bumping nothing.

The data go through a staged table; the statements are GoogleSQL, so either engine runs them.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import Environment, PackageLoader, StrictUndefined

from truth_forge_sync.hub.engine import Engine
from truth_forge_sync.hub.hub import new_id
from truth_forge_sync.hub.statements import COLUMNS, Column
from truth_forge_sync.sandbox.seed import SeedRow

_TYPES: Mapping[str, pa.DataType] = {"BOOL": pa.bool_(), "ARRAY<STRING>": pa.list_(pa.string())}
"""How columns are staged; all others as text."""

_SOWN = pa.schema(
    [
        ("contact_id", pa.string()),
        *((column.name, _TYPES.get(column.sql_type, pa.string())) for column in COLUMNS),
        ("updated_at", pa.timestamp("us", tz="UTC")),
    ]
)
_EDIT = pa.schema([("contact_id", pa.string()), ("value", pa.string())])


def sow_hub(engine: Engine, rows: Sequence[SeedRow]) -> None:
    """Insert the rows that ``contacts_master`` lacks."""
    records = [
        {
            "contact_id": row.contact_id,
            **{column.name: _staged(column, row.fields.get(column.name)) for column in COLUMNS},
            "updated_at": row.updated_at,
        }
        for row in rows
    ]
    with _staging(engine, _SOWN, records) as staged:
        engine.script([_render("sow_hub", dataset=engine.dataset, staged=staged, columns=COLUMNS)])


def edit_hub(engine: Engine, contact_id: str, field: str, value: Any) -> None:
    """Set one field (text, ISO date text, list of text or JSON object) of one contact."""
    column = next(column for column in COLUMNS if column.name == field)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    with _staging(engine, _EDIT, [{"contact_id": contact_id, "value": text}]) as staged:
        engine.script([_render("edit_hub", dataset=engine.dataset, staged=staged, column=column)])


def _staged(column: Column, value: Any) -> Any:
    if column.kind == "list":
        return value or []
    return json.dumps(value, ensure_ascii=False) if column.kind == "json" and value is not None else value


@contextmanager
def _staging(engine: Engine, schema: pa.Schema, records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The name of a table with these records, for the length of the block."""
    name = f"sandbox_{new_id()}"
    with tempfile.TemporaryDirectory(prefix="truth-forge-") as folder, engine.session():
        path = Path(folder) / "rows.parquet"
        pq.write_table(pa.Table.from_pylist([dict(record) for record in records], schema=schema), path)
        engine.load(name, schema, path)
        try:
            yield name
        finally:
            engine.script([f"DROP TABLE IF EXISTS {engine.dataset}.{name}"])


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("truth_forge_sync.sandbox", "sql"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


def _render(name: str, **identifiers: Any) -> str:
    return _environment().get_template(f"{name}.sql").render(**identifiers)
