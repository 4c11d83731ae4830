"""Imports what a run of ours needs, for the process that runs are forked from: a second for each of them otherwise.

Only the clients of the hub and the systems that the settings name. Nothing is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module

from truth_forge_sync.errors import SyncError
from truth_forge_sync.settings import Settings, load_settings


def modules(settings: Settings) -> Iterator[str]:
    """What runs import where they use it."""
    yield f"truth_forge_sync.hub.{'bigquery' if settings.bigquery_project else 'duckdb'}_engine"
    yield from (f"truth_forge_sync.systems.{name}.system" for name in settings.configured if name != "bigquery")
    yield "pandas"


with suppress(SyncError):  # a wrong setting: the run itself says so
    for module in modules(load_settings()):
        import_module(module)
