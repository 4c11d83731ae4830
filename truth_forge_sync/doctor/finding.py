"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from truth_forge_sync.errors import Retry, SyncError

Check = Literal["settings", "reachability", "rights", "schema", "clock", "cycle"]
Health = Literal["ok", "warning", "failed", "skipped"]

CHECKS: tuple[Check, ...] = ("settings", "reachability", "rights", "schema", "clock", "cycle")
"""As they are told; ``cycle`` is one of the hub alone."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``failed`` keeps the system from being kept in step; ``skipped`` was not, or cannot be, examined. ``remedy`` is
    what a person can do. Neither a secret nor anybody's data is in it."""

    system: str
    check: Check
    status: Health
    message: str
    remedy: str = ""


_SIGNS: tuple[tuple[str, Check], ...] = (
    ("truth-forge-sync init", "schema"),
    ("backup", "schema"),
    ("_KEY", "rights"),
    ("rights", "rights"),
    ("roles", "rights"),
    ("gcloud", "rights"),
    ("_URL", "reachability"),
)
"""Words of a remedy, and what is wrong where it helps."""

_WHERE_DOWN = {
    "bigquery": "check the network; if it stays so, check the settings of the hub",
    "twenty": "check TWENTY_URL, and that the server is up and can be reached from here",
    "supabase": "check SUPABASE_URL, and that the project is not paused and can be reached from here",
    "local": "check LOCAL_DATABASE_URL, and that the database is up and nobody keeps it locked",
}


def from_error(system: str, error: SyncError) -> Finding:
    """An error as a finding of the check that it is about, whatever was looked at: a key is refused everywhere."""
    if isinstance(error, Retry):
        return Finding(system, "reachability", "failed", error.message, error.remedy or _WHERE_DOWN.get(system, ""))
    about: Check = next((about for sign, about in _SIGNS if sign in error.remedy), "schema")
    return Finding(system, about, "failed", error.message, error.remedy)
