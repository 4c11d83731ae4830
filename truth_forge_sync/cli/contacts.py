"""``contacts …``: what a contact was, and how two are made one, or what was done badly is undone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from truth_forge_sync.cli.inbox import NEXT_CYCLE, Json, Yes, cell, counted, cut, print_json, print_table, told
from truth_forge_sync.cli.opened import opened_hub

if TYPE_CHECKING:
    from truth_forge_sync.history.merge import Merge, MergePlan
    from truth_forge_sync.history.rewind import Count, Rewind, Scope
    from truth_forge_sync.history.show import Contact, Held

contacts_app = typer.Typer(
    help="A contact's history; two contacts made one, and two again; what was done badly undone.", no_args_is_help=True
)

_WHO = "A contact's id, the beginning of one, or an e-mail or phone of the contact."


@contacts_app.command("show")
def show_contact(
    asked: Annotated[str, typer.Argument(metavar="ID", help=_WHO)],
    as_json: Json = False,
) -> None:
    """Show who set each value of a contact, when and from where, what it was before, and what is open about it."""
    from truth_forge_sync.history.show import contact

    with opened_hub(changes=False) as (hub, _):
        found = contact(hub, asked)
    if as_json:
        typer.echo(json.dumps(_as_object(found), ensure_ascii=False, default=datetime.isoformat, indent=2))
        return
    typer.echo(found.name or "(no name)")
    state = ", deleted" if found.is_deleted else ""
    typer.echo(f"contact {found.contact_id}, since {cell(found.created_at)} UTC, version {found.version}{state}\n")
    print_table(("Field", "Value", "Set (UTC)", "By", "Through"), _value_rows(found))
    typer.echo()
    print_table(
        ("System", "Row", "State", "Known (UTC)"),
        [(row.system, row.native_id, row.state, row.known_at) for row in found.native_rows],
    )
    for line in _open(found):
        typer.echo(line)


@contacts_app.command("merge")
def merge_contacts(
    keep: Annotated[str, typer.Argument(metavar="KEEP", help=f"Who stays. {_WHO}")],
    absorb: Annotated[str, typer.Argument(metavar="ABSORB", help="Whose values join it, and whose rows are deleted.")],
    yes: Yes = False,
) -> None:
    """Make two contacts one: of each value the later one stays, and further e-mails, phones and keys are those of both.

    The rows of the absorbed contact are deleted in every system. It can be undone: contacts unmerge.
    """
    from truth_forge_sync.errors import Stop
    from truth_forge_sync.history.merge import finish, merge, plan_merge
    from truth_forge_sync.sync.rules import Rules

    with opened_hub(changes=True) as (hub, settings):
        authorities = Rules.of(settings).authorities
        finished = finish(hub)
        _tell_finished(finished)
        if any(one.status == "merged" and one.absorbed_contact_id.startswith(absorb.strip()) for one in finished):
            typer.echo(NEXT_CYCLE)
            return
        plan = plan_merge(hub, keep, absorb, authorities)
    _print_plan(plan)
    if not yes:
        typer.confirm(f"Merge {plan.absorbed.label} into {plan.kept.label}?", abort=True)
    with opened_hub(changes=True) as (hub, _):
        again = plan_merge(hub, plan.kept.contact_id, plan.absorbed.contact_id, authorities)
        if not plan.is_as(again):
            raise Stop("one of the contacts changed meanwhile", remedy="run the same command again")
        done = merge(hub, again)
    typer.echo(f"Merged, as {done.merge_id}. To undo it: truth-forge-sync contacts unmerge {done.merge_id}")
    typer.echo(NEXT_CYCLE)


@contacts_app.command("unmerge")
def unmerge_contacts(
    asked: Annotated[str, typer.Argument(metavar="MERGE", help="The merge's id, or the absorbed contact's.")],
    yes: Yes = False,
) -> None:
    """Make two contacts of one again, as they were; what was edited since the merge stays with the kept one."""
    from truth_forge_sync.history.merge import finish, plan_unmerge, unmerge

    with opened_hub(changes=True) as (hub, _):
        finished = finish(hub)
        _tell_finished(finished)
        if any(one.status == "unmerged" and asked in (one.merge_id, one.absorbed_contact_id) for one in finished):
            typer.echo(NEXT_CYCLE)
            return
        chosen = plan_unmerge(hub, asked.strip())
    kept, absorbed = _labels(chosen)
    if not yes:
        typer.confirm(f"Take {absorbed} out of {kept} again?", abort=True)
    with opened_hub(changes=True) as (hub, _):
        unmerge(hub, plan_unmerge(hub, chosen.merge_id))
    typer.echo(f"Unmerged: {absorbed} is a contact of its own again.")
    typer.echo(NEXT_CYCLE)


@contacts_app.command("merges")
def list_merges(as_json: Json = False) -> None:
    """List the contacts that were merged, newest first."""
    from truth_forge_sync.history.merge import merges

    with opened_hub(changes=False) as (hub, _):
        found = merges(hub)
    if as_json:
        print_json(found)
        return
    if found:
        print_table(
            ("Merge", "Kept", "Absorbed", "Status", "When (UTC)"),
            [(one.merge_id, *_labels(one), one.status, one.merged_at) for one in found],
        )
    typer.echo(f"{counted(len(found), 'merge')}." if found else "No merges.")


@contacts_app.command("rewind")
def rewind_changes(
    cycle: Annotated[str | None, typer.Option(metavar="CYCLE", help="Undo what this cycle did.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Undo what was done since: 2024-01-31T10:00; UTC without an offset."),
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="SYSTEM", help="Only what came from this system.")] = None,
    details: Annotated[bool, typer.Option("--details", help="Show each value.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Do it. Without this, only say what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Say what would undo one bad cycle, or one bad system since a time; with --apply, do it, as edits like any other.

    What somebody else has edited since is left alone.
    """
    from truth_forge_sync.history.rewind import Scope, rewind
    from truth_forge_sync.settings import SYSTEMS

    if (cycle is None) == (since is None):
        raise typer.BadParameter("say what to undo: either --cycle, or --since with or without --system")
    if system is not None and system not in SYSTEMS:
        raise typer.BadParameter(f"systems are: {', '.join(SYSTEMS)}", param_hint="--system")
    scope = Scope(cycle, _instant(since), system)
    with opened_hub(changes=True) as (hub, _), rewind(hub, scope) as found:
        if apply:
            found.apply()
        if as_json:
            typer.echo(
                json.dumps(_rewind_object(found, scope, applied=apply, details=details), ensure_ascii=False, indent=2)
            )
        else:
            _print_rewind(found, applied=apply, details=details)


# -- what is printed --------------------------------------------------------------------------------------------------


def _as_object(found: Contact) -> dict[str, Any]:
    return {
        "contact_id": found.contact_id,
        "name": found.name,
        "created_at": found.created_at,
        "version": found.version,
        "deleted": found.is_deleted,
        "values": [asdict(value) for value in found.values],
        "native_rows": [{**asdict(row), "state": row.state} for row in found.native_rows],
        **{name: list(getattr(found, name)) for name in ("intents", "errors", "holds", "conflicts", "edits")},
    }


def _value_rows(found: Contact) -> Iterator[tuple[str, ...]]:
    for value in found.values:
        yield (_field(value.path), *_held(value.path, value.now))
        for earlier in value.earlier:
            yield ("  before", *_held(value.path, earlier))


def _field(path: str) -> str:
    from truth_forge_sync.contact import FIELD, field_of

    field = FIELD.get(field_of(path))
    return field.name if field is not None and field.type.is_list else path


def _held(path: str, held: Held) -> tuple[str, ...]:
    value = told(path, held.value)
    if held.value is None and _field(path) != path:
        value = f"{path.partition('/')[2]} (removed)"
    return cut(value), cell(held.changed_at), held.system, held.origin or held.cycle_id or ""


def _open(found: Contact) -> Iterator[str]:
    for item in found.intents:
        if item["status"] == "open":
            yield f"To be written to {item['system']}: {item['kind']} {', '.join(item['paths'])}"
    for item in found.edits:
        yield f"To be taken by the next cycle: {item['path']} = {told(item['path'], item['value'])} ({item['origin']})"
    for item in found.errors:
        yield f"Not taken by {item['system']}: {item['field']}: {item['message']} (errors list)"
    for item in found.holds:
        yield f"Held back from {item['system']}: {item['path']} = {told(item['path'], item['value'])} (holds list)"
    for item in found.conflicts:
        lost = f"{item['losing_system']}: {told(item['field'], item['losing_value'])}"
        yield f"Open conflict {item['conflict_id'][:8]}: {item['field']} lost {lost} (conflicts show)"


def _print_plan(plan: MergePlan) -> None:
    differences = plan.differences
    if differences:
        print_table(
            ("Field", "Kept", "Absorbed", "After"),
            [
                (
                    _field(path),
                    *(
                        cut(_plain(path, registers.get(path)))
                        for registers in (plan.kept.registers, plan.absorbed.registers, plan.merged)
                    ),
                )
                for path in differences
            ],
        )
    typer.echo(f"{counted(len(plan.lost), 'value')} will be in neither; contacts show and conflicts list keep them.")
    for row in plan.retired:
        if row.system != "bigquery":
            typer.echo(f"To be deleted in {row.system}: row {row.native_id}")


def _plain(path: str, register: Any) -> str:
    from truth_forge_sync.history.show import told_value

    return (told_value(path, register.value) if register else None) or ""


def _tell_finished(finished: Sequence[Merge]) -> None:
    for one in finished:
        kept, absorbed = _labels(one)
        typer.echo(f"Finished what was interrupted: {absorbed} and {kept} are {one.status}.")


def _labels(one: Merge) -> tuple[str, str]:
    return (
        f"{one.kept_name or 'no name'} ({one.kept_contact_id})",
        f"{one.absorbed_name or 'no name'} ({one.absorbed_contact_id})",
    )


_UNDOING = {"edit": "give values back", "delete": "delete contacts", "restore": "bring contacts back"}


def _print_rewind(found: Rewind, *, applied: bool, details: bool) -> None:
    if details:
        print_table(
            ("Contact", "Field", "Now", "Then", ""),
            (
                (
                    f"{one.name or 'no name'} ({one.contact_id})",
                    one.field,
                    cut(told(one.field, one.value_now)),
                    cut(told(one.field, one.value)) if one.verdict in _UNDOING else "",
                    "" if one.verdict in _UNDOING else _reason(one.verdict, one.hint),
                )
                for one in found.details()
            ),
        )
    if found.counts:
        print_table(
            ("What", "Contacts", "Values"), [(_told_count(one), one.contacts, one.paths) for one in found.counts]
        )
    if not found.proposed:
        typer.echo("There is nothing to undo.")
    elif applied:
        typer.echo(NEXT_CYCLE)
    else:
        typer.echo("Nothing was changed: --apply does it, --details shows each value.")


def _told_count(count: Count) -> str:
    return _UNDOING.get(count.verdict) or f"left alone: {_reason(count.verdict, count.hint)}"


def _reason(verdict: str, hint: str | None) -> str:
    from truth_forge_sync.history.rewind import LEFT_ALONE

    return f"{LEFT_ALONE[verdict]}{f' (contacts unmerge {hint})' if hint else ''}"


def _rewind_object(found: Rewind, scope: Scope, *, applied: bool, details: bool) -> dict[str, Any]:
    told_: dict[str, Any] = {
        "scope": scope.name,
        "applied": applied,
        "proposed": [asdict(one) for one in found.proposed],
        "left_alone": [asdict(one) for one in found.left_alone],
    }
    return {**told_, "details": [asdict(one) for one in found.details()]} if details else told_


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("a time looks like 2024-01-31T10:00", param_hint="--since") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
