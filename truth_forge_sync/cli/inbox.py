"""What the commands of the inboxes share: their options, and how they print."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Json = Annotated[bool, typer.Option("--json", help="For programs: JSON instead of a table.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]

NEXT_CYCLE = "The next cycle carries it out: within five minutes where the daemon runs, or now: truth-forge-sync sync"

_ID_SHOWN = 8
_TEXT_SHOWN = 60


def print_json(found: DataclassInstance | Sequence[DataclassInstance]) -> None:
    """One object, or one list of objects; stamps in ISO 8601."""
    from dataclasses import asdict, is_dataclass

    told = asdict(found) if is_dataclass(found) else [asdict(one) for one in found]
    typer.echo(json.dumps(told, ensure_ascii=False, default=datetime.isoformat, indent=2))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows of texts, numbers and stamps."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell(value)) for value in row))
    Console().print(table)


def cell(value: Any) -> str:
    """Stamps are told in UTC, to the minute."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:,}" if isinstance(value, int) else str(value or "")


def told(path: str, value: str | None) -> str:
    """A contact's value at this path, as people read it."""
    from truth_forge_sync.contact import DELETED

    if path == DELETED:
        return "deleted" if value else "not deleted"
    return ("(none)" if "/" in path else "(empty)") if value is None else value


def cut(text: str) -> str:
    """The beginning of a text that is too long for a table."""
    return text if len(text) <= _TEXT_SHOWN else f"{text[: _TEXT_SHOWN - 1]}…"


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def short(identifier: str | None) -> str:
    """The beginning of an id, which is enough for every command that takes one."""
    return (identifier or "")[:_ID_SHOWN]


def named(name: str | None, contact_id: str | None) -> str:
    """A contact in a table."""
    return " ".join(part for part in (name, f"({short(contact_id)})" if contact_id else "") if part)
