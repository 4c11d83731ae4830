"""The lease on a hub in BigQuery: the description of an empty table, changed only if nobody else changed it meanwhile.

A table's metadata is read and written in a fraction of a second, is no DML and costs nothing; BigQuery refuses an
update whose etag is not the table's any more (docs: tables.update, If-Match).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from google.api_core import exceptions as google
from google.cloud import bigquery

_TABLE = "sync_lease"


class TableLease:
    """``holder``: our installation; ``calls``: maps errors to ours."""

    def __init__(
        self,
        client: Callable[[], bigquery.Client],
        dataset: str,
        holder: str,
        calls: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._client = client
        self._dataset = dataset
        self._holder = holder
        self._calls = calls

    def claim(self, seconds: float) -> str | None:
        with self._calls():
            table = self._table()
            if other := self._other(table):
                return other
            try:
                self._write(table, {"holder": self._holder, "until": time.time() + seconds})
            except google.PreconditionFailed:  # somebody was quicker
                return self._other(self._table())
        return None

    def other_holder(self) -> str | None:
        with self._calls():
            try:
                return self._other(self._client().get_table(self._name))
            except google.NotFound:
                return None

    def release(self) -> None:
        with self._calls():
            table = self._table()
            if self._said(table).get("holder") == self._holder:
                try:
                    self._write(table, {})
                except google.PreconditionFailed:
                    return  # it had run out, and is somebody else's by now

    @property
    def _name(self) -> str:
        return f"{self._client().project}.{self._dataset}.{_TABLE}"

    def _table(self) -> bigquery.Table:
        try:
            return self._client().get_table(self._name)
        except google.NotFound:
            empty = bigquery.Table(self._name, schema=[bigquery.SchemaField("nothing", "STRING")])
            return self._client().create_table(empty, exists_ok=True)

    def _write(self, table: bigquery.Table, said: dict[str, object]) -> None:
        table.description = json.dumps(said)
        self._client().update_table(table, ["description"])

    def _said(self, table: bigquery.Table) -> dict[str, object]:
        try:
            said: dict[str, object] = json.loads(table.description or "{}")
        except ValueError:  # a person wrote there
            return {}
        return said

    def _other(self, table: bigquery.Table) -> str | None:
        """Its holder, where that is another installation and its time is not over."""
        said = self._said(table)
        holder, until = said.get("holder"), said.get("until")
        living = isinstance(until, float) and until > time.time()
        return str(holder) if holder and holder != self._holder and living else None
