"""The sandbox made ready: what is missing created in all four systems, and the seed contacts sown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime

import psycopg
import sqlalchemy as sa

from truth_forge_sync.errors import Stop
from truth_forge_sync.hub.engine import open_engine
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.mapping import FILE, mapping
from truth_forge_sync.sandbox.hub_rows import sow_hub
from truth_forge_sync.sandbox.native import local_engine, twenty_client
from truth_forge_sync.sandbox.seed import LATEST, SeedRow, SystemName, seed_contacts
from truth_forge_sync.sandbox.seeding import sow
from truth_forge_sync.sandbox.stand_ins import StandIns
from truth_forge_sync.settings import Settings
from truth_forge_sync.systems import open_system
from truth_forge_sync.systems.protocol import Step
from truth_forge_sync.systems.supabase.setup import setup_sql


def set_up(stand_ins: StandIns) -> Iterator[Step]:
    """Create what is missing in the hub and the three systems; safe to repeat. Raises the systems' errors, and Stop
    where a user's mapping calls things otherwise than the seed does."""
    if any(mapping().renamed.values()) or any(mapping().left_out.values()):
        raise Stop(
            f"the sandbox's contacts have the built-in names, and {FILE} changes them",
            remedy="there, declare fields of your own only, or move the file away meanwhile",
        )
    settings = stand_ins.settings()
    hub = Hub(open_engine(settings))
    with closing(hub.engine):
        hub.init()
    yield Step("bigquery", "the hub's tables", done=True)
    _run_sql(stand_ins.state().postgres_url, setup_sql(settings.supabase_contacts_table))
    for name in settings.configured:
        if name != "bigquery":
            with closing(open_system(name, settings)) as system:
                yield from system.init()


def sow_all(stand_ins: StandIns, *, again: bool = False) -> dict[SystemName, int] | None:
    """Sow the seed contacts into all four systems, once: None where that was done before, unless ``again``.

    Sowing again adds only rows that are gone for good. Answers how many rows each system got.
    """
    state = stand_ins.state()
    if state.sown_at and not again:
        return None
    settings = stand_ins.settings()
    # No stamp of the future, even where the clock is behind.
    rows = seed_contacts(latest=min(LATEST, datetime.now(UTC)))
    supabase = sa.create_engine(state.postgres_url)
    try:
        with twenty_client(settings) as twenty, local_engine(settings) as local:
            added = sow(
                rows,
                twenty=twenty,
                supabase=supabase,
                local=local,
                hub=lambda sown: _sow_hub(settings, sown),
                table=settings.supabase_contacts_table,
            )
    finally:
        supabase.dispose()
    with stand_ins.state_file.change() as changed:
        changed.sown_at = datetime.now(UTC)
    return added


def _sow_hub(settings: Settings, rows: Sequence[SeedRow]) -> None:
    with closing(open_engine(settings)) as engine:
        sow_hub(engine, rows)


def _run_sql(postgres_url: str, script: str) -> None:
    """What a person does in Supabase's SQL editor."""
    with psycopg.connect(postgres_url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True) as connection:
        connection.execute(script.encode())
