"""A few PostgreSQL connections, shared by the requests of one server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from truth_forge_sync.sandbox.supabase.catalogue import Connection

SIZE = 8


class Pool:
    """At most `SIZE` connections, opened when needed and kept. For one event loop."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._turns = asyncio.Semaphore(SIZE)
        self._idle: list[Connection] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a transaction, committed at the end of the block unless it raises."""
        async with self._turns:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                async with connection.transaction():
                    yield connection
            finally:
                # A broken connection means a server that restarted: the idle ones are broken as well.
                if connection.closed:
                    await self.close()
                else:
                    self._idle.append(connection)

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            await self._idle.pop().close()

    async def _connect(self) -> Connection:
        # PostgREST prints every timestamp in UTC.
        return await psycopg.AsyncConnection.connect(self._dsn, autocommit=True, options="-c timezone=UTC")
