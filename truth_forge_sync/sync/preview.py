"""Preview: decide all staged batches as the next cycle would, count what it would write, and forget the decision.

The batches go on waiting: a preview takes nothing, and its tables are scratch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from truth_forge_sync.errors import Retry
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.sync.decision import begin, decide, drop_cycle, news_of
from truth_forge_sync.sync.due import due_now
from truth_forge_sync.sync.rules import Rules


@dataclass(frozen=True, slots=True)
class Preview:
    """What the next cycle would do. ``writes``: per system, the number of rows of each kind (create, patch, …)."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    conflicts: int = 0
    review: int = 0
    writes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def preview(hub: Hub, rules: Rules) -> Preview:
    """Raises Retry where a cycle was interrupted: its decision comes first, and is carried out by the next one."""
    with hub.engine.session():
        if hub.state().unfinished:
            raise Retry(
                "a cycle was interrupted", system="bigquery", remedy="run: truth-forge-sync sync, which finishes it"
            )
        due = due_now(hub, rules)
        if due is None:
            return Preview()
        cycle = begin(hub, due, preview=True)
        news = news_of(hub, cycle, due)
        shares = decide(hub, cycle, rules, due, news, preview=True) if news else ()
        found = [row for _ in shares for row in hub.rows("preview", cycle=cycle)]
        drop_cycle(hub, cycle)
    writes: dict[str, Counter[str]] = defaultdict(Counter)
    for item in (item for row in found for item in row["writes"] or ()):
        writes[item["system"]][item["kind"]] += int(item["writes"])
    counts = {name: sum(int(row[name]) for row in found) for name in ("created", "updated", "deleted", "conflicts")}
    return Preview(**counts, review=int(found[0]["review"]) if found else 0, writes=writes)
