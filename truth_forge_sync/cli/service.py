"""``service …``: the production daemon under systemd or launchd."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from truth_forge_sync.errors import Stop

if TYPE_CHECKING:
    from truth_forge_sync.service.launchd import Launchd
    from truth_forge_sync.service.systemd import Systemd

service_app = typer.Typer(
    help="The production daemon under systemd or launchd, per user or system-wide.", no_args_is_help=True
)

System = Annotated[
    bool,
    typer.Option("--system/--user", help="For the whole machine (as root), or for you alone.", show_default="user"),
]
Init = Annotated[
    bool | None,
    typer.Option("--systemd/--launchd", help="Which of them.", show_default="launchd on macOS, else systemd"),
]
Port = Annotated[int, typer.Option(min=1, max=65_535, help="Port of the UI, on the loopback address.")]
CodePort = Annotated[int, typer.Option(min=1, max=65_535, help="Port of the code server, on the loopback address.")]

WebhooksPort = Annotated[
    int, typer.Option(min=1, max=65_535, help="Port of the receiver of webhooks, on the loopback address.")
]
Webhooks = Annotated[
    bool | None,
    typer.Option("--webhooks/--no-webhooks", help="Take webhooks.", show_default="where .env has the secret of one"),
]


@service_app.command()
def install(
    system: System = False,
    systemd: Init = None,
    port: Port = 3000,
    code_port: CodePort = 4000,
    webhooks_port: WebhooksPort = 8765,
    webhooks: Webhooks = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be written.")] = False,
) -> None:
    """Write the files of the service, start it, and let it start by itself from now on. Safe to repeat."""
    from truth_forge_sync.service.plan import make_plan

    service = _service(system, systemd)
    plan = make_plan(system=system, ui_port=port, code_port=code_port, webhooks_port=webhooks_port, webhooks=webhooks)
    if dry_run:
        for path, text in service.files(plan).items():
            typer.echo(f"--- {path}\n{text}")
        return
    service.install(plan)
    typer.echo(f"Installed and started. The UI: http://127.0.0.1:{port}")
    if plan.webhooks:
        typer.echo(f"Webhooks: http://127.0.0.1:{webhooks_port} (docs/webhooks.md)")
    if hint := service.hint():
        typer.echo(hint)


@service_app.command()
def uninstall(system: System = False, systemd: Init = None) -> None:
    """Stop the service and remove its files; contacts, settings and Dagster's history stay."""
    from truth_forge_sync.service.plan import project_home

    _installed(system, systemd).uninstall(project_home())
    typer.echo("Uninstalled.")


@service_app.command()
def start(system: System = False, systemd: Init = None) -> None:
    """Start what is installed."""
    _installed(system, systemd).start()
    typer.echo("Started.")


@service_app.command()
def stop(system: System = False, systemd: Init = None) -> None:
    """Stop it until the next start, log-in or boot; a cycle at work is asked to end."""
    _installed(system, systemd).stop()
    typer.echo("Stopped.")


@service_app.command()
def status(system: System = False, systemd: Init = None) -> None:
    """Tell whether its processes run: exit code 1 where one does not. How the sync is doing: see status."""
    states = _installed(system, systemd).states()
    for name, state in states.items():
        typer.echo(f"{name:<36}{state}")
    if any(state != "active" for state in states.values()):
        raise typer.Exit(1)


@service_app.command()
def logs(
    system: System = False,
    systemd: Init = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 100,
) -> None:
    """Show what its processes said."""
    from truth_forge_sync.service.plan import project_home

    if code := _installed(system, systemd).logs(project_home(), follow=follow, lines=lines):
        raise typer.Exit(code)


def _service(system: bool, systemd: bool | None) -> Systemd | Launchd:
    if sys.platform != "darwin" if systemd is None else systemd:
        from truth_forge_sync.service.systemd import Systemd

        return Systemd(system)
    from truth_forge_sync.service.launchd import Launchd

    return Launchd(system)


def _installed(system: bool, systemd: bool | None) -> Systemd | Launchd:
    service = _service(system, systemd)
    if not service.installed():
        where = "system-wide" if system else "for you"
        other = "--user" if system else "--system"
        raise Stop(f"nothing is installed {where}", remedy=f"truth-forge-sync service install, or look with {other}")
    return service
