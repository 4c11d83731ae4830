"""``twenty/published``, ``supabase/published``, ``local/published``: each system given what it still lacks."""

from dagster import AssetCheckSpec, AssetExecutionContext, AssetKey, AssetsDefinition, asset

from truth_forge_sync.assets.outcome import ANSWERS, Result, answered, skipped, unanswered
from truth_forge_sync.assets.presentation import SYSTEM_KINDS, SYSTEM_TITLES
from truth_forge_sync.assets.workbench import CYCLE_POOL, Workbench
from truth_forge_sync.checks.hub import CONTACTS
from truth_forge_sync.errors import SyncError
from truth_forge_sync.settings import SYSTEMS, SystemName
from truth_forge_sync.sync.push import push


def push_asset(name: SystemName) -> AssetsDefinition:
    """The asset that brings one system up to the hub's truth."""

    @asset(
        key=AssetKey([name, "published"]),
        deps=[CONTACTS],
        group_name="push",
        pool=CYCLE_POOL,
        kinds=SYSTEM_KINDS[name],
        check_specs=[
            AssetCheckSpec(
                ANSWERS, asset=AssetKey([name, "published"]), description=f"{SYSTEM_TITLES[name]} takes what it lacks."
            )
        ],
        description=f"The fields that {SYSTEM_TITLES[name]} lacks, written to it; what it stored is acknowledged.",
    )
    def published(context: AssetExecutionContext, workbench: Workbench) -> Result:
        if not workbench.is_configured(name):
            return skipped(name)
        try:
            with workbench.turn():
                pushed = push(workbench.hub, workbench.system(name))
        except SyncError as error:
            return unanswered(context.log, name, error)
        return answered(
            created=pushed.created,
            updated=pushed.updated,
            deleted=pushed.deleted,
            refused=pushed.refused,
            deferred=pushed.deferred,
            requests=pushed.requests,
            seconds=round(pushed.seconds, 3),
        )

    return published


PUSHES = [push_asset(name) for name in SYSTEMS if name != "bigquery"]
