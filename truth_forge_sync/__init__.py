"""Truth Forge Sync keeps the same contacts in step in BigQuery, Twenty CRM, Supabase and a local SQL database."""

from __future__ import annotations

from typing import Any

__all__ = ["get_stats"]


def get_stats() -> dict[str, Any]:
    """How the sync is doing, as ``truth-forge-sync status --json`` prints it (CONTRACT.md).

    Raises :class:`~truth_forge_sync.errors.Stop` where a setting is wrong. Everything else that is wrong, it says.
    """
    from truth_forge_sync.status import read_status  # it should not cost those who import us for something else

    return read_status()
