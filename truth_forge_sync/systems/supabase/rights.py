"""What our key may do, as far as the database tells."""

from __future__ import annotations

from collections.abc import Iterator

from truth_forge_sync.systems.protocol import Right
from truth_forge_sync.systems.supabase.reading import is_there
from truth_forge_sync.systems.supabase.rest import CHECK_KEY, NO_COLUMN, NO_FUNCTION, PRINT_SQL, Answered, Rest, meaning
from truth_forge_sync.systems.supabase.setup import read_status
from truth_forge_sync.systems.supabase.writing import APPLY


def table_rights(rest: Rest, table: str) -> Iterator[Right]:
    """Raises Retry, and Stop where the key may not even read."""
    if not is_there(rest, table):
        yield Right(f"read and write {table}", None, PRINT_SQL)
        return
    status = read_status(rest)
    sees_all = status.get("sees_all") if status else None
    remedy = f"row-level security hides rows from the key, which would look deleted: {CHECK_KEY}"
    yield Right(f"see every row of {table}", sees_all, remedy if sees_all is False else PRINT_SQL)
    may_edit = _may_edit(rest)
    yield Right(f"edit {table}", may_edit, CHECK_KEY if may_edit is False else PRINT_SQL)


def _may_edit(rest: Rest) -> bool | None:
    """Asks for no edits at all: PostgreSQL judges the right to a statement before it looks for rows."""
    try:
        rest.ask(rest.function(APPLY, {"edits": []}))
    except Answered as answer:
        if answer.code in NO_FUNCTION + NO_COLUMN:  # not there, or of another version than the table
            return None
        if answer.code == "42501":
            return False
        raise meaning(answer) from answer
    return True
