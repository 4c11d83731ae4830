"""What changes cost the hub: by their number, not by how many contacts it holds; and against SQL written by hand.

The embedded hub's statements alone, from the staged rows to the plan carried out. The quickest of some rounds, other
contacts each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from benchmarks.large_hub import Change, large_hub
from benchmarks.result import Result, Sizes

FEW: Final = 50
NEARLY: Final = 1.5
"""What "nearly the same time" is taken to mean."""
TWICE: Final = 2.0

_MANY_ROUNDS: Final = 2
"""Each copies the hub's file."""


def hub_scale(sizes: Sizes) -> Sequence[Result]:
    many = sizes.large // 100
    few_small, many_small = _measured(sizes.small, many, sizes.rounds)
    few_large, many_large = _measured(sizes.large, many, sizes.rounds)
    into_small = f"into {sizes.small:,}"
    return [
        Result(f"{FEW} changes into {sizes.large:,} contacts", few_large, "s", NEARLY, few_small, into_small),
        Result(
            f"{many:,} changes into {sizes.large:,} contacts",
            many_large.reconciled,
            "s",
            TWICE,
            many_small.reconciled,
            into_small,
        ),
        Result(
            f"{many:,} changes into {sizes.large:,} contacts",
            many_large.reconciled,
            "s",
            TWICE,
            many_large.by_hand,
            "by hand",
        ),
    ]


def _measured(contacts: int, many: int, rounds: int) -> tuple[float, Change]:
    with large_hub(contacts) as hub:
        hub.change(FEW)  # the first one has statements to transpile
        few = min(hub.change(FEW) for _ in range(rounds))
        both = [hub.change_both_ways(many) for _ in range(min(rounds, _MANY_ROUNDS))]
    return few, Change(min(one.reconciled for one in both), min(one.by_hand for one in both))
