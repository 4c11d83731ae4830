"""Blocks that were freed between others that stay go back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# As DuckDB does it: blocks of 256 kB, filled and freed, with little things between them that stay.
KEPT_OF_FREED_BLOCKS = """
import ctypes
from pathlib import Path
from truth_forge_sync.hub.allocator import give_back_blocks

BLOCK = 256 * 1024
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def resident():
    (kilobytes,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)
    return int(kilobytes) * 1024

def filled_block():
    block = libc.malloc(BLOCK)
    ctypes.memset(block, 1, BLOCK)
    libc.malloc(64)
    return block

{first}
libc.free(filled_block())
before = resident()
for block in [filled_block() for _ in range(400)]:
    libc.free(block)
print((resident() - before) / (400 * BLOCK))
"""


def kept(first: str) -> float:
    """The share of 100 MB that a process still holds when all of it was freed."""
    script = KEPT_OF_FREED_BLOCKS.format(first=first)
    return float(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep nothing")
def test_freed_blocks_go_back() -> None:
    assert kept("give_back_blocks()") < 0.1
    assert kept("") > 0.9, "what glibc does by itself"
