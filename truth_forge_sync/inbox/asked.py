"""Ids as people type them: the beginning is enough where it is the beginning of one id only.

What is typed reaches SQL as rows of a small table, never as text.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from truth_forge_sync.errors import Stop
from truth_forge_sync.hub.hub import Hub, new_id

ASKED = pa.schema([("asked", pa.string())])
"""Beginnings of ids."""


def rows_asked(
    hub: Hub, name: str, texts: Sequence[str], *, by: str = "asked", **identifiers: Any
) -> list[dict[str, Any]]:
    """The rows of ``sql/{name}.sql``, which reads ``texts`` from the manifest that its placeholder ``by`` names."""
    with tempfile.TemporaryDirectory(prefix="truth-forge-") as folder:
        path = Path(folder) / "manifest.parquet"
        pq.write_table(pa.Table.from_pylist([{"asked": text} for text in texts], schema=ASKED), path)
        batch = new_id()
        with hub.engine.session():
            hub.engine.load(f"sync_manifest_{batch}", ASKED, path)
            rows = hub.rows(name, **{by: batch}, **identifiers)
            hub.engine.drop([f"sync_manifest_{batch}"])
    return rows


def found(
    rows: Sequence[Mapping[str, Any]], texts: Sequence[str], *, key: str, what: str, listed_by: str
) -> list[Mapping[str, Any]]:
    """The one row of each text, in the order of the texts and none of them twice; a text that is an id wins over those
    that it is the beginning of. ``key`` is the id's column, and each row says in ``asked`` which text it answers.

    Raises Stop for a text that begins no id, or several; ``listed_by`` is the command that lists every ``what``.
    """
    chosen: dict[str, Mapping[str, Any]] = {}
    for text in texts:
        answers = [row for row in rows if row["asked"] == text]
        row = next((answer for answer in answers if answer[key] == text), None)
        if row is None:
            if not answers or not text:
                raise Stop(f"there is no {what} {text!r}", remedy=f"list the ids with: truth-forge-sync {listed_by}")
            if len(answers) > 1:
                raise Stop(f"{text!r} is the beginning of several ids", remedy=f"type more of the {what}'s id")
            row = answers[0]
        chosen.setdefault(row[key], row)
    return list(chosen.values())
