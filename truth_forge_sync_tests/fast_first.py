"""A pytest plugin: quick tests run first, so that a mistake shows before servers and Google's analyzer are started."""

from __future__ import annotations

from pathlib import Path

import pytest

SLOW = ("sandbox", "systems", "hub")
"""Folders whose tests start PostgreSQL, the BigQuery emulator or the analyzer, the slowest last."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Reorder by folder; within one, tests stay as they were collected."""
    items.sort(key=lambda item: _slowness(item.path))


def _slowness(path: Path) -> int:
    folder = path.relative_to(Path(__file__).parent).parts[0]
    return SLOW.index(folder) + 1 if folder in SLOW else 0
