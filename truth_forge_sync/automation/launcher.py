"""Runs start at once: each is forked from a process that has imported everything already.

Dagster's own launcher starts a new Python for each run, whose imports take longer than a small cycle. It also can't
tell whether a run is still at work: after a reboot such a run would stay "started", and keep all others waiting, until
the longest time that a run may take is over. This one can, and Dagster's run monitoring does the rest.

The first run of a daemon pays for the imports. A change of the code needs a new daemon.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Mapping
from typing import Any, Self

import psutil  # type: ignore[import-untyped]
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun
from dagster._serdes import ConfigurableClass, ConfigurableClassData

PROCESS_TAG = ".dagster/truth_forge_process"
"""Which process a run is: its number, and when it was started (numbers come again). Dagster hides such tags."""

_PRELOADED = ["dagster", "truth_forge_sync.definitions", "truth_forge_sync.automation.preload"]


class WarmRunLauncher(RunLauncher[Any], ConfigurableClass):
    """Runs as processes on this machine. For ``run_launcher`` in dagster.yaml."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        run_id = context.dagster_run.run_id
        forking = multiprocessing.get_context("forkserver")
        forking.set_forkserver_preload(_PRELOADED)
        process = forking.Process(target=execute_run, args=(self._instance.get_ref(), run_id), name=f"run {run_id}")
        process.start()

    def terminate(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        process = _process(run)
        if process is None:
            return False
        process.send_signal(signal.SIGINT)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        if PROCESS_TAG not in run.tags:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "nothing tells which process it is")
        if _process(run) is None:
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "its process has ended")
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def execute_run(instance: InstanceRef, run_id: str) -> None:
    """The whole life of a forked process. As ``dagster api execute_run`` does it, which is made for launchers."""
    from dagster import DagsterInstance
    from dagster._cli.api import _execute_run_command_body
    from dagster._utils.interrupts import capture_interrupts

    from truth_forge_sync.automation.run_log import kept_open

    os.setpgrp()  # Ctrl-C is for the daemon, which waits for us
    with capture_interrupts(), DagsterInstance.from_ref(instance) as opened, kept_open(opened):
        # Not told by the launcher, who may die just now.
        opened.add_run_tags(run_id, {PROCESS_TAG: _told(os.getpid())})
        _execute_run_command_body(run_id, opened, lambda _event: None, set_exit_code_on_failure=False)


def _told(pid: int) -> str:
    return f"{pid} {psutil.Process(pid).create_time():.2f}"


def _process(run: DagsterRun) -> psutil.Process | None:
    """The process of a run, if it is still at work."""
    pid, _, started = run.tags.get(PROCESS_TAG, "").partition(" ")
    try:
        process = psutil.Process(int(pid))
        if abs(process.create_time() - float(started)) > 1 or process.status() == psutil.STATUS_ZOMBIE:
            return None
    except (psutil.NoSuchProcess, ValueError):
        return None
    return process
