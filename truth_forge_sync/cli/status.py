"""``status``: is it running, when did it last sync, and how is each system."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell whether the daemon runs, when the last cycle was, and how each system is.

    Exit code 1 where the daemon does not run or a configured system is not healthy.
    """
    from truth_forge_sync.status import is_fine, read_status

    found = read_status()
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _print(found)
    if not is_fine(found):
        raise typer.Exit(1)


def _print(found: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    facts = Table.grid(padding=(0, 2))
    facts.add_row("Daemon", "[green]running[/green]" if found["running"] else "[red]not running[/red]")
    facts.add_row("Last cycle", _ago(found["last_sync_time"]))
    facts.add_row("Last success", _ago(found["last_success_time"]))
    facts.add_row("Next cycle", _ago(found["next_sync_time"]) if found["running"] else "none before the daemon runs")
    if found["contacts"] is not None:
        facts.add_row("Contacts", f"{found['contacts']:,}, {found['aligned_share']:.1%} of them equal everywhere")
        facts.add_row(
            "Open",
            f"{found['conflicts_open']:,} conflicts, {found['review_open']:,} to review, "
            f"{found['errors_parked']:,} values parked",
        )
    console.print(facts)
    table = Table("System", "Health", "Last read", "Pending", "Message", header_style="bold")
    for name, system in found["systems"].items():
        health = "[green]healthy[/green]" if system["healthy"] else "[red]unhealthy[/red]"
        table.add_row(
            name,
            health if system["configured"] else "[dim]not configured[/dim]",
            _ago(system["last_read_at"]),
            f"{system['pending']:,}",
            escape(system["message"] or "") if system["configured"] else "",
        )
    console.print(table)


def _ago(moment: str | None) -> str:
    """How long ago, or how soon, a moment is."""
    if moment is None:
        return "never"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    size = abs(seconds)
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if size >= 2 * length:
            text = f"{size / length:.0f} {unit}"
            break
    else:
        text = f"{size:.0f} s"
    return f"in {text}" if seconds < 0 else f"{text} ago"
