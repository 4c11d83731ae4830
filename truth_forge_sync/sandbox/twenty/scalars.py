"""Values of one column: what each type takes, and how it is stored (facts, sections 3, 4 and 7)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from truth_forge_sync.sandbox.twenty.errors import ApiError, bad_request, data_validation, invalid_uuid
from truth_forge_sync.sandbox.twenty.fields import Field, FieldType, Sql
from truth_forge_sync.sandbox.twenty.instants import parse_date, parse_instant

_TYPE_NAMES: Mapping[FieldType, str] = {
    FieldType.DATE_TIME: "date-time",
    FieldType.FULL_NAME: "fullName",
    FieldType.RAW_JSON: "object",
    FieldType.MULTI_SELECT: "multi-select",
}


def type_name(field: Field) -> str:
    """The field's type as error messages call it."""
    return _TYPE_NAMES.get(field.type, field.type.value.lower())


def canonical_uuid(value: Any) -> str | None:
    """Lower case with dashes; None when it isn't a UUID."""
    if not isinstance(value, str) or len(value) != 36:
        return None
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return None


def json_text(value: Any) -> str:
    """JSON as jsonb gives it back: keys sorted by length and then by bytes, at every depth."""
    text = json.dumps(_sorted_keys(value), ensure_ascii=False, separators=(",", ":"))
    if "\\u0000" in text:
        raise data_validation()
    return _without_lone_surrogates(text)


def shown(value: Any) -> str:
    """A value as JavaScript's inspect shows it in an error message."""
    if isinstance(value, str):
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False)


def wrong(field: Field, value: Any, what: str | None = None, part: str | None = None) -> ApiError:
    name = type_name(field)
    path = field.key if part is None else f"{field.key}.{part}"
    return bad_request(f'Invalid {what or name} value {shown(value)} for {name} field "{path}"')


def text_value(field: Field, value: Any, part: str | None = None) -> str | None:
    """Not trimmed. Empty text and null are one and the same."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise bad_request(
            f"Invalid string value {shown(value)} for text field "
            f'"{field.key if part is None else f"{field.key}.{part}"}"'
        )
    if "\x00" in value:
        raise data_validation()
    return _without_lone_surrogates(value) or None


def _without_lone_surrogates(text: str) -> str:
    """Half a surrogate pair can't be stored as UTF-8; the database driver puts U+FFFD in its place."""
    if text.isascii():
        return text
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _boolean(field: Field, value: Any) -> Sql:
    if value is None:
        return None
    if not isinstance(value, bool):
        raise wrong(field, value)
    return int(value)


def _number(field: Field, value: Any) -> Sql:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(field, value)
    return float(value)


def _date(field: Field, value: Any) -> Sql:
    if value is None:
        return None
    found = parse_date(value) if isinstance(value, str) else None
    if found is None:
        raise wrong(field, value)
    return found


def _instant(field: Field, value: Any) -> Sql:
    if value is None:
        return None
    found = parse_instant(value) if isinstance(value, str) else None
    if found is None:
        raise wrong(field, value)
    return found


def _uuid(field: Field, value: Any) -> Sql:
    if value is None:
        return None
    found = canonical_uuid(value)
    if found is None:
        raise invalid_uuid(value) if field.name == "id" else wrong_uuid(field.key, value)
    return found


def wrong_uuid(key: str, value: Any) -> ApiError:
    return bad_request(f'Invalid UUID value {shown(value)} for field "{key}"', "INVALID_QUERY_INPUT")


def _select(field: Field, value: Any) -> Sql:
    """Exact; '' is refused, null clears."""
    if value is None:
        return None
    if not isinstance(value, str) or value not in field.option_values:
        raise wrong(field, value)
    return value


def _list(field: Field, value: Any) -> Sql:
    """A single string is taken for a list of one."""
    if value is None:
        return None
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise wrong(field, value)
    if field.type is FieldType.MULTI_SELECT and not field.option_values.issuperset(items):
        raise wrong(field, value)
    return json_text(items) if items else None


def _json(field: Field, value: Any) -> Sql:
    """An object or a list, or text that holds one; {} becomes null."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise wrong(field, value) from error
    if value is None or value == {}:
        return None
    if not isinstance(value, dict | list):
        raise wrong(field, value)
    return json_text(value)


SCALARS: Mapping[FieldType, Callable[[Field, Any], Sql]] = {
    FieldType.TEXT: text_value,
    FieldType.BOOLEAN: _boolean,
    FieldType.NUMBER: _number,
    FieldType.POSITION: _number,
    FieldType.DATE: _date,
    FieldType.DATE_TIME: _instant,
    FieldType.UUID: _uuid,
    FieldType.RELATION: _uuid,
    FieldType.SELECT: _select,
    FieldType.MULTI_SELECT: _list,
    FieldType.ARRAY: _list,
    FieldType.RAW_JSON: _json,
    FieldType.FILES: _json,
}


def _sorted_keys(value: Any) -> Any:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode(errors="replace")), key.encode(errors="replace")))
        return {key: _sorted_keys(value[key]) for key in keys}
    if isinstance(value, list):
        return [_sorted_keys(item) for item in value]
    return value
