"""The hub: can it be opened, are its tables as this version needs them, and does anything wait for a person?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from truth_forge_sync.doctor.finding import Finding, from_error
from truth_forge_sync.doctor.system import clock_found
from truth_forge_sync.errors import Retry, SyncError
from truth_forge_sync.hub.engine import Engine, open_engine
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.hub.statements import declared_tables
from truth_forge_sync.settings import Settings
from truth_forge_sync.systems.clock import ClockOffset

NAME = "bigquery"

_INIT = "run: truth-forge-sync init"
_ROLES = "its account needs the roles BigQuery Data Editor, BigQuery Job User and BigQuery Read Session User"


def examine_hub(settings: Settings) -> Iterator[Finding]:
    """Opens nothing that is not there, since opening the embedded hub would make it."""
    embedded = not settings.bigquery_project
    if embedded and not settings.hub_path.exists():
        yield Finding(NAME, "schema", "failed", f"{settings.hub_path} is not there", _INIT)
        return
    if embedded and not _may_write(settings.hub_path):
        remedy = f"give this user the right to write {settings.hub_path} and in its folder"
        yield Finding(NAME, "rights", "failed", "we may not write the hub's file", remedy)
        return
    engine = open_engine(settings)
    try:
        missing = _missing(engine)
        yield Finding(NAME, "reachability", "ok", "it answers")
        if embedded:
            yield Finding(NAME, "rights", "ok", "we may read and write its file")
            yield Finding(NAME, "clock", "ok", "its clock is ours")
        else:
            told = "we may read; whether we may write is not told without writing"
            yield Finding(NAME, "rights", "skipped", told, _ROLES)
            yield clock_found(NAME, _offset(engine))
        yield from (Finding(NAME, "schema", "failed", what, _INIT) for what in missing)
        if not missing:
            yield Finding(NAME, "schema", "ok", "nothing is missing")
            yield from _waiting(Hub(engine))
    except SyncError as error:
        yield _failure(error, settings)
    finally:
        engine.close()


def _may_write(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK) and os.access(path.absolute().parent, os.W_OK)


def _missing(engine: Engine) -> list[str]:
    """A table, or the columns that one lacks, in words."""
    with engine.session():
        there = engine.tables("")
        if not there:
            return [f"dataset {engine.dataset} has no tables yet"]
        missing = []
        for table, types in declared_tables(engine.dataset).items():
            if table not in there:
                missing.append(f"table {engine.dataset}.{table} is missing")
            elif columns := sorted(types.keys() - engine.columns(table)):
                missing.append(f"table {engine.dataset}.{table} lacks {', '.join(columns)}")
        return missing


def _waiting(hub: Hub) -> Iterator[Finding]:
    """What a person may want to know before the next cycle."""
    state = hub.state()
    if state.unfinished:
        told = "a cycle is at work, or was interrupted; the next one finishes what it began"
        yield Finding(NAME, "cycle", "warning", told, "where nothing is running: truth-forge-sync sync")
    held = {name: hold.contacts for name, hold in state.holds.items() if hold.contacts}
    for name, contacts in sorted(held.items()):
        told = f"the brake holds losses of {contacts:,} contact{'' if contacts == 1 else 's'} of {name}"
        yield Finding(NAME, "cycle", "warning", told, "see: truth-forge-sync holds list")
    if not state.unfinished and not held:
        yield Finding(NAME, "cycle", "ok", "no cycle is unfinished and the brake holds nothing")


def _offset(engine: Engine) -> timedelta:
    clock = ClockOffset(timedelta(seconds=1))
    clock.ask()
    (row,) = engine.query("SELECT CURRENT_TIMESTAMP() AS theirs").to_pylist()
    clock.answer(cast(datetime, row["theirs"]))
    return clock.offset


def _failure(error: SyncError, settings: Settings) -> Finding:
    if isinstance(error, Retry) and not settings.bigquery_project:
        file = settings.hub_path
        remedy = f"close other programs that have {file} open; if there are none, check that it is a DuckDB file"
        return Finding(NAME, "reachability", "failed", error.message, remedy)
    return from_error(NAME, error)
