"""A project folder of a test's own: no settings but those that the test writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from truth_forge_sync.settings import Settings

VARIABLES = tuple(
    str(field.validation_alias or name).upper() for name, field in Settings.model_fields.items()
)  # fmt: skip
"""Every setting's name in the environment."""


@dataclass(frozen=True)
class Project:
    folder: Path

    def configure(self, **settings: str) -> None:
        """Write ``.env``, and nothing else in it."""
        (self.folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    def with_local(self) -> Path:
        """Configure a local SQLite database and say where it is."""
        self.configure(LOCAL_DATABASE_URL="sqlite:///local.sqlite")
        return self.folder / "local.sqlite"


def clean_environment(monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, str] | None = None) -> None:
    """Only these settings."""
    for name in (*VARIABLES, "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (settings or {}).items():
        monkeypatch.setenv(name, value)


def make_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty folder to work in: the embedded hub, nothing else configured, and a Dagster that forgets."""
    clean_environment(monkeypatch)
    monkeypatch.chdir(folder)
    return Project(folder)
