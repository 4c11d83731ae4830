"""The systems: one module each, all behind :mod:`~truth_forge_sync.systems.protocol`."""

from __future__ import annotations

from truth_forge_sync.settings import Settings, SystemName
from truth_forge_sync.systems.protocol import System


def open_system(name: SystemName, settings: Settings) -> System:
    """The system under this name, as the settings configure it. Nothing is sent before it is asked something.

    ``bigquery`` is not among them: the hub is opened once (:mod:`truth_forge_sync.hub`). Clients are imported here,
    since they take seconds. Raises KeyError for a system that is not configured.
    """
    region = settings.default_region
    if name == "twenty" and settings.twenty_url and settings.twenty_api_key:
        from truth_forge_sync.systems.twenty.system import Twenty

        return Twenty(
            settings.twenty_url,
            settings.twenty_api_key.get_secret_value(),
            requests_per_minute=settings.twenty_requests_per_minute,
            region=region,
        )
    if name == "supabase" and settings.supabase_url and settings.supabase_key:
        from truth_forge_sync.systems.supabase.system import Supabase

        key = settings.supabase_key.get_secret_value()
        return Supabase(settings.supabase_url, key, table=settings.supabase_contacts_table, region=region)
    if name == "local" and settings.local_database_url:
        from truth_forge_sync.systems.local.system import Local

        return Local(settings.local_database_url.get_secret_value(), region=region)
    raise KeyError(name)
