"""GoogleSQL in DuckDB's dialect, each statement transpiled once for all processes and cycles.

Statements differ from cycle to cycle only in generated ids and times. What is kept is a statement's *shape*, with those
taken out, in a file beside the hub: parsing takes longer than running for a small cycle.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path

import sqlglot

_GENERATED = re.compile(
    r"\d{8}T\d{6}_[0-9a-f]{8}"  # cycles, batches and pushes
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"  # runs
    r"|\b\d{16}\b"  # times in microseconds, and numbers as wide (hub.wide)
)
"""What differs from cycle to cycle. Anything else that does would be transpiled, and kept, for each of them."""


class Dialect:
    """Transpiled statements, kept in the JSON file ``path``; another version of sqlglot starts it anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._shapes: dict[str, str] | None = None
        self._grown = False

    def of(self, sql: str) -> str:
        """One GoogleSQL statement, as DuckDB takes it."""
        found = list(dict.fromkeys(_GENERATED.findall(sql)))
        stand_ins = {text: _stand_in(text, number) for number, text in enumerate(found)}
        shape = _GENERATED.sub(lambda match: stand_ins[match[0]], sql)
        shapes = self._load()
        if shape not in shapes:
            shapes[shape] = _transpiled(shape)
            self._grown = True
        text = shapes[shape]
        for generated, stand_in in stand_ins.items():
            text = text.replace(stand_in, generated)
        return text

    def save(self) -> None:
        """Keep what is new. Two processes may do so at once: each writes a whole file, and the last one stays."""
        if self._grown and self._shapes is not None:
            mine = self._path.with_suffix(f".{os.getpid()}.tmp")
            mine.write_text(json.dumps({"sqlglot": sqlglot.__version__, "shapes": self._shapes}))
            mine.replace(self._path)
            self._grown = False

    def _load(self) -> dict[str, str]:
        if self._shapes is None:
            try:
                kept = json.loads(self._path.read_text())
            except (FileNotFoundError, ValueError):
                kept = {}
            self._shapes = kept["shapes"] if kept.get("sqlglot") == sqlglot.__version__ else {}
        return self._shapes


@cache
def _transpiled(shape: str) -> str:
    (text,) = sqlglot.transpile(shape, read="bigquery", write="duckdb", unsupported_level=sqlglot.ErrorLevel.IGNORE)
    return text


def _stand_in(text: str, number: int) -> str:
    return f"{9_000_000_000_000_000 + number}" if text.isdigit() else f"generated{number:02}id"
