"""The hub's engines, for tests that run on each of them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from truth_forge_sync.hub.bigquery_engine import BigQueryEngine
from truth_forge_sync.hub.duckdb_engine import DuckDBEngine
from truth_forge_sync.hub.engine import Engine
from truth_forge_sync.settings import Settings
from truth_forge_sync_tests.emulator import PYTHON_VARIABLE, Emulator, emulator_python, running_emulator


@pytest.fixture(scope="session")
def running_bigquery() -> Iterator[Emulator]:
    """One emulator a session. Skips where its environment is missing, but never in CI."""
    python = emulator_python()
    if python is None:
        missing = f"no BigQuery emulator: run `make emulator`, or set {PYTHON_VARIABLE}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with running_emulator(python) as emulator:
        yield emulator


@pytest.fixture
def bigquery_emulator(running_bigquery: Emulator) -> Settings:
    """Settings of a hub in the emulator, with a dataset of this test's own that does not exist yet."""
    return running_bigquery.settings(f"test_{uuid.uuid4().hex}")


@pytest.fixture(params=["duckdb", "bigquery"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Each engine in turn, its dataset not created yet."""
    made: Engine
    if request.param == "duckdb":
        made = DuckDBEngine(tmp_path / "hub.duckdb", "identity")
    else:
        made = BigQueryEngine.from_settings(request.getfixturevalue("bigquery_emulator"))
    yield made
    made.close()
