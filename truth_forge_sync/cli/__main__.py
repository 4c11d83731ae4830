"""``python -m truth_forge_sync.cli``: the same as ``truth-forge-sync``."""

from truth_forge_sync.cli import main

main()
