"""The commands ``truth-forge-sync …`` (CONTRACT: Commands): a module each, which imports what it needs when it runs.

Exit codes: 0 fine, 1 something failed or is degraded, 2 wrong use or settings.
"""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from truth_forge_sync.errors import Stop, SyncError

FAILED = 1
WRONG_USE = 2


class Commands(TyperGroup):
    """Errors that we understand end a command with their message and remedy; a traceback means a fault of ours."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SyncError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(WRONG_USE if isinstance(error, Stop) else FAILED) from error


app = typer.Typer(
    name="truth-forge-sync",
    help="Keeps the same contacts in BigQuery, Twenty CRM, Supabase and a local SQL database.",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they may hold a key or somebody's data
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _assemble() -> None:
    """In the order of ``--help``."""
    from truth_forge_sync.cli.conflicts import conflicts_app
    from truth_forge_sync.cli.contacts import contacts_app
    from truth_forge_sync.cli.dev import dev
    from truth_forge_sync.cli.doctor import doctor
    from truth_forge_sync.cli.errors import errors_app
    from truth_forge_sync.cli.holds import holds_app
    from truth_forge_sync.cli.hub import hub_app
    from truth_forge_sync.cli.init import init
    from truth_forge_sync.cli.review import review_app
    from truth_forge_sync.cli.sandbox import sandbox_app
    from truth_forge_sync.cli.service import service_app
    from truth_forge_sync.cli.status import status
    from truth_forge_sync.cli.sync import sync
    from truth_forge_sync.cli.webhooks import webhooks_app

    app.command()(dev)
    app.command()(init)
    app.command()(doctor)
    app.command()(sync)
    app.command()(status)
    app.add_typer(conflicts_app, name="conflicts")
    app.add_typer(review_app, name="review")
    app.add_typer(errors_app, name="errors")
    app.add_typer(holds_app, name="holds")
    app.add_typer(contacts_app, name="contacts")
    app.add_typer(hub_app, name="hub")
    app.add_typer(service_app, name="service")
    app.add_typer(webhooks_app, name="webhooks")
    app.add_typer(sandbox_app, name="sandbox")


_assemble()


def main() -> NoReturn:
    """The entry point of the console script."""
    sys.exit(app())
