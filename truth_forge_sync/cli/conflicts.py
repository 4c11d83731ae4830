"""``conflicts …``: the changes that lost, and how one of them is made after all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from truth_forge_sync.cli.inbox import (
    NEXT_CYCLE,
    Json,
    Yes,
    cell,
    counted,
    cut,
    named,
    print_json,
    print_table,
    short,
    told,
)
from truth_forge_sync.cli.opened import opened_hub

if TYPE_CHECKING:
    from truth_forge_sync.inbox.conflicts import Conflict

conflicts_app = typer.Typer(
    help="The changes that lost to another one: see them, make one after all, or let it be.", no_args_is_help=True
)

Id = Annotated[str, typer.Argument(metavar="ID", help="The conflict's id; its beginning is enough.")]


@conflicts_app.command("list")
def list_conflicts(
    everything: Annotated[bool, typer.Option("--all", help="Also those that were restored or dismissed.")] = False,
    contact: Annotated[str | None, typer.Option(metavar="ID", help="Only those of this contact.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List the open conflicts, newest first."""
    from truth_forge_sync.inbox.conflicts import conflicts

    with opened_hub(changes=False) as (hub, _):
        found = conflicts(hub, everything=everything, contact_id=contact, limit=limit)
    if as_json:
        print_json(found.shown)
        return
    if found.shown:
        print_table(
            ("Id", "Contact", "Field", "Lost", "Won", "Reason", "When (UTC)"),
            (
                (
                    short(one.conflict_id),
                    named(one.name, one.contact_id),
                    one.field,
                    f"{one.losing_system}: {cut(told(one.path, one.losing_value))}",
                    f"{one.winning_system}: {cut(told(one.path, one.winning_value))}",
                    one.reason if one.status == "open" else f"{one.reason}, {one.status}",
                    one.created_at,
                )
                for one in found.shown
            ),
        )
    what = "conflict" if everything else "open conflict"
    if len(found.shown) < found.total:
        typer.echo(f"The newest {len(found.shown):,} of {counted(found.total, what)}; --limit shows more.")
    else:
        typer.echo(f"{counted(found.total, what)}." if found.total else f"No {what}s.")


@conflicts_app.command("show")
def show_conflict(conflict_id: Id, as_json: Json = False) -> None:
    """Show all about one conflict, and what the contact holds there now."""
    from truth_forge_sync.inbox.conflicts import conflict

    with opened_hub(changes=False) as (hub, _):
        one = conflict(hub, conflict_id)
    if as_json:
        print_json(one)
        return
    facts = {
        "Conflict": one.conflict_id,
        "Contact": " ".join(part for part in (one.name, one.contact_id) if part),
        "Field": one.field,
        "Lost": f"{told(one.path, one.losing_value)} — {one.losing_system}, {cell(one.losing_changed_at)} UTC",
        "Won": f"{told(one.path, one.winning_value)} — {one.winning_system}, {cell(one.winning_changed_at)} UTC",
        "Reason": one.reason,
        "Status": one.status,
        "Decided": f"{cell(one.created_at)} UTC, cycle {one.cycle_id}",
        "Now": told(one.path, one.value_now) if one.contact == "living" else f"the contact is {_standing(one)}",
    }
    width = max(map(len, facts))
    for heading, value in facts.items():
        typer.echo(f"{heading:<{width}}  {value}")


@conflicts_app.command("restore")
def restore_conflict(conflict_id: Id) -> None:
    """Make the value that lost an edit of now: it travels everywhere, as any edit."""
    from truth_forge_sync.inbox.conflicts import restore

    with opened_hub(changes=True) as (hub, _):
        one = restore(hub, conflict_id)
    typer.echo(f"Restored: {one.field} of {named(one.name, one.contact_id)}: {told(one.path, one.losing_value)}.")
    if one.revives:
        typer.echo("The contact was deleted; with this edit it comes back.")
    typer.echo(NEXT_CYCLE)


@conflicts_app.command("dismiss")
def dismiss_conflicts(
    conflict_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="The conflicts' ids; their beginnings are enough.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every open one.")] = False,
    yes: Yes = False,
) -> None:
    """Leave conflicts as they were decided. No value changes; a dismissed conflict stays on record."""
    from truth_forge_sync.inbox.conflicts import conflicts, dismiss, dismiss_all

    if everything == bool(conflict_ids):
        raise typer.BadParameter("name conflicts by their ids, or all of them with --all")
    if conflict_ids:
        with opened_hub(changes=True) as (hub, _):
            count = len(dismiss(hub, conflict_ids))
    else:
        with opened_hub(changes=False) as (hub, _):
            waiting = conflicts(hub, limit=1).total
        if waiting and not yes:
            typer.confirm(f"Dismiss {counted(waiting, 'open conflict')}?", abort=True)
        with opened_hub(changes=True) as (hub, _):
            count = dismiss_all(hub)
    typer.echo(f"Dismissed: {count:,}.")


def _standing(one: Conflict) -> str:
    return "deleted" if one.contact == "deleted" else "no more (purged, or merged into another)"
