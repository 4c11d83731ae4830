"""The events of a run are written through connections that stay open until it ends.

Dagster's SQLite storage opens the database anew for each event, and folds in what was written when it closes it. A
cycle that has nothing to do is a hundred and twenty events, and this took two thirds of its time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sql
from dagster import DagsterInstance
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS


@contextmanager
def kept_open(instance: DagsterInstance) -> Iterator[None]:
    """For the process that carries out a run. Another kind of storage is left as it is."""
    storage = instance.event_log_storage
    if type(storage) is not SqliteEventLogStorage:
        yield
        return
    databases = _Databases(storage)
    storage._connect = databases.connect  # type: ignore[method-assign]
    try:
        yield
    finally:
        storage._connect = databases.made_by_dagster  # type: ignore[method-assign]
        databases.close()


class _Databases:
    """One of all runs together, and one of each run: a *shard*."""

    def __init__(self, storage: SqliteEventLogStorage) -> None:
        self._storage = storage
        self.made_by_dagster = storage._connect
        self._engines: dict[str, sql.Engine] = {}

    @contextmanager
    def connect(self, shard: str) -> Iterator[sql.Connection]:
        """A transaction in it. One at a time, as Dagster has it."""
        if shard not in self._engines:
            with self.made_by_dagster(shard):
                self._engines[shard] = _engine(self._storage.conn_string_for_shard(shard))
        with self._storage._db_lock, self._engines[shard].connect() as connection, connection.begin():
            yield connection
        if shard != INDEX_SHARD_NAME:
            # The web server looks for new events of a run when its file was touched.
            os.utime(self._storage.path_for_shard(shard))

    def close(self) -> None:
        for engine in self._engines.values():
            engine.dispose()


def _engine(url: str) -> sql.Engine:
    given = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    engine = sql.create_engine(url, poolclass=sql.StaticPool, connect_args=given)

    @sql.event.listens_for(engine, "connect")
    def _(connection: sql.engine.interfaces.DBAPIConnection, _record: object) -> None:
        # A power cut may take the last events of a run, but leaves the file whole.
        connection.execute("PRAGMA synchronous = NORMAL")

    return engine
