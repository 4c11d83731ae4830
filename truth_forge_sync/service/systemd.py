"""systemd: one unit a process and a target that holds them together.

Units of a user lack the file system's protection: it needs rights that systemd does not give to users everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, StrictUndefined, Template

from truth_forge_sync.service.machine import ask, remove, show, tell, write
from truth_forge_sync.service.plan import NAMES, STOP_SECONDS, WORKSPACE, Plan

TARGET: Final = "truth-forge-sync.target"
SERVICES: Final = tuple(f"truth-forge-sync-{name}.service" for name in NAMES)
"""All that there may be, in the order of the processes."""
SYSTEM_FOLDER: Final = Path("/etc/systemd/system")
_BACK_OFF_SINCE: Final = 254


def files(plan: Plan, folder: Path, *, back_off: bool = True) -> dict[Path, str]:
    """Every file of the service and its text. ``back_off``: systemd is new enough to wait longer each time."""
    processes = {f"truth-forge-sync-{process.name}.service": process for process in plan.processes}
    units = {
        folder / service: _template("unit.service.j2").render(
            process=process,
            target=TARGET,
            user=plan.user,
            home=str(plan.home).replace("%", "%%"),
            environment=[_quoted([f"{name}={value}"]) for name, value in plan.environment.items()],
            command=_command(process.command),
            back_off=back_off,
            stop_seconds=STOP_SECONDS,
            writable=_quoted(map(str, plan.writable)),
        )
        for service, process in processes.items()
    }
    target = _template("unit.target.j2").render(services=processes, user=plan.user)
    return {plan.workspace: plan.workspace_text(), **units, folder / TARGET: target}


@dataclass(frozen=True, slots=True)
class Systemd:
    """The service under systemd, system-wide or the user's own. All but ``files`` raise Stop where systemd says no."""

    system: bool

    @property
    def folder(self) -> Path:
        settings = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        return SYSTEM_FOLDER if self.system else Path(settings).expanduser() / "systemd/user"

    def files(self, plan: Plan) -> dict[Path, str]:
        return files(plan, self.folder, back_off=_version() >= _BACK_OFF_SINCE)

    def installed(self) -> bool:
        return (self.folder / TARGET).exists()

    def install(self, plan: Plan) -> None:
        again = self.installed()
        self._tell("show-environment")  # is there a systemd that listens to us? Else nothing is written
        files = self.files(plan)
        for service in [service for service in self._services() if self.folder / service not in files]:
            self._tell("disable", "--now", service)
            remove([self.folder / service])
        write(files)
        self._tell("daemon-reload")
        self._tell("enable", "--now", TARGET)
        if again:
            self._tell("restart", TARGET)

    def uninstall(self, home: Path) -> None:
        self._tell("disable", "--now", TARGET)
        remove([*(self.folder / unit for unit in (*SERVICES, TARGET)), home / WORKSPACE])
        self._tell("daemon-reload")

    def start(self) -> None:
        self._tell("start", TARGET)

    def stop(self) -> None:
        self._tell("stop", TARGET)

    def states(self) -> dict[str, str]:
        """The state of each process in systemd's word; ``active`` is the good one."""
        services = self._services()
        said = ask("systemctl", *self._scope, "is-active", *services)
        words = said.stdout.split()
        if len(words) != len(services):
            self._tell("list-units", "--no-pager", TARGET)  # says what is wrong
            words = ["unknown"] * len(services)
        return dict(zip(services, words, strict=True))

    def logs(self, home: Path, *, follow: bool, lines: int) -> int:
        units = [word for service in self._services() for word in ("--unit" if self.system else "--user-unit", service)]
        return show("journalctl", *units, "--lines", str(lines), *(["--follow"] if follow else ["--no-pager"]))

    def hint(self) -> str:
        """What else a person may want to do after the installation."""
        user = Path.home().name
        if self.system or (Path("/var/lib/systemd/linger") / user).exists():
            return ""
        return "It ends when you log out. To let it run without you, and from boot on: loginctl enable-linger"

    @property
    def _scope(self) -> tuple[str, ...]:
        return () if self.system else ("--user",)

    def _services(self) -> list[str]:
        """Those that are installed."""
        return [service for service in SERVICES if (self.folder / service).exists()]

    def _tell(self, *words: str) -> None:
        tell("systemctl", *self._scope, *words)


def _version() -> int:
    said = ask("systemctl", "--version").stdout.split()
    return int(said[1]) if len(said) > 1 and said[1].isdigit() else 0


@cache
def _template(name: str) -> Template:
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    return environment.from_string((Path(__file__).parent / name).read_text(encoding="utf-8"))


def _command(words: Iterable[str]) -> str:
    return _quoted(word.replace("$", "$$") for word in words)


def _quoted(words: Iterable[str]) -> str:
    """Words as systemd reads them: quoted where they hold more than plain characters, and no specifier in them."""
    return " ".join(_quote(word.replace("%", "%%")) for word in words)


def _quote(word: str) -> str:
    if word.replace("/", "").replace("-", "").replace("_", "").replace(".", "").replace("=", "").isalnum():
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
