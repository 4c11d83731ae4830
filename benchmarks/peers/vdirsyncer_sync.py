"""``vdirsyncer_sync.py COMMAND``: run vdirsyncer on the file ``config`` beside it, and print the seconds it took.

Without its start and imports: they are paid once a run, whatever there is to do.
"""

from __future__ import annotations

import sys
import time

from vdirsyncer.cli import app

began = time.monotonic()
app(["--verbosity", "WARNING", "--config", "config", sys.argv[1]], standalone_mode=False)
sys.stdout.write(f"{time.monotonic() - began}\n")
