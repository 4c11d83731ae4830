"""``sandbox …``: the local stand-ins alone, without Dagster."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from truth_forge_sync.errors import Stop, SyncError

if TYPE_CHECKING:
    from truth_forge_sync.sandbox.compare import Comparison
    from truth_forge_sync.sandbox.stand_ins import StandIns
    from truth_forge_sync.settings import SystemName

sandbox_app = typer.Typer(
    help="The local stand-ins: Twenty, Supabase, a local database and a hub, with 300 made-up contacts.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]

_DIFFERENCES_SHOWN = 20


def _stand_ins() -> StandIns:
    """Raises Stop where the extra is not installed."""
    try:
        from truth_forge_sync.sandbox import postgres, twenty  # noqa: F401
        from truth_forge_sync.sandbox.stand_ins import StandIns
    except ModuleNotFoundError as error:
        raise Stop(f"the sandbox needs {error.name}", remedy="install truth-forge-sync[sandbox]") from error
    return StandIns()


@sandbox_app.command()
def start() -> None:
    """Start the stand-ins in the background; they keep their data and, where they can, their ports."""
    stand_ins = _stand_ins()
    typer.echo("Started." if _start(stand_ins) else "Running already.")
    environment = stand_ins.environment()
    for name in ("TWENTY_URL", "SUPABASE_URL", "LOCAL_DATABASE_URL", "TRUTH_FORGE_HUB_PATH"):
        typer.echo(f"  {name}={environment[name]}")


@sandbox_app.command()
def stop() -> None:
    """Stop the stand-ins. Their data stay."""
    typer.echo("Stopped." if _stand_ins().stop() else "Nothing was running.")


@sandbox_app.command()
def down(system: Annotated[str, typer.Argument(help="twenty or supabase.")]) -> None:
    """Let one stand-in answer as if it were down, until it is taken up: see the others go on without it."""
    stand_ins = _stand_ins()
    stand_ins.state()
    stand_ins.take_down(_served(system))
    typer.echo(f"{system} is down. Take it up again: truth-forge-sync sandbox up {system}")


@sandbox_app.command()
def up(system: Annotated[str, typer.Argument(help="twenty or supabase.")]) -> None:
    """Take a stand-in up again. It catches up by itself."""
    stand_ins = _stand_ins()
    stand_ins.state()
    stand_ins.take_up(_served(system))
    typer.echo(f"{system} is up.")


@sandbox_app.command()
def seed(
    again: Annotated[
        bool, typer.Option("--again", help="Also if that was done: brings back rows that are gone.")
    ] = False,
) -> None:
    """Create what is missing in all four systems, and put the made-up contacts into them, once."""
    stand_ins = _stand_ins()
    stand_ins.state()
    _seed(stand_ins, again=again)


@sandbox_app.command()
def edit(
    system: Annotated[str | None, typer.Option(help="bigquery, twenty, supabase or local; random if left out.")] = None,
    field: Annotated[str | None, typer.Option(help="The field to change; random if left out.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same choices each time.")] = None,
    as_json: Json = False,
) -> None:
    """Change a random contact in a random system as a person would, and say what was done."""
    stand_ins = _stand_ins()
    stand_ins.state()
    from truth_forge_sync.sandbox.edit import make_edit

    made = make_edit(stand_ins.settings(), system=_system(system), field=field, seed=seed)
    if as_json:
        typer.echo(json.dumps(asdict(made), ensure_ascii=False, default=_iso))
        return
    typer.echo(f"{made.system}: {made.name or 'a contact'} ({made.native_id})")
    typer.echo(f"  {made.field}: {_text(made.old)} → {_text(made.new)}")


@sandbox_app.command()
def env() -> None:
    """Print the settings as shell exports: eval "$(truth-forge-sync sandbox env)"."""
    import os

    from dotenv import dotenv_values

    from truth_forge_sync.sandbox.dagster_home import home_in
    from truth_forge_sync.sandbox.stand_ins import VARIABLES

    stand_ins = _stand_ins()
    ours = {**stand_ins.environment(), "DAGSTER_HOME": str(home_in(stand_ins.folder))}
    if dotenv_values(".env").get("BIGQUERY_PROJECT"):
        # A shell can't unset what a file sets, and made-up contacts must not reach a real hub.
        raise Stop(".env sets BIGQUERY_PROJECT", remedy="comment it out there while you work on the sandbox")
    for name, value in ours.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
    for name in VARIABLES:
        if name in os.environ and name not in ours:
            typer.echo(f"unset {name}")
    if not stand_ins.is_running():
        typer.echo("the sandbox is not running: truth-forge-sync sandbox start", err=True)


@sandbox_app.command()
def compare(as_json: Json = False) -> None:
    """Read every system by its own API and say whether they agree; exit code 1 if they don't."""
    stand_ins = _stand_ins()
    stand_ins.state()
    from truth_forge_sync.sandbox.compare import compare as compare_systems

    found = compare_systems(stand_ins.settings())
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False))
    else:
        _show(found)
    if found.differences:
        raise typer.Exit(1)


@sandbox_app.command()
def latency(
    edits: Annotated[int, typer.Option(min=1, help="How many edits to make.")] = 50,
    as_json: Json = False,
) -> None:
    """Make edits in one system after the other while dev runs, and tell how long they take to all others.

    Exit code 1 where one did not arrive within a minute.
    """
    stand_ins = _stand_ins()
    stand_ins.state()
    from truth_forge_sync.sandbox.latency import measure, summary

    lags = []
    for lag in measure(stand_ins.settings(), edits):
        lags.append(lag)
        told = "did not arrive" if lag.seconds is None else f"{lag.seconds:.1f} s"
        typer.echo(f"{len(lags):>3}  {lag.system:<9} {lag.field:<11} {told}", err=True)
    found = summary(lags)
    if as_json:
        typer.echo(json.dumps(found))
    else:
        typer.echo(
            f"{found['arrived']} of {found['edits']} edits arrived; median {found['median_seconds']} s, "
            f"95th percentile {found['p95_seconds']} s, most {found['most_seconds']} s."
        )
    if found["arrived"] != found["edits"]:
        raise typer.Exit(1)


def start_and_seed(stand_ins: StandIns) -> None:
    """What ``dev`` needs before Dagster starts."""
    _start(stand_ins)
    _seed(stand_ins)


def _start(stand_ins: StandIns) -> bool:
    from rich.console import Console

    with Console(stderr=True).status("Starting the stand-ins (the first time takes some seconds) …"):
        return stand_ins.start()


def _seed(stand_ins: StandIns, *, again: bool = False) -> None:
    from rich.console import Console

    from truth_forge_sync.sandbox.set_up import set_up, sow_all

    console = Console(stderr=True)
    with console.status("Creating what is missing …") as status:
        for step in set_up(stand_ins):
            if not step.done:
                raise SyncError(f"left undone: {step.what}", system=step.system)
            status.update(f"{step.system}: {step.what} …")
        status.update("Sowing the contacts …")
        added = sow_all(stand_ins, again=again)
    if added is None:
        typer.echo("The contacts were sown before.")
    else:
        typer.echo("Contacts sown: " + ", ".join(f"{count} in {system}" for system, count in added.items()) + ".")


def _show(found: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("system", "contacts", "missing here")
    for system, count in found.contacts.items():
        missing = sum(system in difference.missing_in for difference in found.differences)
        table.add_row(system, f"{count:,}", f"{missing:,}")
    console = Console()
    console.print(table)
    typer.echo(f"{found.equal:,} contacts are equal everywhere, {len(found.differences):,} are not.")
    for difference in found.differences[:_DIFFERENCES_SHOWN]:
        told = [f"missing in {', '.join(difference.missing_in)}"] if difference.missing_in else []
        told += [f"fields {', '.join(difference.fields)}"] if difference.fields else []
        typer.echo(f"  {difference.contact_id}: {'; '.join(told)}")
    if (more := len(found.differences) - _DIFFERENCES_SHOWN) > 0:
        typer.echo(f"  … and {more:,} more (--json lists all)")


def _system(name: str | None) -> SystemName | None:
    from truth_forge_sync.settings import SYSTEMS

    found = next((system for system in SYSTEMS if system == name), None)
    if name is not None and found is None:
        raise Stop(f"there is no system {name}", remedy=f"choose one of {', '.join(SYSTEMS)}")
    return found


def _served(name: str) -> SystemName:
    from truth_forge_sync.sandbox.stand_ins import SERVED

    if found := next((system for system in SERVED if system == name), None):
        return found
    raise Stop(f"{name} can't be taken down", remedy=f"choose one of {', '.join(SERVED)}")


def _text(value: Any) -> str:
    if value in (None, "", []):
        return "(empty)"
    return str(value) if isinstance(value, str | date) else json.dumps(value, ensure_ascii=False, default=_iso)


def _iso(value: Any) -> str:
    """Dates, as the databases' drivers give them."""
    return str(value)
