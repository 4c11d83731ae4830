"""What was taken lately, so that it is not taken again."""

from __future__ import annotations

from truth_forge_sync.webhooks.signatures import TOLERANCE_SECONDS

MEMORY_SECONDS = 2 * TOLERANCE_SECONDS
"""A time stamp from five minutes ahead is good for ten."""
MOST = 50_000


class Taken:
    """Remembers the proofs of verified webhooks; where there are too many, the oldest is forgotten."""

    def __init__(self, most: int = MOST) -> None:
        self._at: dict[bytes, float] = {}
        self._most = most

    def __len__(self) -> int:
        return len(self._at)

    def is_new(self, proof: bytes, now: float) -> bool:
        """Whether it was not taken before; from now on it was."""
        while self._at and (self._at[(oldest := next(iter(self._at)))] < now - MEMORY_SECONDS):
            del self._at[oldest]
        if proof in self._at:
            return False
        self._at[proof] = now
        if len(self._at) > self._most:
            del self._at[next(iter(self._at))]
        return True
