"""``python -m benchmarks [NAME …]``: run them, print one table, and keep it as JSON.

Exit 1 where a target is missed or could not be looked at, 2 where a name is none.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.against_dlt import against_dlt
from benchmarks.against_vdirsyncer import against_vdirsyncer
from benchmarks.first_sync import from_supabase, from_twenty
from benchmarks.hub_scale import hub_scale
from benchmarks.idle_cycle import idle_cycle
from benchmarks.imports import imports
from benchmarks.memory import memory
from benchmarks.result import Benchmark, Result, Sizes, Skipped
from benchmarks.twenty_requests import twenty_requests

BENCHMARKS: Final[dict[str, Benchmark]] = {
    "imports": imports,
    "idle-cycle": idle_cycle,
    "twenty-requests": twenty_requests,
    "vdirsyncer": against_vdirsyncer,
    "from-supabase": from_supabase,
    "from-twenty": from_twenty,
    "dlt": against_dlt,
    "hub-scale": hub_scale,
    "memory": memory,
}
"""The cheapest first."""

FILE: Final = Path(__file__).with_name("results.json")


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parse(arguments)
    sizes = Sizes(
        contacts=chosen.contacts,
        changed=tuple(chosen.changed),
        small=chosen.small,
        large=chosen.large,
        synced=tuple(chosen.synced),
        paired=chosen.paired,
        extracted=chosen.extracted,
        rounds=chosen.rounds,
    )
    console = Console()
    results: list[Result | Skipped] = []
    for name in chosen.names or BENCHMARKS:
        with console.status(f"{name} …"):
            results += BENCHMARKS[name](sizes)
    console.print(_table(results))
    FILE.write_text(json.dumps(_record(sizes, results), indent=2) + "\n")
    return 0 if all(isinstance(result, Result) and result.met for result in results) else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    sizes = Sizes()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and compare with the targets.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--contacts", type=int, default=sizes.contacts, help="in a first sync (default: %(default)s)")
    parser.add_argument(
        "--changed", type=int, nargs="+", default=sizes.changed, help="contacts changed at once, for Twenty's requests"
    )
    parser.add_argument("--small", type=int, default=sizes.small, help="contacts in a small hub (default: %(default)s)")
    parser.add_argument(
        "--large",
        type=int,
        default=sizes.large,
        help="and in a large one; a third has a tenth of those (default: %(default)s)",
    )
    parser.add_argument(
        "--synced", type=int, nargs=2, default=sizes.synced, help="contacts in two first syncs, for their memory"
    )
    parser.add_argument(
        "--paired",
        type=int,
        default=sizes.paired,
        help="in two places in step, a hundred at least (default: %(default)s)",
    )
    parser.add_argument(
        "--extracted", type=int, default=sizes.extracted, help="read from one system (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=sizes.rounds, help="of what is quick (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark is called {unknown[0]}; there are: {', '.join(BENCHMARKS)}")
    return chosen


def _table(results: Sequence[Result | Skipped]) -> Table:
    table = Table("what", caption=_machine())
    for column in ("measured", "peer", "ratio", "target", "met"):
        table.add_column(column, justify="right", no_wrap=True)
    for result in results:
        table.add_row(*_cells(result))
    return table


def _cells(result: Result | Skipped) -> Sequence[str]:
    if isinstance(result, Skipped):
        return f"{result.what}: {escape(result.why)}", "", "", "", "", "[bold yellow]skipped"
    return (
        result.what,
        _figure(result.measured, result.unit),
        "" if result.peer is None else f"{_figure(result.peer, result.unit)} {result.against}",
        "" if result.ratio is None else f"{result.ratio:.2f}",
        f"≤ {result.target:g}{'' if result.ratio is None else ' x'}",
        "yes" if result.met else "[bold red]no",
    )


def _figure(number: float, unit: str) -> str:
    return f"{number:.2f} {unit}" if unit else f"{number:,}"


def _machine() -> str:
    return f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"


def _record(sizes: Sizes, results: Sequence[Result | Skipped]) -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "sizes": asdict(sizes),
        "results": [_entry(result) for result in results],
    }


def _entry(result: Result | Skipped) -> dict[str, object]:
    if isinstance(result, Skipped):
        return {"what": result.what, "skipped": result.why}
    return {**asdict(result), "ratio": result.ratio, "met": result.met}


if __name__ == "__main__":
    sys.exit(main())
