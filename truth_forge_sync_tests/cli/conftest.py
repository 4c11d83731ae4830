"""A project to run commands in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from truth_forge_sync.cli import app
from truth_forge_sync_tests.project import Project, make_project

Command = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty folder: the embedded hub, nothing else configured."""
    return make_project(tmp_path, monkeypatch)


@pytest.fixture
def command() -> Command:
    """Run a command line (in words) and check its exit code."""

    def run(*words: str, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == exit_code, f"{result.output}\n{result.exception!r}"
        return result

    return run
