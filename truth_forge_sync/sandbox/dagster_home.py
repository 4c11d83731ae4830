"""Where the sandbox is, and its Dagster instance: that of the project, with all that it writes under one folder.

Paths in the project's file are relative to wherever a process happens to run, and Dagster puts more beside the file
that DAGSTER_HOME names. So the sandbox's instance gets a home of its own, with a copy whose paths are absolute.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]

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


def sandbox_folder() -> Path:
    """``.truth_forge`` of the project that we are in, else of this folder."""
    return (project_around(Path.cwd()) or Path.cwd()) / ".truth_forge"


def home_in(folder: Path) -> Path:
    """Where it is, made or not."""
    return (folder / "dagster").absolute()


def project() -> Path:
    """The folder with the project's ``dagster.yaml`` and ``workspace.yaml``: around us, or around the package."""
    if folder := project_around(Path.cwd()) or project_around(Path(truth_forge_sync.__file__).absolute().parent):
        return folder
    raise Stop(f"{INSTANCE} and {WORKSPACE} are not in this folder", remedy="run this in the project's folder")


def project_around(place: Path) -> Path | None:
    """``place`` or the nearest folder above it that is a project."""
    for folder in (place, *place.parents):
        if (folder / INSTANCE).is_file() and (folder / WORKSPACE).is_file():
            return folder
    return None
