"""``holds …``: changes that were seen and not acted on (law 14)."""

from __future__ import annotations

from typing import Annotated

import typer

from truth_forge_sync.cli.inbox import NEXT_CYCLE, Json, Yes, cell, counted, cut, named, print_json, print_table, told
from truth_forge_sync.cli.opened import opened_hub
from truth_forge_sync.errors import Stop

holds_app = typer.Typer(
    help="Changes that wait: too many deletes at once, or a value that goes to and fro.", no_args_is_help=True
)


@holds_app.command("list")
def list_holds(
    contacts: Annotated[bool, typer.Option("--contacts", help="Change by change.")] = False,
    as_json: Json = False,
) -> None:
    """List what is held back, by system and reason."""
    from truth_forge_sync.inbox.holds import held_changes, holds

    with opened_hub(changes=False) as (hub, _):
        found = holds(hub)
        changes = held_changes(hub) if contacts else []
    if as_json:
        print_json(changes if contacts else found)
        return
    if contacts and changes:
        print_table(
            ("System", "Contact", "Field", "Shows", "Accepted", "Reason", "Since (UTC)"),
            (
                (
                    one.system,
                    named(one.name, one.contact_id),
                    one.field,
                    cut(told(one.path, one.value)),
                    cut(told(one.path, one.accepted_value)),
                    one.reason if one.status == "held" else f"{one.reason}, {one.status}",
                    one.held_at,
                )
                for one in changes
            ),
        )
    elif found:
        print_table(
            ("System", "Reason", "Contacts", "Deletes", "Emptied fields", "Since (UTC)", "Until (UTC)"),
            (
                (
                    one.system,
                    one.reason if one.status == "held" else f"{one.reason}, {one.status}",
                    one.contacts,
                    one.deletes,
                    one.emptied,
                    one.since,
                    cell(one.until) if one.until else "a person says",
                )
                for one in found
            ),
        )
    if waiting := [one for one in found if one.awaits_a_word]:
        most = max(one.contacts for one in waiting)
        typer.echo(
            f"Was it meant? truth-forge-sync holds approve --up-to {most}\n"
            "Was it not? truth-forge-sync holds reject: the next cycle brings back what was lost."
        )
    elif not found:
        typer.echo("Nothing is held.")


@holds_app.command("reject")
def reject_holds(
    system: Annotated[str | None, typer.Option(metavar="SYSTEM", help="Only what this system lost.")] = None,
    yes: Yes = False,
) -> None:
    """Write the accepted values back over what the brake holds: what was deleted or emptied comes back."""
    from truth_forge_sync.inbox.holds import holds, reject
    from truth_forge_sync.settings import SYSTEMS

    if system is not None and system not in SYSTEMS:
        raise typer.BadParameter(f"choose one of {', '.join(SYSTEMS)}", param_hint="--system")
    with opened_hub(changes=False) as (hub, _):
        waiting = [one for one in holds(hub) if one.awaits_a_word and system in (None, one.system)]
    if not waiting:
        typer.echo("The brake holds nothing.")
        return
    for one in waiting:
        typer.echo(f"{one.system}: {counted(one.contacts, 'contact')}, {one.deletes:,} of them deleted.")
    if not yes:
        typer.confirm("Write the accepted values back?", abort=True)
    with opened_hub(changes=True) as (hub, _):
        reject(hub, system=system)
    typer.echo(f"Rejected. {NEXT_CYCLE}")


@holds_app.command("approve")
def approve_holds(
    up_to: Annotated[
        int, typer.Option("--up-to", metavar="N", min=1, help="How many contacts one system may lose in this cycle.")
    ],
) -> None:
    """Run a cycle that lets through what the brake holds, as sync --allow-losses does: it reads and decides anew.

    A system that has lost more than N contacts by now stays held. Exit code 1 where the cycle is not in order.
    """
    from truth_forge_sync.cli.sync import sync
    from truth_forge_sync.inbox.holds import holds

    with opened_hub(changes=False) as (hub, _):
        waiting = [one for one in holds(hub) if one.awaits_a_word]
    if not waiting:
        typer.echo("The brake holds nothing.")
        return
    if up_to < min(one.contacts for one in waiting):
        held = ", ".join(f"{counted(one.contacts, 'contact')} of {one.system}" for one in waiting)
        raise Stop(f"{up_to:,} is not enough: the brake holds {held}", remedy="look at them: holds list --contacts")
    sync(allow_losses=up_to)
