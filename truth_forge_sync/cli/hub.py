"""``hub``: the hub, whichever engine holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from truth_forge_sync.hub.engine import Engine

hub_app = typer.Typer(help="Ask the hub, whichever engine holds it.", no_args_is_help=True)

_READING = ("SELECT", "WITH", "(")


@hub_app.callback()
def hub() -> None:
    """Ask the hub, whichever engine holds it."""


@hub_app.command("sql")
def sql(
    statements: Annotated[
        str, typer.Argument(metavar="SQL", help="GoogleSQL; several statements are separated by semicolons.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list of objects.")] = False,
) -> None:
    """Run GoogleSQL on the hub and print the rows of the last SELECT.

    Tables are found in the hub's dataset: SELECT COUNT(*) FROM identity.contacts_master. Edits of contacts_master are
    welcome and need not touch updated_at: the next cycle finds them.
    """
    from truth_forge_sync.cli.opened import opened_hub

    with opened_hub(changes=False) as (hub, _settings):
        rows, done = run(hub.engine, statements)
    if as_json:
        typer.echo(json.dumps(rows or [], ensure_ascii=False, default=_plain, indent=2))
    elif rows is None:
        typer.echo(f"{done}: done")
    else:
        _print_table(rows)


def run(engine: Engine, statements: str) -> tuple[list[dict[str, Any]] | None, str]:
    """The rows of the last statement, None where it is no SELECT; and the kinds of all (``UPDATE, SELECT``).

    Raises :class:`~truth_forge_sync.errors.Stop` where the hub does not understand a statement.
    """
    import duckdb
    import sqlglot

    from truth_forge_sync.errors import Stop

    try:
        parts = split(statements)
        if not parts:
            raise Stop("no statement was given", remedy='try: hub sql "SELECT COUNT(*) FROM identity.contacts_master"')
        *before, last = parts
        kinds = ", ".join(kind for kind, _ in parts)
        if last[0] not in _READING:
            engine.script([text for _, text in parts])
            return None, kinds
        engine.script([text for _, text in before])
        return engine.query(last[1]).to_pylist(), kinds
    except (
        duckdb.Error,
        sqlglot.errors.SqlglotError,
    ) as error:  # the embedded hub's; BigQuery's are SyncErrors already
        raise Stop(str(error), system="bigquery") from error


def split(statements: str) -> list[tuple[str, str]]:
    """Each statement with its first word. Semicolons in texts and comments separate nothing."""
    from sqlglot.dialects.bigquery import BigQuery
    from sqlglot.tokens import TokenType

    parts: list[tuple[str, str]] = []
    first: Any = None
    last: Any = None
    for token in [*BigQuery().tokenize(statements), None]:
        if token is None or token.token_type is TokenType.SEMICOLON:
            if first is not None:
                parts.append((first.text.upper(), statements[first.start : last.end + 1]))
            first = None
        else:
            first, last = first or token, token
    return parts


def _print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if rows:
        table = Table(*rows[0], header_style="bold")
        for row in rows:
            table.add_row(*(_cell(value) for value in row.values()))
        console.print(table)
    console.print(f"{len(rows):,} row{'' if len(rows) == 1 else 's'}", style="dim", highlight=False)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return "[dim]null[/dim]"
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False, default=_plain)
    return escape(str(_plain(value)))


def _plain(value: Any) -> str | float:
    """What JSON has no form for: stamps as ISO 8601, a NUMERIC as a number."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
