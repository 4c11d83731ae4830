"""A row of the table: what was measured, what it is held against, and whether that is good enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much a run of the benchmarks moves; the defaults are those of the targets."""

    contacts: int = 10_000
    """In a first sync."""
    changed: tuple[int, ...] = (200, 1_000, 5_000)
    """Contacts changed at once, for the requests that it takes."""
    small: int = 10_000
    large: int = 1_000_000
    """Contacts in hubs that differ in nothing else; there is one with a tenth of the large one's, too."""
    synced: tuple[int, int] = (100_000, 1_000_000)
    """Contacts in two first syncs whose memory is compared."""
    paired: int = 5_000
    """Contacts in each of two places that are kept in step."""
    extracted: int = 100_000
    """Contacts read from one system."""
    rounds: int = 5
    """How often what is quick is measured; the quickest counts."""


@dataclass(frozen=True, slots=True)
class Result:
    """``measured`` in ``unit``. With a ``peer`` (the same unit, described by ``against``) the ratio of the two is held
    against ``target``, without one the figure itself."""

    what: str
    measured: float
    unit: str
    target: float
    peer: float | None = None
    against: str = ""

    @property
    def ratio(self) -> float | None:
        return None if self.peer is None else self.measured / self.peer

    @property
    def met(self) -> bool:
        return (self.measured if self.ratio is None else self.ratio) <= self.target


@dataclass(frozen=True, slots=True)
class Skipped:
    """What could not be measured here, and why. So its target is not met, and not missed either."""

    what: str
    why: str


Benchmark = Callable[[Sizes], Sequence[Result | Skipped]]
