"""``twenty/contacts``, ``supabase/contacts``, ``local/contacts``, ``bigquery/contacts``: what changed in each."""

import warnings
from datetime import UTC, datetime
from hashlib import md5

from dagster import (
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    BetaWarning,
    DailyPartitionsDefinition,
    asset,
)

from truth_forge_sync.assets.outcome import ANSWERS, Result, answered, skipped, unanswered
from truth_forge_sync.assets.presentation import SYSTEM_KINDS, SYSTEM_TITLES
from truth_forge_sync.assets.workbench import CYCLE_POOL, Workbench
from truth_forge_sync.errors import SyncError
from truth_forge_sync.settings import SYSTEMS, SystemName
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.systems.protocol import Window

READ_UNDER = "read_under_marker"
"""Metadata of a live pull: the fingerprint of the change marker that it read under."""

CHANGE_DAYS = DailyPartitionsDefinition(start_date="2025-01-01", end_offset=1)
"""Days on which rows were changed, up to and including today (UTC)."""

LIVE = "truth_forge/live"
"""Run tag: read from where the last cycle left off and move the cursor, instead of re-reading the chosen days."""

FULL = "truth_forge/full"
"""Run tag: read every row, whenever it was changed; the cursor stays."""


def pull_asset(name: SystemName) -> AssetsDefinition:
    """The asset that stages what changed in one system."""

    @asset(
        key=AssetKey([name, "contacts"]),
        group_name="pull",
        pool=CYCLE_POOL,
        kinds=SYSTEM_KINDS[name],
        partitions_def=CHANGE_DAYS,
        backfill_policy=BackfillPolicy.single_run(),
        check_specs=[
            AssetCheckSpec(ANSWERS, asset=AssetKey([name, "contacts"]), description=f"{SYSTEM_TITLES[name]} answers.")
        ],
        description=f"Contacts that people changed in {SYSTEM_TITLES[name]}, read and staged for the next reconcile. "
        "Partitions are the days of the changes: choose past days and materialize them to read those days again.",
    )
    def contacts(context: AssetExecutionContext, workbench: Workbench) -> Result:
        if not workbench.is_configured(name):
            return skipped(name)
        try:
            with workbench.turn():
                pulled = pull(workbench.hub, workbench.system(name), window=chosen_window(context))
        except SyncError as error:
            return unanswered(context.log, name, error)
        counts = {"read": pulled.rows, "requests": pulled.requests, "seconds": round(pulled.seconds, 3)}
        return answered(**counts, **({} if pulled.marker is None else {READ_UNDER: fingerprint(pulled.marker)}))

    return contacts


def fingerprint(marker: str) -> str:
    """A marker to be compared and not read."""
    return md5(marker.encode(), usedforsecurity=False).hexdigest()


def chosen_window(context: AssetExecutionContext) -> Window | None:
    """The days a person chose, or all of them; None for a live run. Days that reach into the future are unbounded."""
    if context.run.tags.get(FULL) == "true":
        return Window()
    if context.run.tags.get(LIVE) == "true" or not context.has_partition_key_range and not context.has_partition_key:
        return None
    days = context.partition_time_window
    first_day = datetime.strptime(CHANGE_DAYS.get_first_partition_key() or "", "%Y-%m-%d").replace(tzinfo=UTC)
    since = None if days.start <= first_day else days.start.astimezone(UTC)
    until = None if days.end > datetime.now(UTC) else days.end.astimezone(UTC)
    return Window(since=since, until=until)


with warnings.catch_warnings():
    # Single-run backfills have been "beta" since Dagster 1.5; nobody needs to be told at every start.
    warnings.simplefilter("ignore", BetaWarning)
    PULLS = [pull_asset(name) for name in SYSTEMS]
