"""The metadata API: the objects, and the custom fields of each (facts, section 7). Never rate limited."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request

from truth_forge_sync.sandbox.twenty.body import read_json
from truth_forge_sync.sandbox.twenty.custom_fields import changed_field, new_field
from truth_forge_sync.sandbox.twenty.errors import framework_error, metadata_invalid, not_found, unknown_route
from truth_forge_sync.sandbox.twenty.fields import Field
from truth_forge_sync.sandbox.twenty.instants import to_iso
from truth_forge_sync.sandbox.twenty.objects import ObjectType
from truth_forge_sync.sandbox.twenty.paging import decode_cursor
from truth_forge_sync.sandbox.twenty.workspace import Workspace

Json = dict[str, Any]

_PAGE = 1000


async def answer_objects(workspace: Workspace, request: Request) -> tuple[int, Json]:
    """GET /rest/metadata/objects, all with their fields inline, and /rest/metadata/objects/{id}."""
    object_id = request.path_params.get("id")
    shown = [_object(kind) for kind in workspace.objects.values()]
    if object_id is None:
        return 200, _page("objects", shown, request.query_params)
    return 200, {"data": {"object": _by_id(shown, object_id)}}


async def answer_fields(workspace: Workspace, request: Request) -> tuple[int, Json]:
    """GET, POST, PATCH and DELETE of /rest/metadata/fields; a field is usable on its object at once."""
    field_id = request.path_params.get("id")
    body = await read_json(request) if request.method in ("POST", "PATCH") else {}
    if not isinstance(body, dict):
        raise framework_error(400, "Bad Request", ["body must be an object"])
    with workspace.store.lock:
        match request.method, field_id:
            case "GET", None:
                return 200, _page("fields", _all_fields(workspace), request.query_params)
            case "POST", None:
                return 201, {"data": {"createOneField": _create(workspace, body)}}
            case "GET", str():
                return 200, {"data": {"field": _by_id(_all_fields(workspace), field_id)}}
            case "PATCH", str():
                return 200, {"data": {"updateOneField": _change(workspace, field_id, body)}}
            case "DELETE", str():
                kind, field = _custom(workspace, field_id)
                workspace.drop_field(kind, field)
                return 200, {"data": {"deleteOneField": {"id": field_id}}}
    raise unknown_route(request.method, request.url.path)


def _create(workspace: Workspace, body: Json) -> Json:
    kind = next((found for found in workspace.objects.values() if found.id == body.get("objectMetadataId")), None)
    if kind is None:
        raise metadata_invalid(
            "OBJECT_METADATA_NOT_FOUND", "Object metadata does not exist", body.get("objectMetadataId")
        )
    field = new_field(kind, body, workspace.stamps.next())
    workspace.add_field(kind, field)
    return _field(kind, field)


def _change(workspace: Workspace, field_id: str, body: Json) -> Json:
    kind, old = _custom(workspace, field_id)
    new = changed_field(old, body, workspace.stamps.next())
    workspace.change_field(kind, old, new)
    return _field(kind, new)


def _custom(workspace: Workspace, field_id: str) -> tuple[ObjectType, Field]:
    """Raises 404 for an unknown field and 400 for a standard one."""
    for kind in workspace.objects.values():
        for field in kind.fields:
            if field.id == field_id:
                if not field.is_custom:
                    raise metadata_invalid(
                        "FIELD_MUTATION_NOT_ALLOWED", "Standard fields cannot be changed here", field.name
                    )
                return kind, field
    raise not_found()


def _all_fields(workspace: Workspace) -> list[Json]:
    return [_field(kind, field) for kind in workspace.objects.values() for field in kind.fields]


def _by_id(shown: Sequence[Json], wanted: str) -> Json:
    for item in shown:
        if item["id"] == wanted:
            return item
    raise not_found()


def _page(name: str, items: Sequence[Json], query: QueryParams) -> Json:
    """`limit` and `starting_after` as on records; the order is that of creation."""
    text = query.get("limit") or str(_PAGE)
    if not text.isdecimal():
        raise framework_error(400, "Bad Request", f"limit '{text}' is invalid. Should be an integer")
    token = query.get("starting_after")
    cursor = decode_cursor(token) if token else None
    ids = [item["id"] for item in items]
    start = ids.index(cursor["id"]) + 1 if cursor is not None and cursor.get("id") in ids else 0
    page = items[start : start + int(text)]
    return {
        "data": {name: list(page)},
        "pageInfo": {
            "hasNextPage": start + len(page) < len(items),
            "hasPreviousPage": start > 0,
            "startCursor": _cursor(page[0]) if page else None,
            "endCursor": _cursor(page[-1]) if page else None,
        },
        "totalCount": len(items),
    }


def _cursor(item: Json) -> str:
    return base64.b64encode(json.dumps({"id": item["id"]}, separators=(",", ":")).encode()).decode()


def _object(kind: ObjectType) -> Json:
    return {
        "id": kind.id,
        "nameSingular": kind.singular,
        "namePlural": kind.plural,
        "labelSingular": kind.label,
        "labelPlural": kind.label_plural,
        "isCustom": False,
        "isActive": True,
        "isSystem": False,
        "fields": [_field(kind, field) for field in kind.fields],
    }


def _field(kind: ObjectType, field: Field) -> Json:
    return {
        "id": field.id,
        "type": field.type.value,
        "name": field.name,
        "label": field.label,
        "description": field.description,
        "icon": field.icon,
        "isCustom": field.is_custom,
        "isActive": field.is_active,
        "isSystem": field.is_system,
        "isNullable": field.is_custom or field.name not in ("id", "createdAt", "updatedAt"),
        "isUnique": field.is_unique,
        "defaultValue": field.default,
        "options": [dict(option) for option in field.options] or None,
        "settings": None if field.settings is None else dict(field.settings),
        "objectMetadataId": kind.id,
        "createdAt": to_iso(field.created_at),
        "updatedAt": to_iso(field.updated_at),
    }
