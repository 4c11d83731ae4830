"""``webhooks …``: take the systems' webhooks and start cycles at once."""

from __future__ import annotations

from typing import Annotated

import typer

webhooks_app = typer.Typer(
    help="Webhooks of Twenty and Supabase: a cycle starts at once, not at the next look.", no_args_is_help=True
)


@webhooks_app.callback()
def _webhooks() -> None:
    """Makes ``serve`` a command of the group though it is the only one."""


@webhooks_app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; beyond this machine, put TLS before it.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 8765,
) -> None:
    """Take webhooks at /twenty and /supabase until Ctrl-C. The daemon (dagster dev) runs the cycles."""
    from truth_forge_sync.errors import Stop
    from truth_forge_sync.home import at_home, open_instance
    from truth_forge_sync.settings import load_settings

    try:
        import uvicorn

        from truth_forge_sync.webhooks.app import create_app, verifiers
    except ModuleNotFoundError as error:
        raise Stop(f"webhooks need {error.name}", remedy="install truth-forge-sync[webhooks]") from error
    from truth_forge_sync.webhooks.trigger import Trigger

    with at_home():
        known = verifiers(load_settings())
        if not known:
            raise Stop(
                "no webhook could be verified", remedy="set TWENTY_WEBHOOK_SECRET or SUPABASE_WEBHOOK_SECRET (or both)"
            )
        with open_instance() as instance:
            if instance.is_ephemeral:
                raise Stop("there is no Dagster here to start cycles", remedy="run this in the project's folder")
            from truth_forge_sync.automation.enqueue import CycleQueue

            app = create_app(known, Trigger(CycleQueue(instance, "webhook").start))
            typer.echo(
                f"Webhooks: {', '.join(f'http://{host}:{port}/{name}' for name in known)}. Stop: Ctrl-C", err=True
            )
            uvicorn.run(
                app,
                host=host,
                port=port,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=200,
                timeout_graceful_shutdown=5,
                ws="none",
            )
