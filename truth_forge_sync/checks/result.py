"""What a check says: counts, and where it fails the remedy, as a person would tell it. Never a person's data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster import AssetCheckResult, AssetCheckSeverity, AssetKey, MetadataValue

WARN, ERROR = AssetCheckSeverity.WARN, AssetCheckSeverity.ERROR


def result(
    check: str,
    passed: bool,
    remedy: str,
    counts: Mapping[str, Any],
    *,
    asset: AssetKey | None = None,
    severity: AssetCheckSeverity = WARN,
) -> AssetCheckResult:
    """``remedy`` is shown where the check fails. ``asset``: needed where several share one function."""
    told = {} if passed else {"remedy": remedy}
    return AssetCheckResult(
        asset_key=asset, check_name=check, passed=passed, severity=severity, metadata={**counts, **told}
    )


def command(line: str) -> str:
    """A command of ours."""
    return f"truth-forge-sync {line}"


def job_page(name: str) -> MetadataValue[Any]:
    """A link to the page of one of our jobs."""
    return MetadataValue.url(f"/locations/truth_forge_sync/jobs/{name}")
