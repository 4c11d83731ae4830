"""``twenty/published``, ``supabase/published``, ``local/published``: each system given what it still lacks."""

from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, asset

from truth_forge_sync.assets.outcome import Result, answered, skipped, unanswered
from truth_forge_sync.assets.presentation import FRESHNESS, OWNERS, SYSTEM_KINDS, SYSTEM_TITLES
from truth_forge_sync.assets.workbench import CYCLE_POOL, Workbench
from truth_forge_sync.checks.hub import CONTACTS
from truth_forge_sync.checks.system import answers, parked, push_specs, refusals
from truth_forge_sync.errors import SyncError
from truth_forge_sync.settings import SYSTEMS, SystemName
from truth_forge_sync.sync.push import push


def push_asset(name: SystemName) -> AssetsDefinition:
    """The asset that brings one system up to the hub's truth."""
    key, title = AssetKey([name, "published"]), SYSTEM_TITLES[name]
    specs = push_specs(key, title)

    @asset(
        key=key,
        deps=[CONTACTS],
        group_name="push",
        pool=CYCLE_POOL,
        kinds=SYSTEM_KINDS[name],
        owners=OWNERS,
        freshness_policy=FRESHNESS,
        check_specs=specs,
        description=f"What {title} lacks of the contacts in the hub, written to it: only the fields that differ. What "
        "it says it stored is what counts from then on. A value that it refuses is parked, and holds up nothing else.",
    )
    def published(context: AssetExecutionContext, workbench: Workbench) -> Result:
        if not workbench.is_configured(name):
            return skipped(name, specs)
        try:
            with workbench.turn():
                pushed = push(workbench.hub, workbench.system(name))
            left = workbench.hub.state()
        except SyncError as error:
            checks = [answers(error), parked(name, _parked(workbench, name)), refusals(refused=0, written=0)]
            return unanswered(context.log, name, error, checks)
        written = pushed.created + pushed.updated + pushed.deleted
        if written:
            context.log.info(
                "%s: %d created, %d updated, %d deleted", title, pushed.created, pushed.updated, pushed.deleted
            )
            workbench.tell(context, "wrote", name, written)
        return answered(
            [answers(), parked(name, left.parked.get(name, 0)), refusals(refused=pushed.refused, written=written)],
            created=pushed.created,
            updated=pushed.updated,
            deleted=pushed.deleted,
            refused=pushed.refused,
            deferred=pushed.deferred,
            waiting=sum(left.open_intents.get(name, {}).values()),
            requests=pushed.requests,
            seconds=round(pushed.seconds, 3),
        )

    return published


def _parked(workbench: Workbench, name: SystemName) -> int | None:
    """How many values of the system are parked; None where it is the hub that does not answer."""
    try:
        return workbench.hub.state().parked.get(name, 0)
    except SyncError:
        return None


PUSHES = [push_asset(name) for name in SYSTEMS if name != "bigquery"]
