"""Rows that wait for a person to say whose they are (DESIGN law 15), and how that ends.

A row that is deleted in its system needs no word: its review is closed as ``gone``, which says nothing about who the
row is. Should it come back, it is matched anew.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from truth_forge_sync.hub.hub import Hub, new_id, staged_tables

GONE = "gone"

DECIDED_REVIEWS = pa.schema([("review_id", pa.string()), ("status", pa.string()), ("contact_id", pa.string())])


def close_reviews(hub: Hub, review_ids: Iterable[str], status: str, contact_id: str | None = None) -> None:
    """``status``: linked (to ``contact_id``), separate or gone. Those whom the rows might have been are decided about
    again: nothing was created for them meanwhile."""
    records = [{"review_id": review_id, "status": status, "contact_id": contact_id} for review_id in review_ids]
    hub.record("review_decide", DECIDED_REVIEWS, records, batch=new_id())


def close_departed(hub: Hub) -> None:
    """Close the reviews of rows that are deleted or gone, as the batches that wait show."""
    state = hub.state()
    if not (state.reviews and state.batches):
        return
    departed = hub.rows(
        "departed",
        batches=[batch.batch_id for batch in state.batches],
        batch_tables=staged_tables(state.batches),
    )
    if departed:
        close_reviews(hub, [row["review_id"] for row in departed], GONE)
