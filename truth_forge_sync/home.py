"""Where the project lives: the folder with ``dagster.yaml``, ``.env`` and ``.truth_forge/``; and the Dagster instance.

The daemon is started there, so relative paths (the hub's file, a SQLite URL) mean the same to a command as to the
daemon only when the command works from there, too.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from truth_forge_sync.errors import Stop

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from truth_forge_sync.settings import Settings

INSTANCE_FILE = "dagster.yaml"
SANDBOX_HUB = Path(".truth_forge", "sandbox", "hub.duckdb")


def find_home() -> Path | None:
    """The folder with ``dagster.yaml``: this one, one above it, or else the one that ``DAGSTER_HOME`` names."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / INSTANCE_FILE).is_file():
            return folder
    named = os.environ.get("DAGSTER_HOME")
    return Path(named).expanduser() if named else None


def at_home() -> AbstractContextManager[object]:
    """Work from the project's folder until the block ends; from where we are when there is none."""
    home = find_home()
    return contextlib.chdir(home) if home and home.is_dir() and home != Path.cwd() else contextlib.nullcontext()


def require_hub(settings: Settings) -> None:
    """Called at home. Raises Stop where the settings' embedded hub is not there yet: opening it would make it."""
    if settings.bigquery_project or settings.hub_path.exists():
        return
    remedy = "run: truth-forge-sync init"
    if SANDBOX_HUB.exists():
        remedy += ', or for the sandbox: eval "$(truth-forge-sync sandbox env)"'
    raise Stop(f"the hub {settings.hub_path} does not exist yet", system="bigquery", remedy=remedy)


def instance_home() -> Path | None:
    """Where the Dagster instance keeps itself: ``DAGSTER_HOME``, else the project's folder; None where neither is."""
    named = os.environ.get("DAGSTER_HOME")
    home = Path(named).expanduser() if named else find_home()
    return home.resolve() if home and home.is_dir() else None


@contextmanager
def open_instance() -> Iterator[DagsterInstance]:
    """The Dagster instance of :func:`instance_home`, else one that forgets everything."""
    from dagster import DagsterInstance
    from dagster._core.secrets.env_file import get_env_var_dict
    from dagster._utils.env import environ

    if home := instance_home():
        # As Dagster's own programs do: dagster.yaml may name a variable that only .env sets.
        unset = {name: value for name, value in get_env_var_dict(str(home)).items() if name not in os.environ}
        with environ(unset), DagsterInstance.from_config(str(home)) as instance:
            yield instance
    else:
        with DagsterInstance.ephemeral() as instance:
            yield instance
