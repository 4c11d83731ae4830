"""The record API: which method on which path does what, and how the answer is wrapped (facts, sections 1, 3 and 5)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from truth_forge_sync.sandbox.twenty.body import read_json
from truth_forge_sync.sandbox.twenty.errors import bad_request, refusal, unknown_route
from truth_forge_sync.sandbox.twenty.fields import Row
from truth_forge_sync.sandbox.twenty.objects import ObjectType
from truth_forge_sync.sandbox.twenty.parameters import (
    RecordPath,
    depth_of,
    filter_of,
    flag,
    list_query,
    parse_path,
)
from truth_forge_sync.sandbox.twenty.reading import find_record, list_records
from truth_forge_sync.sandbox.twenty.render import record
from truth_forge_sync.sandbox.twenty.upsert import upsert
from truth_forge_sync.sandbox.twenty.workspace import Event, Workspace
from truth_forge_sync.sandbox.twenty.writing import (
    BATCH_LIMIT,
    create,
    delete_matching,
    delete_one,
    restore_matching,
    update_matching,
    update_one,
    values_of,
)

Answer = tuple[int, dict[str, Any]]
"""Status and body."""


async def answer(workspace: Workspace, request: Request, events: list[Event]) -> Answer:
    """Serve one request. What happened is added to `events`, also when the request fails half-way."""
    path = parse_path(request.path_params["path"], request.method)
    kind = workspace.object_named(path.plural)
    body = await read_json(request) if request.method in ("POST", "PATCH", "PUT") else {}
    # No await under the lock: a request that has begun is finished before another one is looked at.
    with workspace.store.lock:
        match request.method:
            case "GET" | "HEAD" if path.scope in ("one", "many"):
                return 200, _read(workspace, kind, path, request)
            case "POST" if path.scope in ("many", "batch"):
                return 201, _post(workspace, kind, path, request, body, events)
            case "PATCH" | "PUT":
                return 200, _patch(workspace, kind, path, request, body, events)
            case "DELETE" if path.scope in ("one", "many"):
                return 200, _delete(workspace, kind, path, request, events)
    raise unknown_route(request.method, request.url.path)


def _read(workspace: Workspace, kind: ObjectType, path: RecordPath, request: Request) -> dict[str, Any]:
    if path.scope == "many":
        return list_records(workspace, kind, list_query(request.query_params))
    found = find_record(workspace, kind, path.record_id, depth_of(request.query_params))
    return {"data": {kind.singular: found}}


def _post(
    workspace: Workspace, kind: ObjectType, path: RecordPath, request: Request, body: Any, events: list[Event]
) -> dict[str, Any]:
    """One record, or a batch; 201 in both cases, whether rows were created or updated."""
    batch = path.scope == "batch"
    if batch and not isinstance(body, list):
        raise refusal(400, "TypeError", "args.data.forEach is not a function")
    inputs = body if batch else [body]
    if len(inputs) > BATCH_LIMIT:
        raise bad_request(f"Maximum number of records to upsert is {BATCH_LIMIT}.")
    values = [values_of(kind, item) for item in inputs]
    write = upsert if flag(request.query_params, "upsert") else create
    shown = [record(kind, row) for row in write(workspace, kind, values, events)]
    if batch:
        return {"data": {f"create{kind.title_plural}": shown}}
    return {"data": {f"create{kind.title}": shown[0]}}


def _patch(
    workspace: Workspace, kind: ObjectType, path: RecordPath, request: Request, body: Any, events: list[Event]
) -> dict[str, Any]:
    if path.scope == "batch":
        raise unknown_route(request.method, request.url.path)
    tree = filter_of(request.query_params)
    rows: list[Row]
    if path.scope == "restore":
        if tree is None:
            raise bad_request("Filters are mandatory for bulk restore operations")
        rows = restore_matching(workspace, kind, tree, events)
        return {"data": {f"restore{kind.title_plural}": [record(kind, row) for row in rows]}}
    values = values_of(kind, body)
    if path.scope == "one":
        row = update_one(workspace, kind, path.record_id, values, events)
        return {"data": {f"update{kind.title}": record(kind, row)}}
    rows = update_matching(workspace, kind, tree, values, events)
    return {"data": {f"update{kind.title_plural}": [record(kind, row) for row in rows]}}


def _delete(
    workspace: Workspace, kind: ObjectType, path: RecordPath, request: Request, events: list[Event]
) -> dict[str, Any]:
    """For good unless `?soft_delete=true`. A destroyed record is answered by its id alone."""
    soft = flag(request.query_params, "soft_delete")
    if path.scope == "one":
        row = delete_one(workspace, kind, path.record_id, soft=soft, events=events)
        return {"data": {f"delete{kind.title}": record(kind, row) if soft else {"id": row["id"]}}}
    tree = filter_of(request.query_params)
    if tree is None:
        raise bad_request("Filters are mandatory for bulk destroy/delete operations. Please provide a filter.")
    rows = delete_matching(workspace, kind, tree, soft=soft, events=events)
    shown = [record(kind, row) if soft else {"id": row["id"]} for row in rows]
    return {"data": {f"delete{kind.title_plural}": shown}}
