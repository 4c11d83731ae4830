"""Asking the machine's own programs: systemctl, journalctl, launchctl."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from truth_forge_sync.errors import Stop

NO_RIGHTS = "what is system-wide is root's: run it as root (sudo), or leave --system away"


def ask(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command and collect what it says, whatever its exit code. Raises Stop where there is no such program."""
    _find(command[0])
    return subprocess.run(command, capture_output=True, text=True, check=False)


def tell(*command: str) -> None:
    """Run a command that must succeed. Raises Stop with its own words where it does not."""
    outcome = ask(*command)
    if outcome.returncode:
        said = (outcome.stderr or outcome.stdout).strip() or f"exit code {outcome.returncode}"
        raise Stop(f"{' '.join(command)}: {said}", remedy=_remedy(said))


def show(*command: str) -> int:
    """Run a command whose output is for the person, and give its exit code."""
    _find(command[0])
    return subprocess.run(command, check=False).returncode


def write(files: Mapping[Path, str]) -> None:
    """Write the files. Raises Stop where we may not."""
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except PermissionError:
            raise Stop(f"{path} may not be written", remedy=NO_RIGHTS) from None


def remove(paths: Iterable[Path]) -> None:
    """Remove the files that are there. Raises Stop where we may not."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except PermissionError:
            raise Stop(f"{path} may not be removed", remedy=NO_RIGHTS) from None


def _find(program: str) -> None:
    if shutil.which(program) is None:
        raise Stop(
            f"{program} is not on this machine",
            remedy="--systemd is for Linux, --launchd for macOS; docs/production.md has containers for the others",
        )


def _remedy(said: str) -> str:
    if "connect to bus" in said or "XDG_RUNTIME_DIR" in said:
        return "a service of your own needs a login session: sign in as that user (not by su), or install with --system"
    if any(word in said.lower() for word in ("denied", "authentication", "not permitted")):
        return NO_RIGHTS
    return "what it says above is the machine's own; see also: truth-forge-sync service logs"
