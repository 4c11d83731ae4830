"""How the sync is doing: what the Dagster instance remembers, beside what the hub holds.

Nothing here waits for a system, and the hub gets a few seconds: a status must also answer when all else is down.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from truth_forge_sync.books import Unfamiliar, read_books
from truth_forge_sync.errors import SyncError
from truth_forge_sync.home import at_home, open_instance, require_hub
from truth_forge_sync.past import Past, read_past
from truth_forge_sync.settings import SYSTEMS, Settings, SystemName, load_settings

HUB_SECONDS = 5.0
"""How long the hub may take to answer."""


@dataclass(frozen=True, slots=True)
class HubCounts:
    """What the hub holds; ``message`` says why not, where it could not be asked."""

    contacts: int | None = None
    aligned: int | None = None
    conflicts_open: int | None = None
    review_open: int | None = None
    errors_parked: int | None = None
    pending: Mapping[str, int] = field(default_factory=dict)
    parked: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)
    read_at: Mapping[str, float] = field(default_factory=dict)
    message: str | None = None


def read_status() -> dict[str, Any]:
    """The object of ``status --json`` (CONTRACT.md); times are ISO 8601 in UTC. Raises Stop for a wrong setting."""
    with at_home():
        settings = load_settings()
        asking = ask_hub(settings)
        return compose(settings, look_back(), asking(), now=time.time())


def look_back() -> Past:
    """What the Dagster instance around us remembers: out of its books where they are as we know them, since Dagster
    itself takes seconds to import."""
    try:
        return read_books()
    except Unfamiliar:
        with open_instance() as instance:
            return read_past(instance)


def compose(settings: Settings, past: Past, hub: HubCounts, *, now: float) -> dict[str, Any]:
    """The status out of what was found."""
    share = None if hub.contacts is None or hub.aligned is None else hub.aligned / hub.contacts if hub.contacts else 1.0
    return {
        "running": past.running,
        "last_sync_time": _iso(past.last_sync),
        "last_success_time": _iso(past.last_success),
        "next_sync_time": _iso(past.next_sync),
        "contacts": hub.contacts,
        "aligned_share": share,
        "conflicts_open": hub.conflicts_open,
        "review_open": hub.review_open,
        "errors_parked": hub.errors_parked,
        "systems": {name: _system(name, settings, past, hub, now) for name in SYSTEMS},
    }


def is_fine(status: Mapping[str, Any]) -> bool:
    """The daemon runs, and every configured system is healthy."""
    return status["running"] and all(system["healthy"] for system in status["systems"].values() if system["configured"])


def _system(name: SystemName, settings: Settings, past: Past, hub: HubCounts, now: float) -> dict[str, Any]:
    turns = [turn for turn in (past.pulls.get(name), past.pushes.get(name)) if turn]
    failed = next((turn for turn in turns if turn.status in ("down", "stopped")), None)
    pull = past.pulls.get(name)
    # A pull that finds the change marker where it was has looked, too, though the cursor stays.
    looked = [pull.at] if pull and pull.status == "ok" else []
    read_at = max([*looked, *([hub.read_at[name]] if name in hub.read_at else [])], default=None)
    configured = name in settings.configured
    message: str | None
    if not configured:
        message = "not configured: its settings are in .env.example"
    elif hub.message and name == "bigquery":
        message = hub.message
    elif failed:
        message = failed.message or failed.status
    elif read_at is None:
        message = "not read yet"
    elif hub.held.get(name):
        message = f"the brake holds losses of {hub.held[name]} contacts — see: truth-forge-sync holds list"
    else:
        message = f"values parked: {hub.parked[name]}" if hub.parked.get(name) else None
    return {
        "configured": configured,
        "healthy": configured and failed is None and read_at is not None and not (name == "bigquery" and hub.message),
        "last_read_at": _iso(read_at),
        "lag_seconds": None if read_at is None else round(max(0.0, now - read_at), 1),
        "pending": hub.pending.get(name, 0),
        "message": message,
    }


def ask_hub(settings: Settings, *, seconds: float = HUB_SECONDS) -> Callable[[], HubCounts]:
    """Ask the hub one query, in a thread of its own. What comes back waits for the answer, for ``seconds`` at most."""
    answer: Future[HubCounts] = Future()

    def ask() -> None:
        try:
            answer.set_result(_ask_hub(settings))
        except BaseException as error:  # noqa: BLE001 - raised again by the one who waits
            answer.set_exception(error)

    def wait() -> HubCounts:
        try:
            return answer.result(timeout=seconds)
        except FutureTimeout:
            return HubCounts(message=f"the hub did not answer in {seconds:.0f} s — a cycle may be at work")

    threading.Thread(target=ask, daemon=True).start()  # an executor's thread would keep the process from ending
    return wait


def _ask_hub(settings: Settings) -> HubCounts:
    from truth_forge_sync.hub.engine import open_engine
    from truth_forge_sync.hub.hub import Hub, state_of

    try:
        require_hub(settings)
        engine = open_engine(settings)
        try:
            if "sync_cursors" not in engine.tables("sync_cursors"):
                return HubCounts(message="the hub has no tables yet — run: truth-forge-sync init")
            parts = Hub(engine).parts("status")
        finally:
            engine.close()
    except SyncError as error:
        return HubCounts(message=str(error))
    (counted,) = parts["contacts"]
    state = state_of(parts)
    return HubCounts(
        contacts=counted["living"],
        aligned=counted["aligned"],
        conflicts_open=state.conflicts,
        review_open=state.reviews,
        errors_parked=sum(state.parked.values()),
        pending={name: sum(kinds.values()) for name, kinds in state.open_intents.items()},
        parked=state.parked,
        held={name: held.contacts for name, held in state.holds.items() if held.contacts},
        read_at={name: cursor.read_at.timestamp() for name, cursor in state.cursors.items()},
    )


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
