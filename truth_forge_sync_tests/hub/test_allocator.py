"""Blocks that were freed between others that stay go back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# As DuckDB does it: blocks of 256 kB, of which some are freed between others that stay.
SHARE_GIVEN_BACK = """
import ctypes
from pathlib import Path
from truth_forge_sync.hub.allocator import give_back_blocks

BLOCK = 256 * 1024
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def filled_block():
    block = libc.malloc(BLOCK)
    ctypes.memset(block, 1, BLOCK)
    return block

def resident():
    (kilobytes,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)
    return int(kilobytes) * 1024

{first}
libc.free(libc.malloc(32 * BLOCK))  # the sign
blocks = [filled_block() for _ in range(800)]
before = resident()
for block in blocks[::2]:
    libc.free(block)
print((before - resident()) / (400 * BLOCK))
"""


def given_back(first: str) -> float:
    """The share of 100 MB of freed blocks that the process does not hold any more."""
    script = SHARE_GIVEN_BACK.format(first=first)
    return float(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep nothing")
def test_freed_blocks_go_back() -> None:
    assert given_back("give_back_blocks()") > 0.9
    assert given_back("") < 0.1, "what glibc does by itself"
