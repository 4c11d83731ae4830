"""The README knows every command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from truth_forge_sync.cli import app

README = Path(__file__).parents[2] / "README.md"


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[str]:
    found: dict[str, Any] | None = getattr(command, "commands", None)
    if found is None:
        yield " ".join(words)
    for name, below in (found or {}).items():
        yield from commands(below, (*words, name))


COMMANDS = list(commands(typer.main.get_command(app)))


def test_there_are_commands() -> None:
    assert {"dev", "init", "sync", "status", "hub sql", "sandbox edit"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_documented(command: str) -> None:
    assert f"truth-forge-sync {command}" in README.read_text(encoding="utf-8"), f"README.md does not name: {command}"
