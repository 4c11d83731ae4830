"""How systems are shown to people: titles and the kinds that give them icons."""

from __future__ import annotations

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
