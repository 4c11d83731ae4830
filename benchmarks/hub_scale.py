"""What changes cost the hub: by their number, not by how many contacts it holds; and against SQL written by hand.

The embedded hub's statements alone, from the staged rows to the plan carried out. The quickest of some rounds, other
contacts each time, from all over the hub.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from benchmarks.changes import Changes, Seconds
from benchmarks.large_hub import large_hub
from benchmarks.result import Result, Sizes

FEW: Final = 50
NEARLY: Final = 1.5
"""What "nearly the same time" is taken to mean."""
TWICE: Final = 2.0

_MANY_ROUNDS: Final = 2
"""Each copies the hub's file."""


def hub_scale(sizes: Sizes) -> Sequence[Result]:
    large, tenth, many = sizes.large, sizes.large // 10, sizes.large // 100
    with _warm_hub(sizes.small) as changes:
        few_in_small = _few(changes, sizes.rounds)
    with _warm_hub(tenth) as changes:
        many_in_tenth = _many(changes, many, sizes.rounds)
    with _warm_hub(large) as changes:
        few_in_large = _few(changes, sizes.rounds)
        many_in_large = _many(changes, many, sizes.rounds)
    of_few, of_many = (f"{count:,} changes into {large:,} contacts" for count in (FEW, many))
    ours, into_tenth = many_in_large.reconciled, f"into {tenth:,}"
    return [
        Result(of_few, few_in_large, "s", NEARLY, few_in_small, f"into {sizes.small:,}"),
        Result(of_many, ours, "s", TWICE, many_in_tenth.reconciled, into_tenth),
        Result(of_many, ours, "s", TWICE, many_in_large.by_hand, "by hand"),
    ]


@contextmanager
def _warm_hub(contacts: int) -> Iterator[Changes]:
    with large_hub(contacts) as hub:
        changes = Changes(hub)
        changes.reconcile(FEW)  # the first one has statements to transpile
        yield changes


def _few(changes: Changes, rounds: int) -> float:
    return min(changes.reconcile(FEW) for _ in range(rounds))


def _many(changes: Changes, many: int, rounds: int) -> Seconds:
    """The quickest of ours, and of those by hand."""
    both = [changes.both_ways(many) for _ in range(min(rounds, _MANY_ROUNDS))]
    return Seconds(min(one.reconciled for one in both), min(one.by_hand for one in both))
