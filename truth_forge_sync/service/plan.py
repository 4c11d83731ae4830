"""What runs in production: the code server, Dagster's daemon, which runs the cycles, and its UI, all in the project's
folder. A code server of its own lets each of the others be started anew by itself. Where webhooks come, their receiver
runs beside them.
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml  # type: ignore[import-untyped]
from sqlalchemy.engine import make_url

from truth_forge_sync.errors import Stop
from truth_forge_sync.home import INSTANCE_FILE, find_home
from truth_forge_sync.settings import Settings, load_settings

HOST: Final = "127.0.0.1"
UI_PORT: Final = 3000
CODE_PORT: Final = 4000
WEBHOOKS_PORT: Final = 8765
NAMES: Final = ("code", "daemon", "web", "webhooks")
"""Of all processes that there may be; the last one is there where it is wanted."""
WORKSPACE: Final = Path(".truth_forge/service/workspace.yaml")
STOP_SECONDS: Final = 600
"""How long a cycle at work may take to end before it is killed; the next one would finish what it began."""

_TOOLS: Final = ("python", "dagster", "dagster-daemon", "dagster-webserver")


@dataclass(frozen=True, slots=True)
class Process:
    """One of them: its name among :data:`NAMES`, what it is in a few words, and the words of its command."""

    name: str
    what: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """``home`` is the project's folder, ``tools`` that of the programs, ``user`` whose account a system-wide service
    runs under (None: a service of the person who installs it), ``writable`` what it must be able to write, ``webhooks``
    whether it takes them."""

    home: Path
    tools: Path
    user: str | None = None
    ui_port: int = UI_PORT
    code_port: int = CODE_PORT
    webhooks_port: int = WEBHOOKS_PORT
    writable: tuple[Path, ...] = ()
    webhooks: bool = False

    @property
    def workspace(self) -> Path:
        return self.home / WORKSPACE

    @property
    def environment(self) -> Mapping[str, str]:
        path = os.pathsep.join((str(self.tools), "/usr/local/bin", "/usr/bin", "/bin"))
        return {"DAGSTER_HOME": str(self.home), "PATH": path, "PYTHONUNBUFFERED": "1"}

    @property
    def processes(self) -> tuple[Process, ...]:
        python, dagster, daemon, webserver = (str(self.tools / tool) for tool in _TOOLS)
        code = ("code-server", "start", "--module-name", "truth_forge_sync.definitions")
        serve = ("--host", HOST, "--port", str(self.code_port))
        workspace = ("--workspace", str(self.workspace))
        receive = ("-m", "truth_forge_sync.cli", "webhooks", "serve", "--host", HOST, "--port", str(self.webhooks_port))
        always = (
            Process("code", "the code server", (dagster, *code, *serve)),
            Process("daemon", "schedule, sensors and run queue", (daemon, "run", *workspace)),
            Process("web", "the UI", (webserver, "--host", HOST, "--port", str(self.ui_port), *workspace)),
        )
        webhooks = Process("webhooks", "the receiver of webhooks", (python, *receive))
        return (*always, webhooks) if self.webhooks else always

    def workspace_text(self) -> str:
        """The file that leads daemon and UI to the code server."""
        server = {"host": HOST, "port": self.code_port, "location_name": "truth_forge_sync"}
        return str(yaml.safe_dump({"load_from": [{"grpc_server": server}]}, sort_keys=False))


def make_plan(
    *,
    system: bool,
    ui_port: int = UI_PORT,
    code_port: int = CODE_PORT,
    webhooks_port: int = WEBHOOKS_PORT,
    webhooks: bool | None = None,
) -> Plan:
    """The plan for the project around us. ``webhooks``: whether they are taken (None: where one could be verified).

    Raises Stop where there is no project, where a setting is wrong or only in this shell, where a system-wide service
    would run as root, and where webhooks are to be taken and could not.
    """
    home = project_home()
    settings = _settings_of_the_service(home)
    tools = Path(sys.executable).parent
    if missing := [tool for tool in _TOOLS if not (tools / tool).exists()]:
        raise Stop(
            f"{', '.join(missing)} not found in {tools}", remedy="install the project into a .venv: make install"
        )
    user = _owner(home) if system else None
    writable = writable_folders(home, settings)
    return Plan(home, tools, user, ui_port, code_port, webhooks_port, writable, _takes_webhooks(settings, webhooks))


def project_home() -> Path:
    """The project's folder. Raises Stop where there is none."""
    home = find_home()
    if home is None or not (home / INSTANCE_FILE).is_file():
        raise Stop(f"no {INSTANCE_FILE} here or above", remedy="run this in the project's folder")
    return home.resolve()


def writable_folders(home: Path, settings: Settings) -> tuple[Path, ...]:
    """The project's folder, and those of the hub's file and of a SQLite database where they lie outside it."""
    files = [settings.hub_path.expanduser()]
    if settings.local_database_url:
        url = make_url(settings.local_database_url.get_secret_value())
        if url.get_backend_name() == "sqlite" and url.database and not url.database.startswith("file:"):
            files.append(Path(url.database))
    folders = ((home / file).resolve().parent for file in files)
    return tuple(dict.fromkeys((home, *(folder for folder in folders if not folder.is_relative_to(home)))))


def _settings_of_the_service(home: Path) -> Settings:
    """Those of ``.env`` alone: the service does not see the variables of this shell."""
    names = {str(field.validation_alias or name).upper() for name, field in Settings.model_fields.items()}
    here = {name: value for name, value in os.environ.items() if name.upper() in names}
    for name in here:
        del os.environ[name]
    try:
        settings = load_settings(home / ".env")
    finally:
        os.environ.update(here)
    if here and load_settings(home / ".env") != settings:
        raise Stop(
            f"only this shell knows {', '.join(sorted(here))}: the service reads .env",
            remedy="put them into .env, and unset them here",
        )
    return settings


def _takes_webhooks(settings: Settings, wanted: bool | None) -> bool:
    verifiable = bool(settings.twenty_webhook_secret or settings.supabase_webhook_secret)
    if wanted is False or (wanted is None and not verifiable):
        return False
    if not verifiable:
        raise Stop(
            "no webhook could be verified", remedy="put TWENTY_WEBHOOK_SECRET or SUPABASE_WEBHOOK_SECRET into .env"
        )
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        remedy = "install truth-forge-sync[webhooks], or leave them away: --no-webhooks"
        raise Stop(f"webhooks need {error.name}", remedy=remedy) from error
    return True


def _owner(home: Path) -> str:
    owner = home.stat().st_uid
    if owner == 0:
        raise Stop(
            f"{home} belongs to root, and a system-wide service runs as the owner of this folder",
            remedy=f"give it an account of its own: useradd --system truth-forge; chown -R truth-forge: '{home}'",
        )
    return pwd.getpwuid(owner).pw_name
