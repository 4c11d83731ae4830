"""How assets are shown to people: titles, kinds (they give icons), owners, columns, and how fresh they should be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dagster import FreshnessPolicy, TableColumn, TableSchema

from truth_forge_sync.contact import FIELDS
from truth_forge_sync.fields import Field, Policy
from truth_forge_sync.hub.statements import COLUMNS
from truth_forge_sync.settings import SystemName

SYSTEM_TITLES: dict[SystemName, str] = {
    "bigquery": "BigQuery (edits by hand)",
    "twenty": "Twenty CRM",
    "supabase": "Supabase",
    "local": "the local database",
}

SYSTEM_KINDS: dict[SystemName, set[str]] = {
    "bigquery": {"bigquery"},
    "twenty": {"twenty"},
    "supabase": {"supabase", "postgres"},
    "local": {"local", "sql"},
}

HUB_KINDS = {"bigquery", "duckdb"}

OWNERS = ["team:contacts"]

FRESHNESS = FreshnessPolicy.time_window(warn_window=timedelta(minutes=11), fail_window=timedelta(minutes=21))
"""A cycle every five minutes: two missed are a warning, four a failure. Dagster's daemon looks."""

_POLICIES = {
    Policy.LATEST: "the latest edit wins",
    Policy.AUTHORITY: "the system that has the most say wins: {authority}",
    Policy.UNION: "additions and removals of all systems are merged",
    Policy.PER_KEY: "the latest edit of each key wins",
}

_BESIDE_THE_FIELDS = {
    "canonical_name": ("STRING", "the name to show"),
    "created_at": ("TIMESTAMP", "when the contact was created"),
    "updated_at": ("TIMESTAMP", "when it was last edited, wherever that was"),
    "deleted_at": ("TIMESTAMP", "when it was deleted; null for a living contact"),
    "version": ("INT64", "counts its accepted changes"),
    "updated_by": ("STRING", "the system of the last edit"),
    "source_systems": ("ARRAY<STRING>", "the systems that hold it"),
}

_CHANGE_LOG = {
    "event_id": "identifies the change",
    "cycle_id": "the cycle that accepted it",
    "contact_id": "whose field it is",
    "system": "where the edit was made",
    "change_type": "INSERT, UPDATE, DELETE or RESTORE",
    "field": "the field's name",
    "path": "the field, and the key or element of it",
    "old_value": "what it held before",
    "new_value": "what it holds now",
    "changed_at": "when the edit was made",
    "recorded_at": "when the cycle accepted it",
    "origin": "the command that made it; else null",
}

_CONFLICTS = {
    "conflict_id": "identifies the conflict",
    "cycle_id": "the cycle that decided it",
    "contact_id": "whose field it is",
    "field": "the field's name",
    "path": "the field, and the key or element of it",
    "winning_system": "where the accepted edit was made",
    "winning_value": "the accepted value",
    "winning_changed_at": "when that edit was made",
    "losing_system": "where the other edit was made",
    "losing_value": "the value that lost, kept for you",
    "losing_changed_at": "when that edit was made",
    "reason": "why it lost: older, tie, authority, edited_later, merged",
    "status": "open, restored or dismissed",
    "created_at": "when the cycle decided it",
}


def contacts_master() -> dict[str, Any]:
    """Definition metadata of the hub's table of contacts."""
    types = {column.name: column.sql_type for column in COLUMNS}
    columns = [
        TableColumn("contact_id", "STRING", "identifies the contact in every system"),
        *(TableColumn(field.name, types[field.name], _described(field)) for field in FIELDS),
        *(TableColumn(name, type_, what) for name, (type_, what) in _BESIDE_THE_FIELDS.items()),
    ]
    return {"dagster/column_schema": TableSchema(columns)}


def change_log() -> dict[str, Any]:
    return _table(_CHANGE_LOG)


def conflicts() -> dict[str, Any]:
    return _table(_CONFLICTS)


def _described(field: Field) -> str:
    return _POLICIES[field.policy].format(authority=", ".join(field.authority))


def _table(described: dict[str, str]) -> dict[str, Any]:
    columns = [
        TableColumn(name, "TIMESTAMP" if name.endswith("_at") else "STRING", what) for name, what in described.items()
    ]
    return {"dagster/column_schema": TableSchema(columns)}
