"""``dev``: the sandbox and ``dagster dev`` on it, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer


def dev(
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Port of the UI.", show_default="3000, or the next free one")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the UI in the browser.")] = True,
) -> None:
    """Start the sandbox (local stand-ins, seeded) and dagster dev on it. Ctrl-C stops all of it; data survive."""
    from truth_forge_sync.cli.sandbox import start_and_seed
    from truth_forge_sync.sandbox.dagster_home import make_home, project
    from truth_forge_sync.sandbox.dev_server import dev_server, end_stray_server, free_port
    from truth_forge_sync.sandbox.stand_ins import StandIns

    stand_ins = StandIns()
    # Asked before anything is started: is there a project here, is the port free, does another one run.
    project()
    free_port(port)
    end_stray_server(stand_ins)
    with _interruptible():
        try:
            start_and_seed(stand_ins)
            with dev_server(stand_ins, make_home(stand_ins.folder), port=port) as server:
                server.wait_until_ready()
                _show(server.url)
                if browser and _has_screen():
                    typer.launch(server.url)
                server.wait()
            typer.echo("dagster dev ended by itself: its output above says why", err=True)
            raise typer.Exit(1)
        except KeyboardInterrupt:
            pass  # the way to end it
        finally:
            stand_ins.stop()
    typer.echo("Stopped. The data are in .truth_forge/; dev goes on from there.")


def _show(url: str) -> None:
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table

    steps = Table.grid(padding=(0, 2))
    steps.add_row("The UI", f"[bold link={url}]{url}[/]")
    steps.add_row("", "Lineage shows the assets; Runs shows the cycles. The first one starts by itself within seconds.")
    steps.add_row("In step?", "[bold]truth-forge-sync sandbox compare[/] reads all four systems and says so")
    steps.add_row(
        "An edit", "[bold]truth-forge-sync sandbox edit[/] changes a contact in one of them as a person would;"
    )
    steps.add_row("", "the others hold it within half a minute")
    steps.add_row(
        "Commands", '[bold]eval "$(truth-forge-sync sandbox env)"[/], then sync, status, hub sql … work on it'
    )
    steps.add_row("Stop", "[bold]Ctrl-C[/] here: the UI and the stand-ins stop, the data stay in .truth_forge/")
    Console(stderr=True).print(Panel(steps, title="Truth Forge Sync on local stand-ins", expand=False, padding=(1, 2)))


def _has_screen() -> bool:
    """Whether a browser would open in a window, rather than take over this terminal or a server's."""
    if not sys.stdout.isatty():
        return False
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal raise KeyboardInterrupt in the block, but only once."""
    asked = False

    def end(_sign: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            typer.echo("\nStopping …", err=True)
            raise KeyboardInterrupt

    signs = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {sign: signal.signal(sign, end) for sign in signs}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
