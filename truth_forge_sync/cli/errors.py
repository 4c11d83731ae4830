"""``errors …``: values that a system refused, or that could not be read."""

from __future__ import annotations

from typing import Annotated

import typer

from truth_forge_sync.cli.inbox import NEXT_CYCLE, Json, counted, named, print_json, print_table, short
from truth_forge_sync.cli.opened import opened_hub

errors_app = typer.Typer(help="Values that a system refused, or that could not be read.", no_args_is_help=True)


@errors_app.command("list")
def list_errors(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are resolved.")] = False,
    as_json: Json = False,
) -> None:
    """List the values that wait, newest first, with the system's own words."""
    from truth_forge_sync.inbox.errors import errors

    with opened_hub(changes=False) as (hub, _):
        found = errors(hub, everything=everything)
    if as_json:
        print_json(found)
        return
    if found:
        print_table(
            ("Id", "System", "Contact", "Field", "Kind", "Message", "Tries", "Next (UTC)"),
            (
                (
                    short(one.error_id),
                    one.system,
                    named(one.name, one.contact_id),
                    one.field or "",
                    one.kind if one.status == "parked" else f"{one.kind}, {one.status}",
                    one.message,
                    one.attempts,
                    one.next_attempt_at or "",
                )
                for one in found
            ),
        )
    typer.echo(f"{counted(len(found), 'value')}." if found else "No values that wait.")


@errors_app.command("retry")
def retry_errors(
    error_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="The errors' ids; their beginnings are enough.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every refused value.")] = False,
) -> None:
    """Offer refused values again in the next cycle, however long they were to wait."""
    from truth_forge_sync.inbox.errors import retry, retry_all

    if everything == bool(error_ids):
        raise typer.BadParameter("name errors by their ids, or all of them with --all")
    with opened_hub(changes=True) as (hub, _):
        chosen = retry(hub, error_ids) if error_ids else retry_all(hub)
    typer.echo(f"To be tried again: {len(chosen):,}.")
    if chosen:
        typer.echo(NEXT_CYCLE)
