"""A project to install, and programs that only write down what they are asked."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from truth_forge_sync.cli import app
from truth_forge_sync.service.plan import Plan
from truth_forge_sync_tests.project import Project, make_project

ROOT = Path(__file__).parents[2]
Command = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in a folder with blanks and a percent sign in its path, and a home of the user's own."""
    folder = tmp_path / "my contacts 100%"
    folder.mkdir()
    (folder / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return make_project(folder, monkeypatch)


@pytest.fixture
def command() -> Command:
    """Run a command line (in words) and check its exit code."""

    def run(*words: str, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == exit_code, f"{result.output}\n{result.exception!r}"
        return result

    return run


def plan(home: Path, *, user: str | None) -> Plan:
    """All that there may be."""
    tools = home / ".venv/bin"
    tools.mkdir(parents=True, exist_ok=True)
    for tool in ("python", "dagster", "dagster-daemon", "dagster-webserver"):
        (tools / tool).write_text("#!/bin/sh\n")
        (tools / tool).chmod(0o755)
    return Plan(home, tools, user=user, writable=(home,), webhooks=True)


@dataclass(frozen=True)
class Machine:
    """Stand-ins of the machine's programs, first on the path."""

    folder: Path

    def has(self, program: str, script: str = "") -> None:
        """``script`` is what it does, in the shell, after it has written down its arguments."""
        path = self.folder / program
        path.write_text(f'#!/bin/sh\necho "{program} $*" >> "{self._record}"\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def asked(self) -> list[str]:
        """Every command since the last time."""
        said = self._record.read_text().splitlines() if self._record.exists() else []
        self._record.unlink(missing_ok=True)
        return said

    @property
    def _record(self) -> Path:
        return self.folder / "asked"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine that has none of the programs yet, but a shell's."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return Machine(folder)
