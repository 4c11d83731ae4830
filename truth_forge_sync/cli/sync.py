"""``sync``: one cycle, as the Dagster job, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from truth_forge_sync.automation.in_process import CycleReport
    from truth_forge_sync.settings import Settings, SystemName
    from truth_forge_sync.sync.preview import Preview

_COLOURS = {"ok": "green", "degraded": "yellow", "held": "yellow", "failed": "red", "skipped": "dim"}


def sync(
    full: Annotated[bool, typer.Option("--full", help="Read every row of every system again.")] = False,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Read again what was changed on this day or later.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Read again what was changed up to this day.")
    ] = None,
    system: Annotated[
        str | None, typer.Option(metavar="SYSTEM", help="Read only this system; every system is given what it lacks.")
    ] = None,
    allow_losses: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Let through what the brake holds, up to N contacts of one system.",
        ),
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and decide; say what would be written, and write nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run one cycle now: read what changed in every system, decide, and give each system what it lacks.

    Exit code 1 where a system did not answer or refused something, the brake holds something, or the cycle failed.
    """
    from truth_forge_sync.home import at_home
    from truth_forge_sync.settings import load_settings

    if full and (since or until):
        raise typer.BadParameter("--full reads everything: leave out --since and --until")
    if since and until and since > until:
        raise typer.BadParameter("--since must not be later than --until")
    with at_home():
        settings = load_settings()
        chosen = _configured(system, settings)
        tags = run_tags(full=full, since=since, until=until)
        report = _run(tags, chosen, pulls_only=dry_run, allow_losses=allow_losses)
        foreseen = _preview(settings) if dry_run and report.status != "failed" else None
    if foreseen:
        _print_preview(report, foreseen, as_json=as_json)
    elif as_json:
        typer.echo(json.dumps(report.as_dict(), indent=2))
    else:
        _print_report(report)
    for error in report.errors:
        typer.echo(error, err=True)
    if report.status in ("degraded", "failed", "held"):
        raise typer.Exit(1)


def run_tags(*, full: bool, since: datetime | None, until: datetime | None) -> dict[str, str]:
    """The tags of the run: a live cycle, one that reads everything, or one that reads chosen days again."""
    from truth_forge_sync.assets.hub import TRIGGER
    from truth_forge_sync.assets.pulls import CHANGE_DAYS, FULL
    from truth_forge_sync.automation.job import day_tags, live_tags

    if full:
        return {**live_tags("manual"), FULL: "true"}
    if since or until:
        first = f"{since:%Y-%m-%d}" if since else str(CHANGE_DAYS.get_first_partition_key())
        last = f"{until or datetime.now(UTC):%Y-%m-%d}"
        return {**day_tags(first, last), TRIGGER: "manual"}
    return live_tags("manual")


def _configured(system: str | None, settings: Settings) -> SystemName | None:
    for name in settings.configured:
        if name == system:
            return name
    if system is None:
        return None
    raise typer.BadParameter(f"configured are: {', '.join(settings.configured)}", param_hint="--system")


def _run(tags: Mapping[str, str], system: SystemName | None, *, pulls_only: bool, allow_losses: int) -> CycleReport:
    with _progress("Starting Dagster") as on_step:
        from truth_forge_sync.automation.in_process import pulls, run_cycle, whole_cycle
        from truth_forge_sync.definitions import defs
        from truth_forge_sync.home import open_instance

        assets = pulls(system) if pulls_only else whole_cycle(system)
        steps = len({key.to_user_string() if key.path[0] != "hub" else "hub" for key in assets})
        with open_instance() as instance:
            return run_cycle(
                defs,
                instance,
                tags,
                assets=assets,
                allow_losses=allow_losses,
                on_step=lambda step: on_step(step, steps),
            )


def _preview(settings: Settings) -> Preview:
    from truth_forge_sync.assets.workbench import Workbench
    from truth_forge_sync.sync.preview import preview
    from truth_forge_sync.sync.rules import Rules

    workbench = Workbench()
    try:
        with workbench.turn():
            return preview(workbench.hub, Rules.of(settings))
    finally:
        workbench.hub.close()


@contextmanager
def _progress(start: str) -> Iterator[Callable[[str, int], None]]:
    """A bar on the terminal that names the step at work; nothing where nobody looks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(start, total=None)
        begun = 0

        def on_step(step: str, steps: int) -> None:
            nonlocal begun
            progress.update(task, description=step.replace("__", "/"), completed=begun, total=steps)
            begun += 1

        yield on_step


def _table() -> Table:
    """Narrow enough for a terminal of 80 columns."""
    from rich import box
    from rich.table import Table

    table = Table(header_style="bold", box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("System")
    table.add_column("Status")
    return table


def _print_report(report: CycleReport) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console()
    table = _table()
    for heading in ("Read", "Changed", "Created", "Updated", "Deleted", "Refused", "Requests", "Seconds"):
        table.add_column(heading, justify="right")
    for name, one in report.systems.items():
        counts = (one.read, one.changed, one.created, one.updated, one.deleted, one.refused, one.requests)
        colour = _COLOURS.get(one.status, "red")
        table.add_row(
            name,
            f"[{colour}]{one.status}[/]",
            *(f"{count:,}" if count else "·" for count in counts),
            f"{one.seconds:.2f}",
        )
    console.print(table)
    for name, one in report.systems.items():
        if one.message and one.status != "skipped":
            console.print(f"[red]{name}:[/] {escape(one.message)}")
    console.print(
        f"[{_COLOURS[report.status]}]{report.status}[/]. Writes: {report.writes:,}. "
        f"New conflicts: {report.hub.conflicts:,}. Rows to review: {report.hub.review:,}.",
        highlight=False,
    )
    if report.hub.held:
        console.print(
            f"[yellow]The brake holds what was deleted or emptied in {report.hub.held:,} contacts.[/] Look: "
            "truth-forge-sync holds list. If it is meant: "
            f"truth-forge-sync sync --allow-losses {report.hub.held}. If not: truth-forge-sync holds reject",
            highlight=False,
        )


def _print_preview(report: CycleReport, foreseen: Preview, *, as_json: bool) -> None:
    """What the pulls read, and what the next cycle would write."""
    kinds = ("create", "patch", "restore", "delete")
    if as_json:
        systems = {
            name: {
                "status": one.status,
                "read": one.read,
                **{kind: foreseen.writes.get(name, {}).get(kind, 0) for kind in kinds},
            }
            for name, one in report.systems.items()
        }
        names = ("created", "updated", "deleted", "conflicts", "review")
        hub = {name: getattr(foreseen, name) for name in names}
        typer.echo(json.dumps({"dry_run": True, "status": report.status, "systems": systems, "hub": hub}, indent=2))
        return
    from rich.console import Console

    console = Console()
    table = _table()
    for heading in ("Read", "To create", "To patch", "To restore", "To delete"):
        table.add_column(heading, justify="right")
    for name, one in report.systems.items():
        counts = (one.read, *(foreseen.writes.get(name, {}).get(kind, 0) for kind in kinds))
        colour = _COLOURS.get(one.status, "red")
        table.add_row(name, f"[{colour}]{one.status}[/]", *(f"{count:,}" if count else "·" for count in counts))
    console.print(table)
    console.print(
        f"Contacts: {foreseen.created:,} new, {foreseen.updated:,} changed, {foreseen.deleted:,} deleted. "
        f"New conflicts: {foreseen.conflicts:,}. Rows to review: {foreseen.review:,}.\n"
        "Nothing was written: the next cycle does it.",
        highlight=False,
    )
