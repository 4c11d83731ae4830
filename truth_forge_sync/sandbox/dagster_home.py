"""The Dagster instance of the sandbox: the project's ``dagster.yaml`` with all that it writes under one folder.

Paths in the project's file are relative to wherever a process happens to run, and Dagster puts more beside the file
that DAGSTER_HOME names. So the sandbox's instance gets a home of its own, with a copy whose paths are absolute.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

import truth_forge_sync
from truth_forge_sync.errors import Stop

INSTANCE: Final = "dagster.yaml"
WORKSPACE: Final = "workspace.yaml"


def make_home(folder: Path) -> Path:
    """The DAGSTER_HOME in ``folder``, made or brought up to date. Raises Stop where the project's file is not found."""
    home = home_in(folder)
    home.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = yaml.safe_load((project() / INSTANCE).read_text())
    config["storage"] = {"sqlite": {"base_dir": str(home)}}
    config["local_artifact_storage"]["config"]["base_dir"] = str(home)
    (home / INSTANCE).write_text(f"# Made from the project's {INSTANCE}: edit that one.\n{yaml.safe_dump(config)}")
    return home


def home_in(folder: Path) -> Path:
    """Where it is, made or not."""
    return (folder / "dagster").absolute()


def project() -> Path:
    """The folder with the project's ``dagster.yaml`` and ``workspace.yaml``: this one, or the one of the package."""
    places = (Path.cwd(), Path(truth_forge_sync.__file__).absolute().parent.parent)
    for place in places:
        if (place / INSTANCE).exists() and (place / WORKSPACE).exists():
            return place
    raise Stop(f"{INSTANCE} and {WORKSPACE} are not in this folder", remedy="run this in the project's folder")
