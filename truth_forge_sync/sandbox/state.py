"""What the sandbox remembers between commands: keys, ports, processes, and whether it was sown.

One JSON file that only its owner may read, since it holds the stand-ins' keys. Each change is made under a lock and
replaces the file whole.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from filelock import FileLock
from pydantic import BaseModel, Field, ValidationError

from truth_forge_sync.errors import Stop

_OWNER_ONLY = 0o600
_LOCK_SECONDS = 30


class ProcessId(BaseModel):
    """A process, told apart from a later one with the same number by when it was started."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        """Raises psutil.NoSuchProcess where there is none."""
        return cls(pid=pid, started=psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """The process, if it is still at work."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) > 1 or process.status() == psutil.STATUS_ZOMBIE:
                return None
        except psutil.NoSuchProcess:
            return None
        return process


class State(BaseModel):
    """``postgres_url`` is an SQLAlchemy URL, valid while ``stand_ins`` runs; ``ready`` says that all of it answers.
    ``dev`` is the ``dagster dev`` on the stand-ins, ``dev_owner`` the command that looks after it."""

    twenty_key: str = Field(default_factory=lambda: f"sandbox_{secrets.token_urlsafe(24)}")
    supabase_key: str = Field(default_factory=lambda: f"sb_secret_{secrets.token_urlsafe(24)}")
    twenty_port: int = 0
    supabase_port: int = 0
    stand_ins: ProcessId | None = None
    ready: bool = False
    postgres_url: str = ""
    sown_at: datetime | None = None
    dev: ProcessId | None = None
    dev_owner: ProcessId | None = None


class StateFile:
    """The state at ``path``; keys are made the first time that somebody writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> State | None:
        """None where the sandbox was never started. Raises Stop where the file is damaged."""
        try:
            return State.model_validate_json(self.path.read_text())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            remedy = "remove it: the sandbox then gets new keys and ports"
            raise Stop(f"{self.path} is damaged", remedy=remedy) from error

    @contextmanager
    def change(self) -> Iterator[State]:
        """The state, to be changed in the block and kept when it ends well."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock"), timeout=_LOCK_SECONDS):
            state = self.read() or State()
            yield state
            self._write(state)

    def _write(self, state: State) -> None:
        new = self.path.with_suffix(".new")
        new.unlink(missing_ok=True)  # one that a crash left behind might be readable by others
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w") as file:
            file.write(state.model_dump_json(indent=2))
        new.replace(self.path)
