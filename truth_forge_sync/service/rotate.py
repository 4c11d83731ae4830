"""Keep log files short: copy one that has grown, and empty it. The process that writes to it goes on undisturbed.

launchd opens the files once and appends, so they cannot be renamed while they are written to.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

LIMIT_BYTES: Final = 20_000_000
KEPT: Final = 3


def rotate(folder: Path, *, limit: int = LIMIT_BYTES, kept: int = KEPT) -> None:
    """``x.log`` beyond ``limit`` bytes becomes ``x.log.1``, that ``x.log.2``, and so on up to ``kept``."""
    for log in folder.glob("*.log"):
        if log.stat().st_size <= limit:
            continue
        for number in range(kept - 1, 0, -1):
            older = log.with_name(f"{log.name}.{number}")
            if older.exists():
                older.replace(log.with_name(f"{log.name}.{number + 1}"))
        shutil.copyfile(log, log.with_name(f"{log.name}.1"))
        os.truncate(log, 0)


if __name__ == "__main__":
    rotate(Path(sys.argv[1]))
