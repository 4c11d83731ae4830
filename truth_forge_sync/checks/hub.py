"""Checks on the hub's assets: does anything wait for a person, and are the systems equal?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagster import AssetCheckResult, AssetCheckSpec, AssetKey

from truth_forge_sync.checks.result import ERROR, command, job_page, result
from truth_forge_sync.hub.hub import HubState

CONTACTS = AssetKey(["hub", "contacts"])
CONFLICTS = AssetKey(["hub", "conflicts"])

BRAKE = "brake"
FLIP_FLOPS = "flip_flops"
IDENTITY = "identity_clashes"
ALIGNED = "aligned"
CONFLICTS_OPEN = "conflicts_open"

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
        IDENTITY,
        asset=CONTACTS,
        description="No row waits for a person to say whose it is: it may be several contacts, or a second row of one.",
    ),
    AssetCheckSpec(
        ALIGNED,
        asset=CONTACTS,
        description="The last sweep, which reads everything, found nearly all contacts equal in every system.",
    ),
    AssetCheckSpec(
        CONFLICTS_OPEN,
        asset=CONFLICTS,
        description="Every change that lost against another one has been looked at by a person.",
    ),
]


def contacts_checks(state: HubState) -> Sequence[AssetCheckResult]:
    """One result for each check on ``hub/contacts``."""
    return [_brake(state), _flip_flops(state), _identity(state), _aligned(state)]


def conflicts_checks(state: HubState) -> Sequence[AssetCheckResult]:
    """One result for each check on ``hub/conflicts``."""
    remedy = (
        f"Both values are kept. See them: {command('conflicts list')}. Take the one that lost: "
        f"{command('conflicts restore ID')}. Leave all as it is: {command('conflicts dismiss --all')}"
    )
    return [result(CONFLICTS_OPEN, not state.conflicts, remedy, {"conflicts": state.conflicts}, asset=CONFLICTS)]


def _brake(state: HubState) -> AssetCheckResult:
    waiting = {name: held.contacts for name, held in state.holds.items() if held.contacts}
    contacts = max(waiting.values(), default=0)
    remedy = (
        f"Look at them: {command('holds list')}. If they are meant, open the job allow_losses and its Launchpad, set "
        f"ops.reconcile.config.allow_losses to {contacts} and launch (or: "
        f"{command(f'sync --allow-losses {contacts}')}). If not, write the contacts back: {command('holds reject')}"
    )
    counts: dict[str, Any] = {f"contacts_held/{name}": count for name, count in waiting.items()}
    if waiting:
        counts["allow them"] = job_page("allow_losses")
    return result(BRAKE, not waiting, remedy, counts, asset=CONTACTS, severity=ERROR)


def _flip_flops(state: HubState) -> AssetCheckResult:
    frozen = {name: held.frozen for name, held in state.holds.items() if held.frozen}
    remedy = (
        f"Two programs or people overwrite each other. See which values: {command('holds list')}. They are let go "
        "after an hour of calm."
    )
    counts = {f"values_frozen/{name}": count for name, count in frozen.items()}
    return result(FLIP_FLOPS, not frozen, remedy, counts, asset=CONTACTS)


def _identity(state: HubState) -> AssetCheckResult:
    remedy = (
        f"See the rows and their candidates: {command('review list')}. Say which contact a row is: "
        f"{command('review link ID')}; or that it is one of its own: {command('review separate ID')}"
    )
    return result(IDENTITY, not state.reviews, remedy, {"rows": state.reviews}, asset=CONTACTS)


def _aligned(state: HubState) -> AssetCheckResult:
    sweep = state.last_sweep
    share = 1.0 if sweep is None or not sweep.compared else sweep.aligned / sweep.compared
    remedy = f"What differed was repaired. If it comes back, see: {command('errors list')}"
    counts = {"aligned_share": share, "contacts_compared": sweep.compared if sweep else 0}
    return result(ALIGNED, share >= ALIGNED_SHARE, remedy, counts, asset=CONTACTS)
