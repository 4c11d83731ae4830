"""Checks on one system's pull and push: does it answer, are we up to date with it, does it take what it is given?"""

from __future__ import annotations

from collections.abc import Sequence

from dagster import AssetCheckResult, AssetCheckSpec, AssetKey, MetadataValue

from truth_forge_sync.checks.result import ERROR, command, result
from truth_forge_sync.errors import SyncError

ANSWERS = "answers"
FRESH = "fresh"
PARKED = "parked_values"
REFUSALS = "error_rate"

FRESH_SECONDS = 15 * 60
"""A system that has not been looked at for longer than three cycles may hold edits that nobody has seen."""

REFUSED_SHARE = 0.1
REFUSED_VALUES = 5
"""A push in which more values than this *and* a larger share are refused tells of a fault, and not of odd data."""


def pull_specs(key: AssetKey, title: str) -> Sequence[AssetCheckSpec]:
    return [
        AssetCheckSpec(ANSWERS, asset=key, description=f"The last time we asked, {title} answered."),
        AssetCheckSpec(FRESH, asset=key, description=f"We looked for changes in {title} within the last 15 minutes."),
    ]


def push_specs(key: AssetKey, title: str) -> Sequence[AssetCheckSpec]:
    return [
        AssetCheckSpec(ANSWERS, asset=key, description=f"The last time we wrote, {title} answered."),
        AssetCheckSpec(PARKED, asset=key, description=f"{title} has every value: none was refused or unreadable."),
        AssetCheckSpec(REFUSALS, asset=key, description=f"In the last push, {title} took nearly all that it was sent."),
    ]


def answers(error: SyncError | None = None) -> AssetCheckResult:
    remedy = (error and error.remedy) or "Nothing: the next cycle tries again"
    told = {"message": MetadataValue.text(f"{error.system}: {error.message}")} if error else {}
    return result(ANSWERS, error is None, remedy, told, severity=ERROR)


def fresh(seconds: float | None) -> AssetCheckResult:
    """``seconds``: since the system last answered; None where it never did."""
    remedy = f"See why it does not answer: the check named {ANSWERS}, or {command('doctor')}"
    told = {} if seconds is None else {"seconds_since_last_answer": round(seconds, 1)}
    return result(FRESH, seconds is not None and seconds <= FRESH_SECONDS, remedy, told, severity=ERROR)


def parked(name: str, values: int | None) -> AssetCheckResult:
    """``values``: None where the hub did not say."""
    remedy = (
        f"They are tried again, less and less often. See them, in {name}'s own words: "
        f"{command('errors list')}. Once it is mended: {command('errors retry --all')}"
    )
    if values is None:
        return result(PARKED, False, f"The hub does not answer: {command('doctor')}", {})
    return result(PARKED, not values, remedy, {"values": values})


def refusals(*, refused: int, written: int) -> AssetCheckResult:
    """``refused``: values; ``written``: rows."""
    share = refused / (refused + written) if refused else 0.0
    remedy = f"See what is refused, and why: {command('errors list')}"
    passed = refused <= REFUSED_VALUES or share <= REFUSED_SHARE
    return result(REFUSALS, passed, remedy, {"refused_values": refused, "refused_share": round(share, 3)})
