"""Looks at everything that a cycle needs, changes nothing, and says what to do about what is wrong.

============  ==================================================================
finding.py    what a check found, and which check an error is a finding of
system.py     Twenty, Supabase, the local database: through their own protocol
hub.py        the hub: its file or dataset, its tables, what waits in it
============  ==================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from truth_forge_sync.doctor.finding import CHECKS, Finding, from_error
from truth_forge_sync.doctor.hub import examine_hub
from truth_forge_sync.doctor.system import examine_system
from truth_forge_sync.errors import SyncError
from truth_forge_sync.settings import SYSTEMS, Settings, SystemName
from truth_forge_sync.systems import open_system

__all__ = ["Finding", "examine"]

_VARIABLES = {
    "twenty": "TWENTY_URL and TWENTY_API_KEY",
    "supabase": "SUPABASE_URL and SUPABASE_KEY",
    "local": "LOCAL_DATABASE_URL",
}


def examine(settings: Settings) -> Iterator[Finding]:
    """What is found of each system; one finding at least of each check for a system that is configured. Raises nothing
    on account of a system: one in trouble does not keep the others from being examined."""
    for name in SYSTEMS:
        if name in settings.configured:
            yield Finding(name, "settings", "ok", _place(name, settings))
            yield from _complete(name, _look(name, settings))
        else:
            told = f"not configured: {_VARIABLES[name]} not set"
            yield Finding(name, "settings", "skipped", told, "to keep it in step, add that to .env (see .env.example)")


def _look(name: SystemName, settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    try:
        for finding in examine_hub(settings) if name == "bigquery" else _examine(name, settings):
            found.append(finding)
    except SyncError as error:
        found.append(from_error(name, error))
    except Exception as error:  # noqa: BLE001 - a fault of ours in one system must not hide what is wrong in the others
        # Its type alone: its words may repeat an address with a password, or a row.
        told = f"the examination broke off ({type(error).__name__})"
        found.append(Finding(name, "reachability", "failed", told, f"check the settings of {name}"))
    return found


def _complete(name: SystemName, found: Sequence[Finding]) -> Iterator[Finding]:
    """In the order of :data:`CHECKS`; what a failure left out is said to be skipped."""
    for check in CHECKS[1:]:
        told = [finding for finding in found if finding.check == check]
        if not told and check != "cycle":
            told = [Finding(name, check, "skipped", "not examined, because of the failure")]
        yield from told


def _examine(name: SystemName, settings: Settings) -> Iterator[Finding]:
    system = open_system(name, settings)
    try:
        yield from examine_system(system)
    finally:
        system.close()


def _place(name: SystemName, settings: Settings) -> str:
    if name != "bigquery":
        return f"{_VARIABLES[name]} set"
    if not settings.bigquery_project:
        return f"the hub is embedded, in {settings.hub_path} (BIGQUERY_PROJECT is not set)"
    place = f"the hub is dataset {settings.bigquery_dataset} of project {settings.bigquery_project}"
    return f"{place}, in {settings.bigquery_emulator_host or settings.bigquery_location}"
