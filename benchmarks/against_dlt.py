"""Reading all of Supabase into DuckDB against dlt, from the same server, on this machine and in the same run.

Ours is a pull: by the REST API, page by page, every value brought into its canonical form, staged in the embedded hub.
dlt loads the rows as they are, and is measured three ways: by the API that ours reads; and by the database, as its
users do with Supabase, without any HTTP in between, row by row (its default) and by way of Arrow (its quickest). Each
is a process of its own whose imports are left out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from benchmarks.peers.environment import MissingPeer, seconds_of
from benchmarks.people import contacts
from benchmarks.result import Result, Sizes, Skipped
from benchmarks.servers import Servers, servers
from truth_forge_sync.sandbox.seeding import sow_database

AT_LEAST_AS_FAST: Final = 1.0


def against_dlt(sizes: Sizes) -> Sequence[Result | Skipped]:
    count = sizes.extracted
    what = f"extraction of {count:,} contacts from Supabase"
    with servers() as made:
        _sow(made, count)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            ours = pool.submit(_pull, made, count).result()
        settings = made.environment
        ways = {
            "dlt, REST": ("rest", settings["SUPABASE_URL"], settings["SUPABASE_KEY"]),
            "dlt, SQL": ("sql", "sqlalchemy", made.postgres_url),
            "dlt, SQL and Arrow": ("sql", "pyarrow", made.postgres_url),
        }
        try:
            return [
                Result(what, ours, "s", AT_LEAST_AS_FAST, _extract(count, *way), name) for name, way in ways.items()
            ]
        except MissingPeer as missing:
            return [Skipped(what, str(missing))]


def _sow(made: Servers, count: int) -> None:
    engine = sa.create_engine(made.postgres_url)
    sow_database(engine, contacts(count))
    engine.dispose()


def _pull(made: Servers, count: int) -> float:
    """Seconds of a first pull. Runs in a process of its own."""
    from contextlib import closing

    from truth_forge_sync.hub.engine import open_engine
    from truth_forge_sync.hub.hub import Hub
    from truth_forge_sync.sync.pull import pull
    from truth_forge_sync.systems import open_system

    with closing(open_engine(made.settings)) as engine, closing(open_system("supabase", made.settings)) as supabase:
        pulled = pull(Hub(engine), supabase)
    if pulled.rows != count:
        raise RuntimeError(f"{pulled.rows} rows were pulled, not {count}")
    return pulled.seconds


def _extract(count: int, *way: str) -> float:
    with tempfile.TemporaryDirectory(prefix="truth_forge_bench_") as folder:
        return seconds_of("dlt_extract.py", str(count), *way, folder=Path(folder))
