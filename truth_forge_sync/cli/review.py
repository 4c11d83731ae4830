"""``review …``: rows that may be one of several contacts wait for a person to say who each is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from truth_forge_sync.cli.inbox import NEXT_CYCLE, Json, Yes, counted, named, print_json, print_table, short
from truth_forge_sync.cli.opened import opened_hub
from truth_forge_sync.errors import Stop

if TYPE_CHECKING:
    from truth_forge_sync.hub.hub import Hub
    from truth_forge_sync.inbox.review import Review
    from truth_forge_sync.settings import Settings
    from truth_forge_sync.systems.protocol import System

review_app = typer.Typer(
    help="Rows that may be one of several contacts: say which, or that each is its own.", no_args_is_help=True
)

Id = Annotated[str, typer.Argument(metavar="ID", help="The review's id; its beginning is enough.")]


@review_app.command("list")
def list_reviews(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are decided.")] = False,
    as_json: Json = False,
) -> None:
    """List the rows that wait, newest first, with the contacts that each may be."""
    from truth_forge_sync.inbox.review import reviews

    with opened_hub(changes=False) as (hub, _):
        found = reviews(hub, everything=everything)
    if as_json:
        print_json(found)
        return
    if found:
        print_table(
            ("Id", "System", "Row", "Rule", "May be", "When (UTC)"),
            (
                (
                    short(one.review_id),
                    one.system,
                    one.native_id,
                    one.rule if one.status == "open" else f"{one.rule}, {one.status}",
                    ", ".join(named(candidate.name, candidate.contact_id) for candidate in one.candidates),
                    one.created_at,
                )
                for one in found
            ),
        )
    typer.echo(f"{counted(len(found), 'row')}{'' if everything else ' to review'}." if found else "No rows to review.")


@review_app.command("link")
def link_row(
    review_id: Id,
    contact_id: Annotated[
        str | None,
        typer.Argument(metavar="CONTACT", help="The contact's id; left out, the only one that the row may be."),
    ] = None,
    yes: Yes = False,
) -> None:
    """Say which contact the row is: their values are merged, field by field."""
    from truth_forge_sync.inbox.review import link, open_review, target

    with opened_hub(changes=False) as (hub, _):
        review = open_review(hub, review_id)
        chosen = target(hub, review, contact_id)
    if chosen.occupied_by and not yes:
        typer.echo(
            f"{review.system} has another row of {named(chosen.contact.name, chosen.contact.contact_id)} already: "
            f"{chosen.occupied_by}. The values of {review.native_id} will be merged into the contact, and the row will "
            "be deleted there."
        )
        typer.confirm("Link them?", abort=True)
    with opened_hub(changes=True) as (hub, settings):
        review = open_review(hub, review.review_id)  # somebody may have decided meanwhile
        now = target(hub, review, chosen.contact.contact_id)
        if now.occupied_by and not chosen.occupied_by and not yes:
            raise Stop("the contact has got another row there meanwhile", system=review.system, remedy="try again")
        with _opened(review, hub, settings) as system:
            done = link(hub, system, review, now)
    _tell(review, f"is {named(now.contact.name, now.contact.contact_id)}", done=done)


@review_app.command("separate")
def separate_row(review_id: Id) -> None:
    """Say that the row is none of them: it becomes a contact of its own."""
    from truth_forge_sync.inbox.review import open_review, separate

    with opened_hub(changes=True) as (hub, settings):
        review = open_review(hub, review_id)
        with _opened(review, hub, settings) as system:
            done = separate(hub, system, review)
    _tell(review, "is a contact of its own", done=done)


@contextmanager
def _opened(review: Review, hub: Hub, settings: Settings) -> Iterator[System]:
    """The system of the row. Raises Stop where it is not configured."""
    from truth_forge_sync.hub.hand_edits import HUB, HandEdits
    from truth_forge_sync.systems import open_system

    if review.system == HUB:
        yield HandEdits(hub, region=settings.default_region)  # the hub is closed by who opened it
        return
    name = next((name for name in settings.configured if name == review.system), None)
    if name is None:
        raise Stop("it is not configured", system=review.system, remedy="set its variables: .env.example lists them")
    system = open_system(name, settings)
    try:
        yield system
    finally:
        system.close()


def _tell(review: Review, what: str, *, done: bool) -> None:
    row = f"{review.system} row {review.native_id}"
    if not done:
        typer.echo(f"{row} is deleted or gone: there is nothing to decide any more.", err=True)
        raise typer.Exit(1)
    typer.echo(f"{row} {what}.")
    typer.echo(NEXT_CYCLE)
