"""A person at an SQL prompt: edits a contacts table by plain SQL, knowing nothing of the program."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa


class SqlPerson:
    """:class:`~truth_forge_sync_tests.conformance.cases.Outside` over SQL, for SQLite and PostgreSQL alike."""

    def __init__(self, url: str, table: str = "contacts_master") -> None:
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        self.table = table

    def insert(self, fields: Mapping[str, Any]) -> str:
        return self.insert_many([fields])[0]

    def insert_many(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        with self.engine.begin() as connection:
            return [str(native_id) for native_id in connection.scalars(*self._insertion(rows))]

    def _insertion(self, rows: Sequence[Mapping[str, Any]]) -> tuple[sa.TextClause, dict[str, Any]]:
        names = sorted(rows[0])
        values = ", ".join(f"({', '.join(f':{name}_{n}' for name in names)})" for n in range(len(rows)))
        parameters = {f"{name}_{n}": _plain(row[name]) for n, row in enumerate(rows) for name in names}
        return sa.text(f"INSERT INTO {self.table} ({', '.join(names)}) VALUES {values} RETURNING id"), parameters

    def update(self, native_id: str, fields: Mapping[str, Any]) -> None:
        self.run(
            f"UPDATE {self.table} SET {', '.join(f'{name} = :{name}' for name in fields)} WHERE id = :id",
            id=native_id,
            **{name: _plain(value) for name, value in fields.items()},
        )

    def soft_delete(self, native_id: str) -> None:
        self.run(f"UPDATE {self.table} SET deleted_at = CURRENT_TIMESTAMP WHERE id = :id", id=native_id)

    def restore(self, native_id: str) -> None:
        self.run(f"UPDATE {self.table} SET deleted_at = NULL WHERE id = :id", id=native_id)

    def hard_delete(self, native_id: str) -> None:
        self.run(f"DELETE FROM {self.table} WHERE id = :id", id=native_id)

    @contextmanager
    def begin(self, fields: Mapping[str, Any]) -> Iterator[str]:
        """A row that only we see until the end of the block."""
        with self.engine.begin() as connection:
            yield str(connection.scalar(*self._insertion([fields])))

    def read(self, native_id: str) -> Mapping[str, Any] | None:
        with self.engine.connect() as connection:
            found = connection.execute(sa.text(f"SELECT * FROM {self.table} WHERE id = :id"), {"id": native_id})
            row = found.mappings().first()
        return None if row is None else {str(name): value for name, value in row.items()}

    def run(self, query: str, **parameters: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(query), parameters)


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value
