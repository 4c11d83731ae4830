"""``doctor``: what is wrong with each system, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import typer

from truth_forge_sync.cli.inbox import Json, counted, print_json

if TYPE_CHECKING:
    from truth_forge_sync.doctor import Finding

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "dim"}


def doctor(as_json: Json = False) -> None:
    """Check each system: settings, reachability, rights, schema and clock. Changes nothing; a failure says its remedy.

    Exit code 1 where something failed; a warning is none.
    """
    from rich.console import Console

    from truth_forge_sync.doctor import examine
    from truth_forge_sync.home import at_home
    from truth_forge_sync.settings import load_settings

    with at_home(), Console(stderr=True).status("Looking at the systems …"):
        found = list(examine(load_settings()))
    if as_json:
        print_json(found)
    else:
        _print(found)
    if any(finding.status == "failed" for finding in found):
        raise typer.Exit(1)


def _print(found: Sequence[Finding]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("System", "Check", "", header_style="bold")
    table.add_column("Found, and what to do", overflow="fold")
    shown = ""
    # What has one remedy is told together.
    for (system, check, status, remedy), same in groupby(found, lambda f: (f.system, f.check, f.status, f.remedy)):
        if shown and system != shown:
            table.add_section()
        told = [escape(finding.message) for finding in same] + ([f"[bold]→[/bold] {escape(remedy)}"] if remedy else [])
        table.add_row("" if system == shown else system, check, f"[{_COLOURS[status]}]{status}[/]", "\n".join(told))
        shown = system
    Console().print(table)
    failed = sum(finding.status == "failed" for finding in found)
    warned = sum(finding.status == "warning" for finding in found)
    typer.echo(f"{counted(failed, 'failure')}, {counted(warned, 'warning')}.")
