"""Checks on ``hub/contacts``: does anything wait for a person, and are the systems equal?"""

from __future__ import annotations

from collections.abc import Iterator

from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, AssetKey

from truth_forge_sync.hub.hub import HubState

CONTACTS = AssetKey(["hub", "contacts"])

BRAKE = "brake"
FLIP_FLOPS = "flip_flops"
ALIGNED = "aligned"

ALIGNED_SHARE = 0.99
"""Below this share of contacts equal everywhere, something is wrong that no cycle repairs by itself."""

SPECS = [
    AssetCheckSpec(
        BRAKE,
        asset=CONTACTS,
        description="No system deleted or emptied so many contacts at once that a person must approve it.",
    ),
    AssetCheckSpec(FLIP_FLOPS, asset=CONTACTS, description="No value goes to and fro between systems."),
    AssetCheckSpec(
        ALIGNED,
        asset=CONTACTS,
        description="The last sweep, which reads everything, found nearly all contacts equal in every system.",
    ),
]


def hub_checks(state: HubState) -> Iterator[AssetCheckResult]:
    """One result for each of :data:`SPECS`. Counts only."""
    waiting = {name: held.contacts for name, held in state.holds.items() if held.contacts}
    yield AssetCheckResult(
        asset_key=CONTACTS,
        check_name=BRAKE,
        passed=not waiting,
        severity=AssetCheckSeverity.ERROR,
        metadata={f"contacts_held/{name}": count for name, count in waiting.items()}
        | ({"remedy": _approval(max(waiting.values()))} if waiting else {}),
    )
    frozen = {name: held.frozen for name, held in state.holds.items() if held.frozen}
    yield AssetCheckResult(
        asset_key=CONTACTS,
        check_name=FLIP_FLOPS,
        passed=not frozen,
        severity=AssetCheckSeverity.WARN,
        metadata={f"values_frozen/{name}": count for name, count in frozen.items()}
        | (
            {
                "remedy": "Two programs or people overwrite each other. See which values: truth-forge-sync holds list. "
                "They are let go after an hour of calm."
            }
            if frozen
            else {}
        ),
    )
    sweep = state.last_sweep
    share = 1.0 if sweep is None or not sweep.compared else sweep.aligned / sweep.compared
    yield AssetCheckResult(
        asset_key=CONTACTS,
        check_name=ALIGNED,
        passed=share >= ALIGNED_SHARE,
        severity=AssetCheckSeverity.WARN,
        metadata={"aligned_share": share, "contacts_compared": sweep.compared if sweep else 0}
        | (
            {"remedy": "What differed was repaired. If it comes back, see: truth-forge-sync errors list"}
            if share < ALIGNED_SHARE
            else {}
        ),
    )


def _approval(contacts: int) -> str:
    return (
        "Look at them: truth-forge-sync holds list. If they are meant, run the job allow_losses with "
        f"ops.reconcile.config.allow_losses: {contacts} (or: truth-forge-sync sync --allow-losses {contacts}). "
        "If not, write the contacts back: truth-forge-sync holds reject"
    )
