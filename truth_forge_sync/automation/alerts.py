"""Alerts: one when something breaks, one when it works again (Apprise), and none in between.

Trouble is told when two looks in a row find it: what passes by itself within a minute is nobody's business. What is
told are systems, counts and remedies, never a person's data. After each good cycle an outside watch may be pinged,
which raises the alarm when the daemon itself is dead (a dead man's switch).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from dagster import DagsterInstance, DefaultSensorStatus, SensorEvaluationContext, SensorResult, SkipReason, sensor
from pydantic import SecretStr

from truth_forge_sync.assets.workbench import Workbench
from truth_forge_sync.past import read_past
from truth_forge_sync.settings import Settings
from truth_forge_sync.status import ask_hub, compose

SECONDS_BETWEEN_LOOKS = 60
STALE_SECONDS = 30 * 60
"""So long after the last good cycle something is wrong, though each system looks fine."""

Send = Callable[[str, str], bool]
"""Title and text, sent; False where that failed, so that it is tried again."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is broken. ``since``: Unix seconds; ``told``: an alert was sent."""

    message: str
    since: float
    told: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the last look left: the troubles by what is broken, and the cycle that was last pinged for (its end)."""

    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    pinged: float = 0.0

    @classmethod
    def of(cls, cursor: str | None) -> "Known":
        if cursor is None:
            return cls()
        kept = json.loads(cursor)
        return cls({what: Trouble(**trouble) for what, trouble in kept["troubles"].items()}, kept["pinged"])

    @property
    def cursor(self) -> str:
        return json.dumps(asdict(self))


def troubles(status: Mapping[str, Any], held: Mapping[str, int], *, now: float) -> dict[str, str]:
    """What is broken, and its message, of a status (:func:`~truth_forge_sync.status.compose`)."""
    found = {
        name: str(system["message"] or "it is not healthy")
        for name, system in status["systems"].items()
        if system["configured"] and not system["healthy"]
    }
    found |= {
        f"brake on {name}": f"losses of {contacts} contacts wait for a person — see: truth-forge-sync holds list"
        for name, contacts in held.items()
    }
    good = status["last_success_time"]
    if status["last_sync_time"] and (good is None or now - datetime.fromisoformat(good).timestamp() > STALE_SECONDS):
        found["cycles"] = f"no cycle has succeeded since {good or 'the beginning'} — see the runs in the UI"
    return found


def after_a_look(known: Known, found: Mapping[str, str], send: Send, *, now: float) -> Known:
    """Tell what two looks in a row found broken, and what was told and is over. What can't be sent is kept."""
    left = {}
    for what, message in found.items():
        before = known.troubles.get(what)
        trouble = Trouble(message, now) if before is None else replace(before, message=message)
        if before is not None and not before.told:
            trouble = replace(trouble, told=send(f"{what} is broken", f"Since {_clock(trouble.since)}: {message}"))
        left[what] = trouble
    for what, trouble in known.troubles.items():
        if what not in found and trouble.told:
            over = f"It was broken from {_clock(trouble.since)} to {_clock(now)}."
            if not send(f"{what} works again", over):
                left[what] = trouble
    return replace(known, troubles=left)


def _clock(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


def sender(urls: Sequence[SecretStr]) -> Send:
    """Sends to all of these Apprise URLs."""
    import apprise

    service = apprise.Apprise()
    for url in urls:
        service.add(url.get_secret_value())
    return lambda title, text: bool(service.notify(title=f"Truth Forge Sync: {title}", body=text))


def ping(url: SecretStr) -> bool:
    import httpx

    try:
        return httpx.get(url.get_secret_value(), timeout=10).is_success
    except httpx.HTTPError:
        return False


@sensor(
    name="alerts",
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=DefaultSensorStatus.RUNNING,
    description="Sends an alert when something breaks and one when it works again (TRUTH_FORGE_NOTIFY_URLS), and pings "
    "an outside watch after each good cycle (TRUTH_FORGE_PING_URL).",
)
def alerts(context: SensorEvaluationContext, workbench: Workbench) -> SensorResult:
    known, found = looked(context.instance, workbench.settings, Known.of(context.cursor))
    return SensorResult(skip_reason=SkipReason("; ".join(found) or "all is well"), cursor=known.cursor)


def looked(instance: DagsterInstance, settings: Settings, known: Known) -> tuple[Known, dict[str, str]]:
    """One look: what is known after it, and what is broken."""
    asking = ask_hub(settings)
    past, hub, now = read_past(instance), asking(), datetime.now(UTC).timestamp()
    found = troubles(compose(settings, past, hub, now=now), hub.held, now=now)
    if settings.notify_urls:
        known = after_a_look(known, found, sender(settings.notify_urls), now=now)
    if settings.ping_url and (past.last_success or 0.0) > known.pinged and ping(settings.ping_url):
        known = replace(known, pinged=past.last_success or 0.0)
    return known, found
