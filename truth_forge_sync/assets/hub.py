"""``hub/contacts``, ``hub/change_log``, ``hub/conflicts``: the truth, how it came about, and what lost."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    Config,
    MarkdownMetadataValue,
    MaterializeResult,
    MetadataValue,
    multi_asset,
)
from pydantic import Field

from truth_forge_sync.assets.outcome import Result
from truth_forge_sync.assets.presentation import FRESHNESS, HUB_KINDS, OWNERS, change_log, conflicts, contacts_master
from truth_forge_sync.assets.workbench import CYCLE_POOL, Workbench
from truth_forge_sync.checks.hub import CONFLICTS, CONTACTS, SPECS, conflicts_checks, contacts_checks
from truth_forge_sync.errors import SyncError
from truth_forge_sync.hub.hub import Hub, day_before
from truth_forge_sync.inbox.resync import ask_again, read_again
from truth_forge_sync.settings import SYSTEMS, SystemName
from truth_forge_sync.sync.reconcile import reconcile
from truth_forge_sync.sync.rules import Rules

CHANGE_LOG = AssetKey(["hub", "change_log"])

TRIGGER = "trigger"
"""Run tag: what started the cycle (schedule, sensor, backfill, manual, webhook)."""

NOTHING_STAGED = "nothing staged"
"""In place of a cycle's id, where there was nothing to decide."""

_PULLS = [AssetKey([name, "contacts"]) for name in SYSTEMS]


class ReadAgain(Enum):
    """What to read again before reconciling. Dagster shows the members' names."""

    nothing = "nothing"
    all = "all"
    bigquery = "bigquery"
    twenty = "twenty"
    supabase = "supabase"
    local = "local"

    def includes(self, name: SystemName) -> bool:
        return self is ReadAgain.all or self.value == name


class CycleConfig(Config):
    """What a person may ask of one cycle."""

    allow_losses: int = Field(
        default=0,
        ge=0,
        description="Let through what the brake holds, if one system deleted or emptied at most this many contacts.",
    )
    read_again: ReadAgain = Field(
        default=ReadAgain.nothing,
        description="Read every row of all systems (or of the one named) first, whatever their change markers say.",
    )
    contact_id: str = Field(
        default="", description="Read again only the rows of this contact (the beginning of its id is enough)."
    )


def _spec(key: AssetKey, description: str, metadata: Mapping[str, Any]) -> AssetSpec:
    return AssetSpec(
        key,
        deps=_PULLS,
        kinds=HUB_KINDS,
        owners=OWNERS,
        freshness_policy=FRESHNESS,
        description=description,
        metadata=metadata,
    )


@multi_asset(
    name="reconcile",
    group_name="hub",
    pool=CYCLE_POOL,
    specs=[
        _spec(
            CONTACTS,
            "One row a contact: the accepted value of every field (contacts_master). Takes all that the pulls staged, "
            "decides field by field, and records what each system lacks now.\n\n"
            "What became of your edit, and who set each field: `truth-forge-sync contacts show ann@example.com`",
            contacts_master(),
        ),
        _spec(
            CHANGE_LOG,
            "Every accepted change: field, old and new value, system and time (sync_change_log). Values are not shown "
            "here, only how often each field changed. One contact's changes: `truth-forge-sync contacts show ID`",
            change_log(),
        ),
        _spec(
            CONFLICTS,
            "Every change that lost against another one, with both values and the reason (sync_conflicts). See them, "
            "and take back the one that lost: `truth-forge-sync conflicts list`",
            conflicts(),
        ),
    ],
    check_specs=SPECS,
)
def reconcile_hub(context: AssetExecutionContext, config: CycleConfig, workbench: Workbench) -> Iterator[Result]:
    with workbench.turn():
        read = _read_again(context, config, workbench)
        done = reconcile(
            workbench.hub,
            Rules.of(workbench.settings, allowed_losses=config.allow_losses),
            run_id=context.run.run_id,
            trigger=context.run.tags.get(TRIGGER, "backfill" if "dagster/backfill" in context.run.tags else "manual"),
        )
    for name, contacts in done.changed.items():
        context.log.info("changes of %d contacts accepted from %s", contacts, name)
        workbench.tell(context, "changed", name, contacts)
    state = workbench.hub.state()
    cycle = {"cycle_id": done.cycle_id or NOTHING_STAGED}
    rows = {} if done.contacts is None else {"dagster/row_count": done.contacts}
    yield MaterializeResult(
        asset_key=CONTACTS,
        metadata={
            **cycle,
            **rows,
            "created": done.created,
            "updated": done.updated,
            "deleted": done.deleted,
            "review": done.review,
            "held": dict(done.held),
            "changed": dict(done.changed),
            "seconds": round(done.seconds, 3),
            **({"read_again": read} if read else {}),
        },
        check_results=contacts_checks(state),
    )
    by_field = changes_by_field(workbench.hub, done.cycle_id) if done.cycle_id and done.changes else "no changes"
    yield MaterializeResult(
        asset_key=CHANGE_LOG, metadata={**cycle, "changes": done.changes, "changes_by_field": by_field}
    )
    yield MaterializeResult(
        asset_key=CONFLICTS,
        metadata={**cycle, "conflicts": done.conflicts, "open": state.conflicts},
        check_results=conflicts_checks(state),
    )


def _read_again(context: AssetExecutionContext, config: CycleConfig, workbench: Workbench) -> dict[str, Any]:
    """Per system the rows that were read again, or why not: one that does not answer keeps no other from it."""
    chosen = config.read_again
    contact_id = None
    if config.contact_id:
        contact_id = ask_again(workbench.hub, config.contact_id)
        chosen = ReadAgain.all if chosen is ReadAgain.nothing else chosen
    read: dict[str, Any] = {}
    for name in filter(chosen.includes, SYSTEMS):
        if not workbench.is_configured(name):
            read[name] = "not configured"
            continue
        try:
            read[name] = read_again(workbench.hub, workbench.system(name), contact_id)
        except SyncError as error:
            context.log.warning("%s was not read again: %s", name, error)
            read[name] = str(error)
    return read


def changes_by_field(hub: Hub, cycle: str) -> MarkdownMetadataValue:
    """A table of one cycle's changes: a row a field, a column a system, counts in the cells; no values."""
    import pandas as pd  # half a second, which a cycle without changes need not spend

    rows = hub.rows("changes_by_field", cycle=cycle, since=day_before(cycle))
    counted = pd.DataFrame(rows, columns=["field", "system", "changes"])
    table = counted.pivot_table(index="field", columns="system", values="changes", aggfunc="sum", fill_value=0)
    table["all"] = table.sum(axis="columns")
    return MetadataValue.md(table.sort_values("all", ascending=False).to_markdown())
