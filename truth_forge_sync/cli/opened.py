"""The hub as a command opens it: from the project's folder, with the project's settings, in its turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from truth_forge_sync.hub.hub import Hub
    from truth_forge_sync.settings import Settings

COMMAND_SECONDS = 60.0
"""How long a command waits for the cycle at work."""


@contextmanager
def opened_hub(*, changes: bool) -> Iterator[tuple[Hub, Settings]]:
    """``changes``: the command changes something, so it waits for its turn. Raises Stop where there is no hub yet."""
    from truth_forge_sync.home import at_home, require_hub
    from truth_forge_sync.hub.engine import open_engine
    from truth_forge_sync.hub.hub import Hub
    from truth_forge_sync.settings import load_settings
    from truth_forge_sync.turn import turn

    with at_home():
        settings = load_settings()
        require_hub(settings)
        with turn(settings.hub_path, seconds=COMMAND_SECONDS) if changes else nullcontext():
            hub = Hub(open_engine(settings))
            try:
                if changes:
                    hub.claim()
                yield hub, settings
            finally:
                hub.close()
