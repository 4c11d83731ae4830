"""What an asset says about a system after its turn: counts and ids, never a person's data.

A system that does not answer never fails the run, which would keep the others from converging: its own asset check
fails in red instead (DESIGN law 10).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dagster import AssetCheckResult, AssetCheckSpec, MaterializeResult

from truth_forge_sync.errors import Stop, SyncError

if TYPE_CHECKING:
    Result = MaterializeResult[None]
else:  # Dagster reads the annotation of an asset, and knows only the bare class
    Result = MaterializeResult


def answered(checks: Sequence[AssetCheckResult], **counts: Any) -> Result:
    """The system did what it was asked."""
    return MaterializeResult(metadata={"status": "ok", **counts}, check_results=checks)


def skipped(name: str, specs: Iterable[AssetCheckSpec]) -> Result:
    """The system is not configured: nothing can be wrong with it."""
    message = f"{name} is not configured: set its variables (.env.example) to keep it in step"
    return MaterializeResult(
        metadata={"status": "skipped", "message": message},
        check_results=[
            AssetCheckResult(check_name=spec.name, passed=True, metadata={"status": "not configured"}) for spec in specs
        ],
    )


def unanswered(
    log: logging.Logger, name: str, error: SyncError, checks: Sequence[AssetCheckResult], **counts: Any
) -> Result:
    """The system did not answer (``down``), or needs a person first (``stopped``)."""
    status = "stopped" if isinstance(error, Stop) else "down"
    log.error("%s: %s", name, error)
    return MaterializeResult(metadata={"status": status, "message": str(error), **counts}, check_results=checks)
