"""One edit as a person makes it: a field of a random contact, by the system's own API, with no word to the sync."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import httpx
import sqlalchemy as sa

from truth_forge_sync.errors import Retry, Stop
from truth_forge_sync.hub.engine import open_engine
from truth_forge_sync.sandbox.hub_rows import edit_hub
from truth_forge_sync.sandbox.native import TABLE, Native, local_engine, read_natives, supabase_client, twenty_client
from truth_forge_sync.sandbox.twenty_person import change_of
from truth_forge_sync.settings import Settings, SystemName


@dataclass(frozen=True)
class Edit:
    """What was done. ``old`` and ``new`` are raw values as the system takes them; ``name`` is whom to look for."""

    system: SystemName
    native_id: str
    contact_id: str | None
    name: str
    field: str
    old: Any
    new: Any


def make_edit(
    settings: Settings,
    *,
    system: SystemName | None = None,
    field: str | None = None,
    value: Any = None,
    seed: int | None = None,
) -> Edit:
    """Change a random contact; ``seed`` makes the choices the same for the same contacts; ``value`` None: any.

    Raises Stop for a field that is not among :data:`NEW_VALUES` and where there is no contact, Retry where the system
    does not answer.
    """
    if field is not None and field not in NEW_VALUES:
        raise Stop(f"no edits of {field} here", remedy=f"choose one of {', '.join(NEW_VALUES)}")
    chance = random.Random(seed)
    chosen = chance.choice(settings.configured) if system is None else system
    field = field or chance.choice(list(NEW_VALUES))
    natives = sorted(read_natives(chosen, settings), key=lambda native: native.native_id)
    if not natives:
        raise Stop("there is no contact to edit", system=chosen, remedy="run: truth-forge-sync sandbox seed")
    native = chance.choice(natives)
    old = native.fields[field]
    new = _another(NEW_VALUES[field], old, chance) if value is None else value
    try:
        _WRITERS[chosen](settings, native, field, new)
    except (httpx.HTTPError, sa.exc.DBAPIError) as error:
        raise Retry(f"it did not take the edit ({type(error).__name__})", system=chosen) from error
    return Edit(chosen, native.native_id, native.contact_id, _name(native), field, old, new)


def _name(native: Native) -> str:
    names = (native.fields["first_name"], native.fields["last_name"])
    return " ".join(name for name in names if name) or native.fields["organization"] or ""


NewValue = Callable[[random.Random, Any], Any]


def _one_of(*values: str) -> NewValue:
    return lambda chance, _: chance.choice(values)


def _numbered(pattern: str) -> NewValue:
    return lambda chance, _: pattern.format(chance.randrange(1000))


def _one_more(chance: random.Random, old: Any) -> list[str]:
    return [*_list(old), f"edited.{chance.randrange(10_000)}@example.org"]


def _list(value: Any) -> list[str]:
    """SQLite keeps a list as JSON text."""
    return list(json.loads(value) if isinstance(value, str) and value else value or [])


NEW_VALUES: Final[Mapping[str, NewValue]] = {
    "job_title": _numbered("Head of Section {}"),
    "city": _one_of("Zürich", "Reykjavík", "Nairobi", "京都", "Valparaíso", "Łódź"),
    "department": _numbered("Department {}"),
    "nickname": _one_of("Ace", "Buddy", "Zizou", "Mimi", "Bär"),
    "notes": _numbered("Met at the fair, stand {} ☕"),
    "title": _one_of("Dr.", "Prof.", "Ms.", "Mr.", "Mx."),
    "birthday": lambda chance, _: str(date(1950, 1, 1) + timedelta(days=chance.randrange(18_000))),
    "category_code": _one_of(*"ABCDEFGH"),
    # Numbers that are kept for fiction.
    "primary_phone": lambda chance, _: f"+1202555{chance.randrange(100, 200):04}",
    "linkedin_url": _numbered("https://www.linkedin.com/in/edited-{}"),
    "other_emails": _one_more,
}
"""The fields that are edited here, each with what a new value may be, given the old one."""


def _another(make: NewValue, old: Any, chance: random.Random) -> Any:
    while (new := make(chance, old)) == old:
        pass
    return new


def _twenty(settings: Settings, native: Native, field: str, value: Any) -> None:
    with twenty_client(settings) as client:
        client.patch(f"/rest/people/{native.native_id}", json=change_of(native.row, field, value))


def _supabase(settings: Settings, native: Native, field: str, value: Any) -> None:
    with supabase_client(settings) as client:
        client.table(settings.supabase_contacts_table).update({field: value}).eq("id", native.native_id).execute()


def _local(settings: Settings, native: Native, field: str, value: Any) -> None:
    with local_engine(settings) as engine:
        contacts = sa.Table(TABLE, sa.MetaData(), autoload_with=engine)
        changes = {field: _column(contacts, field, value)}
        with engine.begin() as connection:
            connection.execute(sa.update(contacts).where(contacts.c.id == native.native_id).values(changes))


def _column(contacts: sa.Table, field: str, value: Any) -> Any:
    is_text = isinstance(contacts.c[field].type, sa.Text | sa.String)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) and is_text else value


def _hub(settings: Settings, native: Native, field: str, value: Any) -> None:
    with closing(open_engine(settings)) as engine:
        edit_hub(engine, native.native_id, field, value)


_WRITERS: Final[Mapping[SystemName, Callable[[Settings, Native, str, Any], None]]] = {
    "bigquery": _hub,
    "twenty": _twenty,
    "supabase": _supabase,
    "local": _local,
}
