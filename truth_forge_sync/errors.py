"""Errors, named for what to do about them.

::

    SyncError
    ├── Retry        the system did not answer as it should (down, slow, limited): the next cycle tries again
    │   └── Throttled    it asked us to slow down
    ├── Refused      the system judged one value or row and said no: park it, go on with the others
    └── Stop         nothing will work until a person acts: a wrong key, a missing table, a wrong setting

A message names the system and the remedy and never repeats a person's data.
"""

from __future__ import annotations


class SyncError(Exception):
    """Any failure that Truth Forge Sync understands.

    ``system`` is the system's name; ``native_id`` and ``field`` say where, when known; ``remedy`` what a person can do.
    """

    def __init__(
        self,
        message: str,
        *,
        system: str = "",
        native_id: str | None = None,
        field: str | None = None,
        remedy: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.system = system
        self.native_id = native_id
        self.field = field
        self.remedy = remedy

    def __str__(self) -> str:
        where = " ".join(
            part
            for part in (self.system, self.native_id and f"row {self.native_id}", self.field and f"field {self.field}")
            if part
        )
        text = f"{where}: {self.message}" if where else self.message
        return f"{text} — {self.remedy}" if self.remedy else text


class Retry(SyncError):
    """The system did not answer as it should; nothing is wrong with the data."""


class Throttled(Retry):
    """The system asked us to slow down."""


class Refused(SyncError):
    """The system refused one value or row."""


class Stop(SyncError):
    """Nothing will work until a person acts."""
