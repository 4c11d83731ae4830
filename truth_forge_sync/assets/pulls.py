"""``twenty/contacts``, ``supabase/contacts``, ``local/contacts``, ``bigquery/contacts``: what changed in each."""

import time
import warnings
from datetime import UTC, datetime
from hashlib import md5

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    BetaWarning,
    DagsterInstance,
    DailyPartitionsDefinition,
    MetadataValue,
    asset,
)

from truth_forge_sync.assets.outcome import Result, answered, skipped, unanswered
from truth_forge_sync.assets.presentation import FRESHNESS, OWNERS, SYSTEM_KINDS, SYSTEM_TITLES
from truth_forge_sync.assets.workbench import CYCLE_POOL, Workbench
from truth_forge_sync.checks.system import answers, fresh, pull_specs
from truth_forge_sync.errors import SyncError
from truth_forge_sync.settings import SYSTEMS, SystemName
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.systems.protocol import Window

READ_UNDER = "read_under_marker"
"""Metadata of a live pull: the fingerprint of the change marker that it read under."""

ANSWERED_AT = "answered_at"
"""Metadata of every pull: when the system last answered (Unix seconds)."""

CHANGE_DAYS = DailyPartitionsDefinition(start_date="2025-01-01", end_offset=1)
"""Days on which rows were changed, up to and including today (UTC)."""

LIVE = ".dagster/truth_forge_live"
"""Run tag: read from where the last cycle left off and move the cursor, instead of re-reading the chosen days. (Dagster
hides tags that begin so.)"""

FULL = "sweep"
"""Run tag: read every row, whenever it was changed; the cursor stays."""


def pull_asset(name: SystemName) -> AssetsDefinition:
    """The asset that stages what changed in one system."""
    key, title = AssetKey([name, "contacts"]), SYSTEM_TITLES[name]
    specs = pull_specs(key, title)

    @asset(
        key=key,
        group_name="pull",
        pool=CYCLE_POOL,
        kinds=SYSTEM_KINDS[name],
        owners=OWNERS,
        partitions_def=CHANGE_DAYS,
        backfill_policy=BackfillPolicy.single_run(),
        freshness_policy=FRESHNESS,
        check_specs=specs,
        description=f"Contacts that people changed in {title}, read and staged for the next reconcile.\n\n"
        "Partitions are the days of the changes. A cycle reads on from where the last one stopped, whatever the day: "
        "days without a mark miss nothing. To read past days again, choose them under Materialize.",
    )
    def contacts(context: AssetExecutionContext, workbench: Workbench) -> Result:
        if not workbench.is_configured(name):
            return skipped(name, specs)
        try:
            with workbench.turn():
                pulled = pull(workbench.hub, workbench.system(name), window=chosen_window(context))
        except SyncError as error:
            at = last_answer(context.instance, key)
            seconds = None if at is None else time.time() - at
            told = {} if at is None else {ANSWERED_AT: MetadataValue.timestamp(at), "seconds_without_answer": seconds}
            return unanswered(context.log, name, error, [answers(error), fresh(seconds)], **told)
        if pulled.rows:
            context.log.info("%s: %d rows read", title, pulled.rows)
        return answered(
            [answers(), fresh(0.0)],
            read=pulled.rows,
            requests=pulled.requests,
            seconds=round(pulled.seconds, 3),
            seconds_without_answer=0.0,
            **{ANSWERED_AT: MetadataValue.timestamp(time.time())},
            **({} if pulled.marker is None else {READ_UNDER: fingerprint(pulled.marker)}),
        )

    return contacts


def last_answer(instance: DagsterInstance, key: AssetKey) -> float | None:
    """When a system last answered, as its last pull says (Unix seconds)."""
    event = instance.get_latest_materialization_event(key)
    said = event.asset_materialization.metadata if event and event.asset_materialization else {}
    return float(str(said[ANSWERED_AT].value)) if ANSWERED_AT in said else None


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
