"""``webhooks serve`` says what it lacks before it listens."""

from __future__ import annotations

from typing import Any

import pytest
import uvicorn

from truth_forge_sync_tests.cli.conftest import Command
from truth_forge_sync_tests.project import Project


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What uvicorn was asked for; it returns at once."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(uvicorn, "run", lambda _app, **options: asked.append(options))
    return asked


def test_without_a_secret_it_does_not_start(project: Project, command: Command, served: list[dict[str, Any]]) -> None:
    result = command("webhooks", "serve", exit_code=2)
    assert "TWENTY_WEBHOOK_SECRET or SUPABASE_WEBHOOK_SECRET" in result.output
    assert not served


def test_without_a_dagster_it_does_not_start(project: Project, command: Command, served: list[dict[str, Any]]) -> None:
    project.configure(TWENTY_WEBHOOK_SECRET="hidden")
    result = command("webhooks", "serve", exit_code=2)
    assert "project's folder" in result.output
    assert "hidden" not in result.output
    assert not served


def test_it_listens_on_loopback_and_writes_no_access_log(
    project: Project, command: Command, served: list[dict[str, Any]]
) -> None:
    project.configure(SUPABASE_WEBHOOK_SECRET="hidden")
    (project.folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    result = command("webhooks", "serve")
    (options,) = served
    assert (options["host"], options["port"], options["access_log"]) == ("127.0.0.1", 8765, False)
    assert "http://127.0.0.1:8765/supabase" in result.output
    assert "/twenty" not in result.output and "hidden" not in result.output
