"""launchd: one property list a process, as agents of the user or as daemons of the machine.

launchd has no journal: the output goes to files in ``.truth_forge/log``, and one more job keeps those short.
"""

from __future__ import annotations

import os
import plistlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from truth_forge_sync.service.machine import ask, remove, show, tell, write
from truth_forge_sync.service.plan import NAMES, STOP_SECONDS, WORKSPACE, Plan

LABEL: Final = "com.truthforge.sync"
JOBS: Final = (*NAMES, "rotate")
"""All that there may be."""
LOG: Final = Path(".truth_forge/log")
_HOUR: Final = 3600


def files(plan: Plan, folder: Path) -> dict[Path, str]:
    """Every file of the service and its text."""
    jobs = {process.name: _kept_alive(process.command) for process in plan.processes}
    rotate = [str(plan.tools / "python"), "-m", "truth_forge_sync.service.rotate", str(plan.home / LOG)]
    jobs["rotate"] = {"ProgramArguments": rotate, "StartInterval": _HOUR}
    texts = {folder / _file(name): _text(plan, name, job) for name, job in jobs.items()}
    return {plan.workspace: plan.workspace_text(), **texts}


@dataclass(frozen=True, slots=True)
class Launchd:
    """The service under launchd, system-wide or the user's own. All but ``files`` raise Stop where launchd says no."""

    system: bool

    @property
    def folder(self) -> Path:
        return Path("/Library/LaunchDaemons") if self.system else Path("~/Library/LaunchAgents").expanduser()

    def files(self, plan: Plan) -> dict[Path, str]:
        return files(plan, self.folder)

    def installed(self) -> bool:
        return (self.folder / _file(NAMES[0])).exists()

    def install(self, plan: Plan) -> None:
        if self.installed():
            self.stop()
        log = plan.home / LOG
        log.mkdir(parents=True, exist_ok=True)
        files = self.files(plan)
        remove(path for name in JOBS if (path := self.folder / _file(name)) not in files)
        write(files)
        if plan.user:
            owner = plan.home.stat()
            for path in (log, plan.workspace.parent, plan.workspace):
                os.chown(path, owner.st_uid, owner.st_gid)
        self.start()

    def uninstall(self, home: Path) -> None:
        self.stop()
        remove([*(self.folder / _file(name) for name in JOBS), home / WORKSPACE])

    def start(self) -> None:
        for name in self._jobs(loaded=False):
            tell("launchctl", "bootstrap", self._domain, str(self.folder / _file(name)))

    def stop(self) -> None:
        for name in reversed(self._jobs(loaded=True)):
            tell("launchctl", "bootout", f"{self._domain}/{LABEL}.{name}")

    def states(self) -> dict[str, str]:
        """The state of each process; ``active`` is the good one."""
        return {f"{LABEL}.{name}": self._state(name) for name in self._installed() if name in NAMES}

    def logs(self, home: Path, *, follow: bool, lines: int) -> int:
        files = [str(home / _log(name)) for name in self._installed() if name in NAMES]
        return show("tail", "-n", str(lines), *(["-F"] if follow else []), *files)

    def hint(self) -> str:
        """What else a person may want to do after the installation."""
        return "" if self.system else "It runs while you are logged in. With --system it runs from boot on."

    @property
    def _domain(self) -> str:
        return "system" if self.system else f"gui/{os.getuid()}"

    def _installed(self) -> list[str]:
        return [name for name in JOBS if (self.folder / _file(name)).exists()]

    def _jobs(self, *, loaded: bool) -> list[str]:
        return [name for name in self._installed() if (self._state(name) != "not loaded") is loaded]

    def _state(self, name: str) -> str:
        said = ask("launchctl", "print", f"{self._domain}/{LABEL}.{name}")
        if said.returncode:
            return "not loaded"
        return "active" if "state = running" in said.stdout else "not running"


def _kept_alive(arguments: Sequence[str]) -> dict[str, Any]:
    # launchd waits at least this long before it starts one anew; the wait does not grow.
    return {
        "ProgramArguments": list(arguments),
        "RunAtLoad": True,
        "KeepAlive": True,
        "ThrottleInterval": 10,
        "ExitTimeOut": STOP_SECONDS,
    }


def _text(plan: Plan, name: str, job: dict[str, Any]) -> str:
    account = {"UserName": plan.user} if plan.user else {}
    output = {"StandardOutPath": str(plan.home / _log(name)), "StandardErrorPath": str(plan.home / _log(name))}
    place = {"WorkingDirectory": str(plan.home), "EnvironmentVariables": dict(plan.environment), "Umask": 0o077}
    entries = {"Label": f"{LABEL}.{name}", **account, **place, **output, **job}
    return plistlib.dumps(entries, sort_keys=False).decode()


def _file(name: str) -> str:
    return f"{LABEL}.{name}.plist"


def _log(name: str) -> Path:
    return LOG / f"{name}.log"
