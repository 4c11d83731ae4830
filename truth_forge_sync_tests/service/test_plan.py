"""What the service may write, and how Dagster's own files for production are made."""

from __future__ import annotations

import importlib.util
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from dagster import DagsterInstance
from dagster._daemon.types import DaemonHeartbeat

from truth_forge_sync.home import open_instance
from truth_forge_sync.service.plan import writable_folders
from truth_forge_sync.settings import load_settings
from truth_forge_sync_tests.project import Project
from truth_forge_sync_tests.service.conftest import ROOT, Command

DEPLOY = ROOT / "deploy"
needs_postgres_storage = pytest.mark.skipif(
    importlib.util.find_spec("dagster_postgres") is None, reason="the extra `postgres` is not installed"
)


def read(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def test_files_outside_the_project_stay_writable(project: Project, tmp_path: Path) -> None:
    project.configure(LOCAL_DATABASE_URL=f"sqlite:///{tmp_path}/else/local.db", TRUTH_FORGE_HUB_PATH="hub/h.duckdb")
    assert writable_folders(project.folder, load_settings()) == (project.folder, tmp_path / "else")
    project.configure(LOCAL_DATABASE_URL="postgresql://host/db", TRUTH_FORGE_HUB_PATH=str(tmp_path / "hub.duckdb"))
    assert writable_folders(project.folder, load_settings()) == (project.folder, tmp_path)


@needs_postgres_storage
def test_the_instance_of_production_keeps_its_books_in_postgresql(project: Project, postgres_dsn: str) -> None:
    (project.folder / "dagster.yaml").write_text((DEPLOY / "dagster.postgres.yaml").read_text())
    project.configure(DAGSTER_POSTGRES_URL=postgres_dsn.replace("postgresql:", "postgresql+psycopg2:"))
    with open_instance() as instance:
        assert isinstance(instance, DagsterInstance)
        assert "Postgres" in type(instance.run_storage).__name__
        assert instance.get_runs() == []
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", "a daemon", []))
        assert instance.get_daemon_heartbeats().keys() == {"SENSOR"}
        assert instance.run_monitoring_max_runtime_seconds == 3600


def test_the_two_instances_differ_in_where_they_keep_their_books_only() -> None:
    production, checkout = read("dagster.postgres.yaml"), yaml.safe_load((ROOT / "dagster.yaml").read_text())
    for instance in (production, checkout):
        del instance["storage"]
    for name, wanted in checkout.items():
        found = production[name]
        assert found == wanted or {**found, **wanted} == found, name


def test_the_containers_name_files_that_exist_and_programs_that_are_installed() -> None:
    compose = read("compose.yaml")
    build = compose["x-ours"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    container = (ROOT / build["dockerfile"]).read_text()
    for line in re.findall(r"^COPY (.+) \S+$", container, re.M):
        assert all((ROOT / name).exists() for name in line.split()), line
    tools = Path(sys.executable).parent
    for name in ("daemon", "web"):
        assert (tools / compose["services"][name]["command"][0]).exists()
    assert read("workspace.yaml")["load_from"][0]["grpc_server"]["host"] in compose["services"]


def test_the_container_of_the_webhooks_is_there_when_asked_for_and_has_what_it_needs(command: Command) -> None:
    services = read("compose.yaml")["services"]
    assert {name for name, service in services.items() if "profiles" in service} == {"webhooks"}
    assert "[postgres,webhooks]" in (DEPLOY / "Containerfile").read_text()
    command(*services["webhooks"]["command"][1:], "--help")


def test_the_containers_open_loopback_ports_only_and_watch_their_health() -> None:
    for name, service in read("compose.yaml")["services"].items():
        assert service["healthcheck"]["test"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
