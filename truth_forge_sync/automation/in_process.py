"""One cycle in this process: the same job ``sync`` as the daemon's, on the same instance, told in one object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dagster import AssetKey, DagsterEventType, DagsterInstance, Definitions
from dagster._core.utils import make_new_run_id

from truth_forge_sync.assets.hub import CHANGE_LOG, NOTHING_STAGED
from truth_forge_sync.automation.job import SYNC
from truth_forge_sync.automation.run_log import kept_open
from truth_forge_sync.checks.hub import CONFLICTS, CONTACTS
from truth_forge_sync.settings import SYSTEMS, SystemName

if TYPE_CHECKING:
    from dagster import DagsterEvent
    from dagster._core.events.log import EventLogEntry

HUB_KEYS = (CONTACTS, CHANGE_LOG, CONFLICTS)

_STATUS = {"down": "down", "stopped": "refused"}
"""What assets say of a system, in the words of CONTRACT.md; anything else is fine."""


@dataclass(slots=True)
class SystemReport:
    """What one system had in a cycle. ``changed``: contacts whose accepted changes came from it."""

    status: str = "skipped"
    read: int = 0
    changed: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    refused: int = 0
    requests: int = 0
    seconds: float = 0.0
    message: str | None = None


@dataclass(slots=True)
class HubReport:
    created: int = 0
    updated: int = 0
    deleted: int = 0
    conflicts: int = 0
    review: int = 0
    held: int = 0


@dataclass(slots=True)
class CycleReport:
    """The object of ``sync --json`` (CONTRACT.md)."""

    cycle_id: str | None = None
    status: str = "ok"
    systems: dict[str, SystemReport] = field(default_factory=lambda: {name: SystemReport() for name in SYSTEMS})
    hub: HubReport = field(default_factory=HubReport)
    writes: int = 0
    errors: list[str] = field(default_factory=list)
    """What failed for a reason that no asset foresaw."""

    def as_dict(self) -> dict[str, Any]:
        """Exactly the names of CONTRACT.md; messages are for people."""
        told = asdict(self)
        del told["errors"], told["hub"]["held"]
        for system in told["systems"].values():
            del system["message"]
        return told


def pulls(system: SystemName | None = None) -> Sequence[AssetKey]:
    """The pull of one system, or of all."""
    return [AssetKey([name, "contacts"]) for name in SYSTEMS if system in (None, name)]


def whole_cycle(system: SystemName | None = None) -> Sequence[AssetKey]:
    """All assets; or one system's pull, the hub, and every push."""
    pushes = [AssetKey([name, "published"]) for name in SYSTEMS if name != "bigquery"]
    return [*pulls(system), *HUB_KEYS, *pushes]


def run_cycle(
    defs: Definitions,
    instance: DagsterInstance,
    tags: Mapping[str, str],
    *,
    assets: Sequence[AssetKey],
    allow_losses: int = 0,
    on_step: Callable[[str], None] = lambda step: None,
) -> CycleReport:
    """Execute the job on these assets and gather what they say.

    ``allow_losses``: how many contacts one system may delete or empty (law 14). ``on_step`` hears the name of each step
    that starts.
    """
    run_id = make_new_run_id()
    # The progress and the report tell it better than the log; what fails is said in any case.
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

    def listen(event: EventLogEntry) -> None:
        if (
            event.is_dagster_event
            and event.get_dagster_event().event_type is DagsterEventType.STEP_START
            and event.step_key
        ):
            on_step(event.step_key)

    instance.add_event_listener(run_id, listen)
    with kept_open(instance):
        result = defs.resolve_job_def(SYNC.name).execute_in_process(
            instance=instance,
            tags=dict(tags),
            asset_selection=assets,
            run_id=run_id,
            run_config={**quiet, **_reconciling(assets, allow_losses)},
            raise_on_error=False,
        )
    said = {
        event.asset_key: {key: value.value for key, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    report = gather(said, succeeded=result.success)
    report.errors = [_failure(event) for event in result.filter_events(lambda event: event.is_step_failure)]
    return report


def _reconciling(assets: Sequence[AssetKey], allow_losses: int) -> dict[str, Any]:
    if CONTACTS not in assets:
        return {}
    return {"ops": {"reconcile": {"config": {"allow_losses": allow_losses}}}}


def _failure(event: DagsterEvent) -> str:
    error = event.step_failure_data.error
    cause = error.cause or error if error else None
    return f"{event.step_key}: {cause.message.strip() if cause else event.message}"


def gather(said: Mapping[AssetKey, Mapping[str, Any]], *, succeeded: bool = True) -> CycleReport:
    """The report out of each asset's metadata; an asset that said nothing was not part of the run, or failed."""
    report = CycleReport()
    contacts, conflicts = said.get(CONTACTS, {}), said.get(CONFLICTS, {})
    cycle_id = contacts.get("cycle_id")
    report.cycle_id = None if cycle_id == NOTHING_STAGED else cycle_id
    report.hub = HubReport(
        **{name: contacts.get(name, 0) for name in ("created", "updated", "deleted", "review")},
        conflicts=conflicts.get("conflicts", 0),
        held=sum((contacts.get("held") or {}).values()),
    )
    for name, system in report.systems.items():
        for asset in ("contacts", "published"):
            _add(system, said.get(AssetKey([name, asset]), {}))
        system.changed = (contacts.get("changed") or {}).get(name, 0)
    # The hub is a system, too: what a cycle accepts is written to its table by the reconcile itself.
    hub = report.systems["bigquery"]
    hub.created, hub.updated, hub.deleted = report.hub.created, report.hub.updated, report.hub.deleted
    report.writes = sum(one.created + one.updated + one.deleted for one in report.systems.values())
    if not succeeded:
        report.status = "failed"
    elif any(one.status in ("down", "refused") for one in report.systems.values()):
        report.status = "degraded"
    elif report.hub.held:
        report.status = "held"
    return report


def _add(system: SystemReport, said: Mapping[str, Any]) -> None:
    if not said or said.get("status") == "skipped":
        return
    for name in ("read", "created", "updated", "deleted", "refused", "requests"):
        setattr(system, name, getattr(system, name) + said.get(name, 0))
    system.seconds = round(system.seconds + said.get("seconds", 0.0), 3)
    status = _STATUS.get(str(said.get("status")), "refused" if said.get("refused") else "ok")
    if system.status in ("skipped", "ok"):
        system.status = status
    system.message = system.message or said.get("message")
