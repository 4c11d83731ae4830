"""From a value in a request's JSON to the columns that hold it: checks, normalisation, and what a partial composite
value does to the parts that it leaves out (facts, section 3, both tables).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from truth_forge_sync.sandbox.twenty.errors import ApiError, bad_request, data_validation, invalid_uuid
from truth_forge_sync.sandbox.twenty.fields import Field, FieldType, Row, Sql
from truth_forge_sync.sandbox.twenty.instants import parse_date, parse_instant
from truth_forge_sync.sandbox.twenty.phones import normalise_phone

ACTOR_SOURCES = frozenset(
    ("EMAIL", "CALENDAR", "WORKFLOW", "AGENT", "API", "IMPORT", "MANUAL", "SYSTEM", "WEBHOOK", "APPLICATION")
)

_EMAIL = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+")
_TYPE_NAMES: Mapping[FieldType, str] = {
    FieldType.DATE_TIME: "date-time",
    FieldType.FULL_NAME: "fullName",
    FieldType.RAW_JSON: "object",
    FieldType.MULTI_SELECT: "multi-select",
}


def columns_of(field: Field, value: Any) -> Row:
    """The columns that `value` sets; a column that isn't named keeps what it holds.

    Raises 400 in the wording of facts, section 4, and 500 for U+0000.
    """
    if field.is_composite:
        return _composite(field, value)
    if field.type is FieldType.TS_VECTOR:
        raise bad_request(f"{field.name} TS_VECTOR-typed field does not support write operations")
    column = field.columns[0]
    return {column.name: _SCALARS[field.type](field, value)}


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


def _wrong(field: Field, value: Any, what: str | None = None, part: str | None = None) -> ApiError:
    name = _TYPE_NAMES.get(field.type, field.type.value.lower())
    path = field.key if part is None else f"{field.key}.{part}"
    return bad_request(f'Invalid {what or name} value {shown(value)} for {name} field "{path}"')


def _text(field: Field, value: Any, part: str | None = None) -> str | None:
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
        raise _wrong(field, value)
    return int(value)


def _number(field: Field, value: Any) -> Sql:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(field, value)
    return float(value)


def _date(field: Field, value: Any) -> Sql:
    if value is None:
        return None
    found = parse_date(value) if isinstance(value, str) else None
    if found is None:
        raise _wrong(field, value)
    return found


def _instant(field: Field, value: Any) -> Sql:
    if value is None:
        return None
    found = parse_instant(value) if isinstance(value, str) else None
    if found is None:
        raise _wrong(field, value)
    return found


def _uuid(field: Field, value: Any) -> Sql:
    if value is None:
        return None
    found = canonical_uuid(value)
    if found is None:
        raise invalid_uuid(value) if field.name == "id" else _wrong_uuid(field.key, value)
    return found


def _wrong_uuid(key: str, value: Any) -> ApiError:
    return bad_request(f'Invalid UUID value {shown(value)} for field "{key}"', "INVALID_QUERY_INPUT")


def _select(field: Field, value: Any) -> Sql:
    """Exact; '' is refused, null clears."""
    if value is None:
        return None
    if not isinstance(value, str) or value not in field.option_values:
        raise _wrong(field, value)
    return value


def _list(field: Field, value: Any) -> Sql:
    """A single string is taken for a list of one."""
    if value is None:
        return None
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise _wrong(field, value)
    if field.type is FieldType.MULTI_SELECT and not field.option_values.issuperset(items):
        raise _wrong(field, value)
    return json_text(items) if items else None


def _json(field: Field, value: Any) -> Sql:
    """An object or a list, or text that holds one; {} becomes null."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise _wrong(field, value) from error
    if value is None or value == {}:
        return None
    if not isinstance(value, dict | list):
        raise _wrong(field, value)
    return json_text(value)


_SCALARS: Mapping[FieldType, Callable[[Field, Any], Sql]] = {
    FieldType.TEXT: _text,
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


def _composite(field: Field, value: Any) -> Row:
    """Null changes nothing. Each type has its own rule for the parts that are left out."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(field, value)
    names = {column.part: column.name for column in field.columns}
    for part in value:
        if part not in names:
            raise bad_request(
                f"Invalid subfield {part} for {_TYPE_NAMES.get(field.type, field.type.value.lower())} "
                f'field "{field.name}"'
            )
    parts = _COMPOSITES[field.type](field, value)
    return {names[part]: stored for part, stored in parts.items()}


def _full_name(field: Field, value: Mapping[str, Any]) -> Row:
    """What is left out is kept."""
    return {part: _text(field, text, part) for part, text in value.items()}


def _emails(field: Field, value: Mapping[str, Any]) -> Row:
    """The primary address is erased when left out, the additional ones are kept. All are lower-cased."""
    parts: Row = {"primaryEmail": _email(field, value.get("primaryEmail"), "primaryEmail")}
    if "additionalEmails" in value:
        sent = value["additionalEmails"] or []
        if not isinstance(sent, list):
            raise _wrong(field, sent, part="additionalEmails")
        found = [_email(field, item, "additionalEmails") for item in sent]
        parts["additionalEmails"] = json_text([item for item in found if item]) if found else None
    return parts


def _email(field: Field, value: Any, part: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _EMAIL.fullmatch(value):
        raise bad_request(f'Invalid string value {shown(value)} for email field "{field.key}.{part}"')
    return (_text(field, value, part) or "").lower()


def _phones(field: Field, value: Mapping[str, Any]) -> Row:
    """The primary number is kept when left out, the additional ones are erased."""
    number, country, calling = (
        _text(field, value.get(part), part)
        for part in ("primaryPhoneNumber", "primaryPhoneCountryCode", "primaryPhoneCallingCode")
    )
    phone = normalise_phone(number, country, calling)
    parts: Row = {"additionalPhones": _additional_phones(field, value.get("additionalPhones"))}
    for part, found in (
        ("primaryPhoneNumber", phone.number),
        ("primaryPhoneCountryCode", phone.country),
        ("primaryPhoneCallingCode", phone.calling),
    ):
        if found is not None or part in value:
            parts[part] = found
    return parts


def _additional_phones(field: Field, value: Any) -> str | None:
    """Strings in place of objects become empty objects, without a word."""
    if not value:
        return None
    if not isinstance(value, list):
        raise _wrong(field, value, part="additionalPhones")
    return json_text([_additional_phone(item) for item in value])


def _additional_phone(item: Any) -> dict[str, str]:
    if not isinstance(item, dict):
        return {}
    phone = normalise_phone(item.get("number"), item.get("countryCode"), item.get("callingCode"))
    found = {"number": phone.number, "callingCode": phone.calling, "countryCode": phone.country}
    return {key: text for key, text in found.items() if text is not None}


def _links(field: Field, value: Mapping[str, Any]) -> Row:
    """Everything that is left out is erased."""
    secondary = value.get("secondaryLinks") or []
    if not isinstance(secondary, list) or not all(isinstance(item, dict) for item in secondary):
        raise _wrong(field, secondary, part="secondaryLinks")
    links = [{"label": item.get("label"), "url": _url(field, item.get("url"), "secondaryLinks")} for item in secondary]
    return {
        "primaryLinkLabel": _text(field, value.get("primaryLinkLabel"), "primaryLinkLabel"),
        "primaryLinkUrl": _url(field, value.get("primaryLinkUrl"), "primaryLinkUrl"),
        "secondaryLinks": json_text(links) if links else None,
    }


def _url(field: Field, value: Any, part: str) -> str | None:
    """Scheme and host in lower case, no slash at the end; the path keeps its case."""
    text = _text(field, value, part)
    if text is None:
        return None
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    try:
        host = urlsplit(f"//{rest}").hostname
    except ValueError:
        host = None
    if not host or ("." not in host and host != "localhost") or re.search(r"\s", text):
        raise bad_request(f"The URL of the link is not valid: {text}", "INVALID_URL")
    authority, slash, path = rest.partition("/")
    return f"{scheme.lower()}{separator}{authority.lower()}{slash}{path}".rstrip("/")


def _actor(field: Field, value: Mapping[str, Any]) -> Row:
    parts: Row = {}
    for part, sent in value.items():
        if part == "source":
            if sent not in ACTOR_SOURCES:
                raise _wrong(field, sent, part="source")
            parts[part] = sent
        elif part == "workspaceMemberId":
            parts[part] = canonical_uuid(sent)
            if sent is not None and parts[part] is None:
                raise _wrong_uuid(f"{field.key}.{part}", sent)
        elif part == "context":
            parts[part] = None if sent is None else json_text(sent)
        else:
            parts[part] = _text(field, sent, part)
    return parts


_COMPOSITES: Mapping[FieldType, Callable[[Field, Mapping[str, Any]], Row]] = {
    FieldType.FULL_NAME: _full_name,
    FieldType.EMAILS: _emails,
    FieldType.PHONES: _phones,
    FieldType.LINKS: _links,
    FieldType.ACTOR: _actor,
}


def _sorted_keys(value: Any) -> Any:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode(errors="replace")), key.encode(errors="replace")))
        return {key: _sorted_keys(value[key]) for key in keys}
    if isinstance(value, list):
        return [_sorted_keys(item) for item in value]
    return value
