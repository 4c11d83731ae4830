"""A cycle as the daemon runs it: the Dagster job ``sync`` with all its assets and checks, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from dagster import DagsterInstance

from truth_forge_sync.assets.workbench import Workbench
from truth_forge_sync.automation.in_process import CycleReport, run_cycle, whole_cycle
from truth_forge_sync.automation.job import live_tags
from truth_forge_sync.definitions import build_defs
from truth_forge_sync.hub.engine import Engine
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.settings import Settings, SystemName
from truth_forge_sync.systems.protocol import System


def run(
    settings: Settings, engine: Engine, instance: DagsterInstance, opened: Mapping[SystemName, System] | None = None
) -> CycleReport:
    """One run on these settings, its hub on ``engine``, with systems that are ``opened``; everything else is opened
    anew. Raises where it goes wrong: a run that failed is no measurement."""
    hub_of_the_run = Hub(engine)

    class Given(Workbench):
        @cached_property
        def settings(self) -> Settings:
            return settings

        @property
        def hub(self) -> Hub:
            return hub_of_the_run

        def system(self, name: SystemName) -> System:
            return (opened or {}).get(name) or super().system(name)

    defs = build_defs({"workbench": Given()})
    report = run_cycle(defs, instance, live_tags("manual"), assets=whole_cycle())
    if report.status != "ok":
        raise RuntimeError(f"the run ended {report.status}: {report.errors or report.systems}")
    return report
