"""How a cycle comes to its decision: it takes what is staged, leaves out what is no news, matches the rows with
contacts, and decides; share by share where there are more contacts than the hub's engine can think about at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from truth_forge_sync.hub.hub import Hub, new_id, wide
from truth_forge_sync.sync.due import Due
from truth_forge_sync.sync.rules import Rules

DECIDING = ("compare", "judge", "decide", "writes", "plan")
"""The files of hub/sql/cycle that make a decision about rows that were matched, in order."""

TABLES_OF_SHARE = (
    "plan",
    "native",
    "scope",
    "seen",
    "cells",
    "accepted",
    "claims",
    "settled",
    "lacking",
    "writes",
    "learnt",
    "wide",
)
"""What they and the others make for the contacts that are decided about, named ``sync_…_{cycle}``. Of the decision the
plan is made last, and it goes first: where it is, the rest is."""

TABLES_OF_CYCLE = ("rows", "keys", "named", "match", "losses", "braked", "told")
"""What is made once."""


@dataclass(frozen=True, slots=True)
class News:
    """``arrived``: rows to be decided about; ``strangers``: those that are not linked to a contact; ``known``: contacts
    of the hub, where all are due (else 0)."""

    arrived: int
    strangers: int
    known: int


@dataclass(frozen=True, slots=True)
class Share:
    """Of ``of`` parts of the contacts, the one of this ``number``, from 0; as they stand in statements."""

    number: str
    of: str


def begin(hub: Hub, due: Due, *, run_id: str = "none", trigger: str = "manual", preview: bool = False) -> str:
    """Begin a cycle with the rows that are news; its id. A ``preview`` takes nothing."""
    cycle = new_id()
    wanted = {"begin": not preview, "rows": preview or due.rows or due.beyond_rows}
    hub.run(
        *filter(wanted.get, wanted),
        cycle=cycle,
        batches=[batch.batch_id for batch in due.batches],
        edits=due.edits,
        batch_tables=due.staged_tables,
        complete_batches=[batch.batch_id for batch in due.batches if batch.complete],
        holds=due.holds,
        run=run_id,
        trigger=trigger,
    )
    return cycle


def news_of(hub: Hub, cycle: str, due: Due) -> News | None:
    """None where the cycle has nothing to decide."""
    if not (due.rows or due.beyond_rows):
        return None
    (row,) = hub.rows("news", cycle=cycle, everything=due.everything)
    return News(**row) if row["arrived"] or due.beyond_rows else None


def decide(
    hub: Hub, cycle: str, rules: Rules, due: Due, news: News, *, preview: bool = False
) -> Iterator[Share | None]:
    """Make the plan of a cycle that began: one for each share of its contacts, None where that is all of them. Each is
    to be carried out, or read, before the next one is asked for.

    Which contact a row is, and whether the brake holds (law 14), is decided for all of them at first.
    """
    matching = "match" if news.strangers else "linked"
    given = {"cycle": cycle, "preview": preview, "release": due.release, **rules.placeholders}
    whole = {"everything": due.everything, "counting": False, **given}
    shares = _shares(hub, news)
    if not shares:
        hub.run(matching, *DECIDING, share=None, is_braked=False, **whole)
        yield None
        return
    hub.run(matching, "split", cycle=cycle)
    may_lose = news.strangers < news.arrived or due.holds
    if may_lose:
        for share in shares:
            hub.run("compare", "losses", share=share, everything=False, counting=True, **given)
        hub.run("braked", **given)
    for share in shares:
        hub.run(*DECIDING, share=share, is_braked=may_lose, **whole)
        yield share


def _shares(hub: Hub, news: News) -> list[Share]:
    """None where all contacts can be decided about at once."""
    at_once = hub.engine.contacts_at_once
    count = -(-(news.arrived + news.known) // at_once) if at_once else 1
    return [Share(wide(number), wide(count)) for number in range(count)] if count > 1 else []


def drop_share(hub: Hub, cycle: str) -> None:
    hub.engine.drop(f"sync_{name}_{cycle}" for name in TABLES_OF_SHARE)


def drop_cycle(hub: Hub, cycle: str, staged: Iterable[str] = ()) -> None:
    """With the batches that it took."""
    hub.engine.drop([*staged, *(f"sync_{name}_{cycle}" for name in (*TABLES_OF_SHARE, *TABLES_OF_CYCLE))])
