"""``hub/contacts``, ``hub/change_log``, ``hub/conflicts``: the truth, how it came about, and what lost."""

from collections.abc import Iterator

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
from truth_forge_sync.assets.workbench import CYCLE_POOL, Workbench
from truth_forge_sync.checks.hub import CONTACTS, SPECS, hub_checks
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.settings import SYSTEMS
from truth_forge_sync.sync.reconcile import reconcile
from truth_forge_sync.sync.rules import Rules

CHANGE_LOG = AssetKey(["hub", "change_log"])
CONFLICTS = AssetKey(["hub", "conflicts"])

TRIGGER = "truth_forge/trigger"
"""Run tag: what started the cycle (schedule, sensor, backfill, manual, webhook)."""

NOTHING_STAGED = "nothing staged"
"""In place of a cycle's id, where there was nothing to decide."""

_PULLS = [AssetKey([name, "contacts"]) for name in SYSTEMS]


class CycleConfig(Config):
    """What a person may allow for one cycle."""

    allow_losses: int = Field(
        default=0,
        ge=0,
        description="Let through what the brake holds, if one system deleted or emptied at most this many contacts.",
    )


@multi_asset(
    name="reconcile",
    group_name="hub",
    pool=CYCLE_POOL,
    specs=[
        AssetSpec(
            CONTACTS,
            deps=_PULLS,
            kinds={"bigquery", "duckdb"},
            description="One row a contact: the accepted value of every field (contacts_master). Takes all that the "
            "pulls staged, decides field by field, and records what each system lacks now.",
        ),
        AssetSpec(
            CHANGE_LOG,
            deps=_PULLS,
            kinds={"bigquery", "duckdb"},
            description="Every accepted change: field, old and new value, system and time (sync_change_log).",
        ),
        AssetSpec(
            CONFLICTS,
            deps=_PULLS,
            kinds={"bigquery", "duckdb"},
            description="Every change that lost against another one, with both values and the reason (sync_conflicts).",
        ),
    ],
    check_specs=SPECS,
)
def reconcile_hub(context: AssetExecutionContext, config: CycleConfig, workbench: Workbench) -> Iterator[Result]:
    with workbench.turn():
        done = reconcile(
            workbench.hub,
            Rules.of(workbench.settings, allowed_losses=config.allow_losses),
            run_id=context.run.run_id,
            trigger=context.run.tags.get(TRIGGER, "backfill" if "dagster/backfill" in context.run.tags else "manual"),
        )
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
        },
        check_results=list(hub_checks(workbench.hub.state())),
    )
    by_field = changes_by_field(workbench.hub, done.cycle_id) if done.cycle_id and done.changes else "no changes"
    yield MaterializeResult(
        asset_key=CHANGE_LOG, metadata={**cycle, "changes": done.changes, "changes_by_field": by_field}
    )
    yield MaterializeResult(asset_key=CONFLICTS, metadata={**cycle, "conflicts": done.conflicts})


def changes_by_field(hub: Hub, cycle: str) -> MarkdownMetadataValue:
    """A table of one cycle's changes: a row a field, a column a system, counts in the cells; no values."""
    import pandas as pd  # half a second, which a cycle without changes need not spend

    counted = pd.DataFrame(hub.rows("changes_by_field", cycle=cycle), columns=["field", "system", "changes"])
    table = counted.pivot_table(index="field", columns="system", values="changes", aggfunc="sum", fill_value=0)
    table["all"] = table.sum(axis="columns")
    return MetadataValue.md(table.sort_values("all", ascending=False).to_markdown())
