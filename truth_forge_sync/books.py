"""Dagster's books, read without Dagster: its import and its storage take seconds, more than a status may.

The layout of these tables is Dagster's own matter. It stamps them with a revision; we know one, and leave every other,
and whatever else surprises us, to Dagster (:func:`~truth_forge_sync.past.read_past`). Tests hold both answers together.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]
from dotenv import dotenv_values

from truth_forge_sync.home import INSTANCE_FILE, instance_home
from truth_forge_sync.past import CRON, CRON_SECONDS, SCHEDULE, Past, Turn, is_alive
from truth_forge_sync.settings import SYSTEMS

REVISION: Final = "29b539ebc72a"
"""The one that we know: of Dagster 1.13, the same in SQLite and in PostgreSQL."""

WAIT_SECONDS: Final = 5
"""How long a database may take to let us in."""

Ask = Callable[[str], list[tuple[Any, ...]]]
"""The rows of one SELECT."""

_BOOKS: Final = {"runs": "history/runs.db", "events": "history/runs/index.db", "schedules": "schedules/schedules.db"}
"""Three files in SQLite, one database in PostgreSQL."""


class Unfamiliar(Exception):
    """These books are not as we know them: Dagster must be asked."""


def read_books() -> Past:
    """What the instance around us remembers (:func:`~truth_forge_sync.home.instance_home`). Makes nothing that is not
    there. Raises Unfamiliar where only Dagster can tell."""
    home = instance_home()
    if home is None:  # an instance that forgets
        return Past()
    try:
        with _opened(home) as books:
            return _past(**books)
    except Exception as error:  # whatever is odd here: Dagster knows, or says better what is wrong
        raise Unfamiliar(type(error).__name__) from error


@contextmanager
def _opened(home: Path) -> Iterator[Mapping[str, Ask]]:
    with ExitStack() as opened:
        match yaml.safe_load((home / INSTANCE_FILE).read_text(encoding="utf-8"))["storage"]:
            case {"sqlite": {"base_dir": folder}}:
                base = Path(_value(folder, home)).absolute()
                books = {name: _sqlite(base / file, opened) for name, file in _BOOKS.items()}
            case {"postgres": {"postgres_url": url}}:
                books = dict.fromkeys(_BOOKS, _postgres(_value(url, home), opened))
            case _:
                raise Unfamiliar("another kind of storage")
        yield books


def _value(configured: str | Mapping[str, str], home: Path) -> str:
    """A value of ``dagster.yaml``; it may name a variable that only ``.env`` sets."""
    if isinstance(configured, str):
        return configured
    name = configured["env"]
    return os.environ.get(name) or dotenv_values(home / ".env")[name] or ""


def _sqlite(file: Path, opened: ExitStack) -> Ask:
    if not file.exists():  # nothing was ever written into it
        return lambda _sql: []
    uri = f"{file.as_uri()}?mode=ro"
    connection = opened.enter_context(closing(sqlite3.connect(uri, uri=True, timeout=WAIT_SECONDS)))
    return _checked(lambda sql: connection.execute(sql).fetchall())


def _postgres(url: str, opened: ExitStack) -> Ask:
    import psycopg2  # type: ignore[import-untyped]

    scheme, rest = url.split("://", 1)
    plain = f"{scheme.partition('+')[0]}://{rest}"  # without SQLAlchemy's name of the driver
    connection = opened.enter_context(closing(psycopg2.connect(plain, connect_timeout=WAIT_SECONDS)))

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    return _checked(ask)


def _checked(ask: Ask) -> Ask:
    if ask("SELECT version_num FROM alembic_version") != [(REVISION,)]:
        raise Unfamiliar("another revision of Dagster's tables")
    return ask


def _past(runs: Ask, events: Ask, schedules: Ask) -> Past:
    beats = [json.loads(body) for (body,) in runs("SELECT body FROM daemon_heartbeats")]
    last = runs(
        "SELECT end_time, start_time, create_timestamp FROM runs WHERE pipeline_name = 'sync' ORDER BY id DESC LIMIT 1"
    )
    good = runs(
        "SELECT end_time FROM runs WHERE pipeline_name = 'sync' AND status = 'SUCCESS' ORDER BY id DESC LIMIT 1"
    )
    running = is_alive({beat["daemon_type"]: beat["timestamp"] for beat in beats})
    turns = _turns(events)
    return Past(
        running=running,
        last_sync=_ended(*last[0]) if last else None,
        last_success=good[0][0] if good else None,
        next_sync=_next_tick(schedules) if running else None,
        pulls={name: turns[name, "contacts"] for name in SYSTEMS if (name, "contacts") in turns},
        pushes={name: turns[name, "published"] for name in SYSTEMS if (name, "published") in turns},
    )


def _ended(end: float | None, start: float | None, created: str | datetime) -> float:
    """When a run ended, else began, else was made; that last one in UTC, as text in SQLite."""
    made = created if isinstance(created, datetime) else datetime.fromisoformat(created)
    return end or start or made.replace(tzinfo=UTC).timestamp()


def _turns(events: Ask) -> dict[tuple[str, ...], Turn]:
    """The last turn of each asset that was materialized (and not wiped) by its key."""
    turns = {}
    for key, record, details in events("SELECT asset_key, last_materialization, asset_details FROM asset_keys"):
        entry = json.loads(record)["event_log_entry"] if record else None
        if entry is None or (details and entry["timestamp"] <= (json.loads(details)["last_wipe_timestamp"] or 0)):
            continue
        metadata = entry["dagster_event"]["event_specific_data"]["materialization"]["metadata_entries"]
        found = {item["label"]: item["entry_data"].get("text") for item in metadata}
        turns[tuple(json.loads(key))] = Turn(str(found.get("status")), entry["timestamp"], found.get("message"))
    return turns


def _next_tick(schedules: Ask) -> float | None:
    """None where the schedule is not known yet, or where a person stopped it."""
    for (body,) in schedules("SELECT instigator_body FROM instigators WHERE instigator_type = 'SCHEDULE'"):
        kept = json.loads(body)
        if kept["origin"]["job_name"] == SCHEDULE and kept["status"]["__enum__"] != "InstigatorStatus.STOPPED":
            if kept["job_specific_data"]["cron_schedule"] != CRON:
                raise Unfamiliar("another rhythm")
            return (time.time() // CRON_SECONDS + 1) * CRON_SECONDS
    return None
