"""Memory that was freed goes back to the system.

DuckDB works in blocks of 256 kB. glibc would take the first such block that is freed for a sign to keep blocks of that
size from then on, scattered among what stays: of a first sync of a million contacts, 150 MB in the end.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

M_MMAP_THRESHOLD: Final = -3  # malloc.h
BLOCK_BYTES: Final = 128 * 1024
"""glibc's own threshold, as long as nothing moves it."""


def give_back_blocks() -> None:
    """Have each block of :data:`BLOCK_BYTES` or more mapped alone, in this process. Other C libraries do it anyway."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, BLOCK_BYTES)
