"""The routes: /rest/v1/{table} and /rest/v1/rpc/{function}, behind the checks of a hosted project's gateway."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import psycopg
from psycopg import sql
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from truth_forge_sync.sandbox.faults import FaultMiddleware, Faults
from truth_forge_sync.sandbox.supabase import errors, grammar, statements
from truth_forge_sync.sandbox.supabase import request as requests
from truth_forge_sync.sandbox.supabase.catalogue import Catalogue, Connection, Function, Table, functions
from truth_forge_sync.sandbox.supabase.errors import ApiError
from truth_forge_sync.sandbox.supabase.grammar import Clause
from truth_forge_sync.sandbox.supabase.pool import Pool

MAX_ROWS: Final = 1000
"""Rows in one answer, whatever a client asks: the default of hosted projects."""

MAX_HEADER_BYTES: Final = 20_480
"""Request line and headers together. Measured: `in` with 400 uuids (16 KB) passes, with 600 (24 KB) is refused."""


def create_supabase_app(dsn: str, key: str, faults: Faults | None = None, *, max_rows: int = MAX_ROWS) -> Starlette:
    """A project whose only API key is `key` (`sb_secret_…` or a JWT), over the PostgreSQL at `dsn` (a libpq URL).

    `faults` makes requests fail on purpose.
    """
    project = _Project(dsn, max_rows)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await project.pool.close()

    return Starlette(
        routes=[
            Route("/rest/v1/rpc/{function}", _answering(project.call), methods=["GET", "POST"]),
            Route("/rest/v1/{table}", _answering(project.read), methods=["GET", "HEAD"]),
            Route("/rest/v1/{table}", _answering(project.insert), methods=["POST"]),
            Route("/rest/v1/{table}", _answering(project.update), methods=["PATCH"]),
            Route("/rest/v1/{table}", _answering(project.delete), methods=["DELETE"]),
        ],
        middleware=[Middleware(FaultMiddleware, faults=faults or Faults()), Middleware(_Gateway, key=key)],
        lifespan=lifespan,
    )


class _Gateway:
    """Refuses what never reaches PostgREST: oversized requests (431) and wrong keys (401, without a code)."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self.app = app
        self.key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        size = len(scope["raw_path"]) + len(scope["query_string"])
        size += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
        if size > MAX_HEADER_BYTES:
            return Response("Request Header Fields Too Large", 431)
        headers = dict(scope["headers"])
        api_key: bytes | None = headers.get(b"apikey")
        bearer: bytes = headers.get(b"authorization", b"Bearer " + self.key).removeprefix(b"Bearer ")
        if api_key is None:
            return _refused(
                ApiError(
                    401, None, "No API key found in request", hint="No `apikey` request header or url param was found."
                )
            )
        if not (secrets.compare_digest(api_key, self.key) and secrets.compare_digest(bearer, self.key)):
            hint = "Double check your Supabase `anon` or `service_role` API key."
            return _refused(ApiError(401, None, "Invalid API key", hint=hint))
        return None


def _answering(handle: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """The handler with every refusal turned into its JSON answer."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handle(request)
        except ApiError as error:
            return _refused(error)
        except psycopg.Error as error:
            return _refused(errors.from_postgres(error))

    return endpoint


def _refused(error: ApiError) -> Response:
    # The answer to a HEAD has no body; the client then looks for the code in this header.
    headers = {"proxy-status": f"PostgREST; error={error.code}"} if error.code else {}
    return JSONResponse(error.body, error.status, headers=headers)


class _Project:
    """The handlers, and what they share."""

    def __init__(self, dsn: str, max_rows: int) -> None:
        self.pool = Pool(dsn)
        self.max_rows = max_rows
        self._catalogue = Catalogue()

    async def read(self, request: Request) -> Response:
        asked = requests.read_headers(request)
        async with self.pool.transaction() as connection:
            table = await self._table(connection, request)
            source = statements.from_table(table)
            return await self._answer_rows(connection, request, asked, source, table.name)

    async def insert(self, request: Request) -> Response:
        asked = requests.read_headers(request)
        body = await requests.read_rows(request)
        async with self.pool.transaction() as connection:
            table = await self._table(connection, request, writing=body.columns)
            if body.rows == 0:
                return Response("[]", 201, media_type="application/json")
            resolution = asked.prefer.get("resolution", "")
            statement = statements.insert(
                table,
                body.columns,
                body.text,
                _shape(request, asked, table.name),
                defaults=asked.prefer.get("missing") == "default",
                conflict="merge" if resolution.startswith("merge") else "ignore" if resolution else None,
                target=grammar.parse_names(request.query_params.get("on_conflict", "")),
            )
            return await self._answer_write(connection, asked, table, statement, status=201)

    async def update(self, request: Request) -> Response:
        asked = requests.read_headers(request)
        text, columns = await requests.read_object(request)
        async with self.pool.transaction() as connection:
            table = await self._table(connection, request, writing=columns)
            where = _filters(request, table.name)
            if where is None:
                raise errors.without_filter("UPDATE")
            if not columns:
                return Response("[]", 200, media_type="application/json") if asked.represented else Response(None, 204)
            statement = statements.update(table, columns, text, where, _shape(request, asked, table.name))
            return await self._answer_write(connection, asked, table, statement, status=200)

    async def delete(self, request: Request) -> Response:
        asked = requests.read_headers(request)
        async with self.pool.transaction() as connection:
            table = await self._table(connection, request)
            where = _filters(request, table.name)
            if where is None:
                raise errors.without_filter("DELETE")
            statement = statements.delete(table, where, _shape(request, asked, table.name))
            return await self._answer_write(connection, asked, table, statement, status=200)

    async def call(self, request: Request) -> Response:
        asked = requests.read_headers(request)
        # A GET is for functions that only read; here, for those without arguments.
        text, names = ("{}", []) if request.method == "GET" else await requests.read_object(request)
        async with self.pool.transaction() as connection:
            function = await _function(connection, request.path_params["function"], names)
            called = statements.call(function, names, text)
            if function.returns_rows or function.returns_set:
                source = statements.from_call(function, called)
                if function.returns_rows and not function.returns_set:
                    asked = replace(asked, single=True)
                return await self._answer_rows(connection, request, asked, source, function.name)
            text, _ = await _execute(connection, statements.scalar(called))
            return Response(None, 204) if function.returns_void else Response(text, 200, media_type="application/json")

    async def _table(self, connection: Connection, request: Request, *, writing: list[str] | None = None) -> Table:
        """The table in the path, with all the columns that a write names."""
        name = request.path_params["table"]
        table = await self._catalogue.table(connection, name, having=writing or ())
        if table is None:
            raise errors.unknown_table(name)
        for column in writing or ():
            if column not in table.columns:
                raise errors.unknown_column(name, column)
        return table

    async def _answer_rows(
        self, connection: Connection, request: Request, asked: requests.Asked, source: Clause, name: str
    ) -> Response:
        where = _filters(request, name)
        limit, offset = requests.read_page(request.query_params, asked, self.max_rows)
        total: int | None = None
        if asked.counted:
            total = (await _fetch_row(connection, statements.count(source, where)))[0]
            if offset > total:
                raise errors.not_satisfiable(f"An offset of {offset} was requested, but there are only {total} rows.")
        shape = statements.Shape(grammar.parse_select(request.query_params.get("select", ""), name), asked.strip_nulls)
        order = grammar.parse_order(request.query_params.get("order", ""), name)
        page = statements.Page(order, limit, offset)
        text, rows = await _execute(connection, statements.select(source, where, shape, page))
        covered = f"{offset}-{offset + rows - 1}" if rows else "*"
        headers = {"content-range": f"{covered}/{'*' if total is None else total}"}
        status = 206 if total is not None and rows < total else 200
        if request.method == "HEAD":
            return Response(None, status, headers=headers, media_type="application/json")
        return _printed(asked, text, rows, status, headers)

    async def _answer_write(
        self, connection: Connection, asked: requests.Asked, table: Table, statement: Clause, *, status: int
    ) -> Response:
        try:
            text, rows = await _execute(connection, statement)
        except psycopg.errors.SyntaxErrorOrAccessRuleViolation:
            self._catalogue.forget(table.name)
            raise
        most = asked.prefer.get("max-affected")
        if asked.prefer.get("handling") == "strict" and most is not None and rows > int(most):
            raise errors.too_many_affected(rows)
        headers = {"content-range": f"*/{rows if asked.counted else '*'}"}
        if not asked.represented:
            return Response(None, 201 if status == 201 else 204, headers=headers)
        return _printed(asked, text, rows, status, headers)


def _filters(request: Request, table: str) -> Clause | None:
    return grammar.parse_filters(request.query_params.multi_items(), table)


def _shape(request: Request, asked: requests.Asked, table: str) -> statements.Shape | None:
    """How to print the rows of a write, or None when the client doesn't want them."""
    if not asked.represented:
        return None
    return statements.Shape(grammar.parse_select(request.query_params.get("select", ""), table), asked.strip_nulls)


def _printed(asked: requests.Asked, text: str, rows: int, status: int, headers: dict[str, str]) -> Response:
    """The rows as JSON. Raises ApiError PGRST116 (and so undoes a write) when a single one is wanted and isn't."""
    if not asked.single:
        return Response(text, status, headers=headers, media_type="application/json; charset=utf-8")
    if rows != 1:
        raise errors.not_single(rows)
    only = text.strip()[1:-1]
    return Response(only, status, headers=headers, media_type="application/vnd.pgrst.object+json; charset=utf-8")


async def _function(connection: Connection, name: str, arguments: list[str]) -> Function:
    for function in await functions(connection, name):
        if function.accepts(arguments):
            return function
    raise errors.unknown_function(name, arguments)


async def _execute(connection: Connection, statement: Clause) -> tuple[str, int]:
    """Run a statement of `statements`: the rows as JSON text, and their number."""
    text, rows = await _fetch_row(connection, statement)
    return json.dumps(None) if text is None else text, rows


async def _fetch_row(connection: Connection, statement: Clause) -> tuple[Any, ...]:
    query = sql.Composed([statement.sql])
    row: tuple[Any, ...] | None = await (await connection.execute(query, list(statement.values))).fetchone()
    if row is None:
        raise AssertionError("an aggregate always answers one row")
    return row
