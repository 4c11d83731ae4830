"""``init``: create what the configured systems lack, or say what a person has to do."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from truth_forge_sync.settings import Settings, SystemName
    from truth_forge_sync.systems.protocol import Step, System


class Printable(StrEnum):
    """Systems whose set-up is SQL."""

    SUPABASE = "supabase"
    LOCAL = "local"


def init(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is missing and change nothing.")] = False,
    print_sql: Annotated[
        Printable | None,
        typer.Option("--print-sql", help="Print the SQL that sets this system up, and change nothing."),
    ] = None,
) -> None:
    """Create what is missing in every configured system: tables, columns, triggers, custom fields. Safe to repeat.

    Exit code 1 where a step is left for a person, or a system did not answer.
    """
    from truth_forge_sync.home import at_home
    from truth_forge_sync.settings import load_settings

    with at_home():
        settings = load_settings()
        if print_sql:
            typer.echo(setup_sql(print_sql, settings), nl=False)
        elif not set_up(settings, dry_run=dry_run):
            raise typer.Exit(1)


def setup_sql(system: Printable, settings: Settings) -> str:
    """The script that sets ``system`` up, for a person to read and run; safe to run again."""
    if system is Printable.SUPABASE:
        from truth_forge_sync.systems.supabase.setup import setup_sql as supabase_sql

        return supabase_sql(settings.supabase_contacts_table)
    from truth_forge_sync.systems.local.setup import setup_sql as local_sql

    url = settings.local_database_url
    return local_sql(url.get_secret_value() if url else "sqlite://")


def set_up(settings: Settings, *, dry_run: bool) -> bool:
    """Set up every configured system and print a table of the steps. One that fails does not keep the others from it.

    False where something is left to do; in a dry run, only where a system could not be looked at.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from truth_forge_sync.errors import SyncError
    from truth_forge_sync.settings import SYSTEMS

    console = Console()
    fine = True
    table = Table("System", "Step", "", header_style="bold")
    with console.status("Looking at the systems …") as spinner:
        for name in SYSTEMS:
            if name not in settings.configured:
                table.add_row(name, "[dim]not configured (.env.example lists its settings)[/dim]", "[dim]skipped[/dim]")
                continue
            spinner.update(f"Looking at {name} …")
            try:
                steps = list(_steps(name, settings, dry_run=dry_run))
            except SyncError as error:
                fine = False
                table.add_row(name, escape(str(error)), "[red]failed[/red]")
                continue
            for step in steps:
                fine = fine and (step.done or dry_run)
                table.add_row(name, escape(step.what), _outcome(step, dry_run=dry_run))
            if not steps:
                table.add_row(name, "nothing is missing", "[green]ready[/green]")
    console.print(table)
    return fine


def _steps(name: SystemName, settings: Settings, *, dry_run: bool) -> Iterator[Step]:
    system = _open(name, settings)
    try:
        yield from system.init(dry_run=dry_run)
    finally:
        system.close()


def _open(name: SystemName, settings: Settings) -> System:
    from truth_forge_sync.hub.engine import open_engine
    from truth_forge_sync.hub.hand_edits import HUB, HandEdits
    from truth_forge_sync.hub.hub import Hub
    from truth_forge_sync.systems import open_system

    if name == HUB:
        hub: System = HandEdits(Hub(open_engine(settings)), region=settings.default_region)
        return hub
    return open_system(name, settings)


def _outcome(step: Step, *, dry_run: bool) -> str:
    if step.done:
        return "[green]done[/green]"
    return "[yellow]would be done[/yellow]" if dry_run else "[yellow]to do[/yellow]"
