"""What our user may do in the database."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from truth_forge_sync.systems.clock import ClockOffset
from truth_forge_sync.systems.ddl import TOMBSTONES
from truth_forge_sync.systems.local.engine import CHECK_RIGHTS, INIT, WRITING, talking
from truth_forge_sync.systems.local.setup import is_absent_file
from truth_forge_sync.systems.local.table import CONTACTS
from truth_forge_sync.systems.protocol import Right

_HIDDEN = "row-level security hides rows from our user, which would look deleted: give it BYPASSRLS"

# Rights on a table that is not there are NULL.
_ASK = """
    SELECT
        has_table_privilege(contacts, 'SELECT') AND has_table_privilege(tombstones, 'SELECT') AS may_read,
        has_table_privilege(contacts, 'INSERT') AND has_table_privilege(contacts, 'UPDATE')
            AND current_setting('transaction_read_only') = 'off' AS may_write,
        NOT row_security_active(contacts) AS sees_all,
        clock_timestamp() AS answered_at
    FROM (SELECT to_regclass(:contacts)::oid AS contacts, to_regclass(:tombstones)::oid AS tombstones) AS tables
"""


def table_rights(engine: sa.Engine, clock: ClockOffset) -> Iterator[Right]:
    """Raises Stop where an SQLite file must not be written, Retry where it stays locked."""
    if is_absent_file(engine.url):
        yield Right("read and write the file", None, INIT)
        return
    if engine.dialect.name == "sqlite":
        yield Right(f"add and edit rows of {CONTACTS}", _may_write(engine), INIT)
        return
    with talking(), engine.connect() as connection:
        clock.ask()
        told = connection.execute(sa.text(_ASK), {"contacts": CONTACTS, "tombstones": TOMBSTONES}).one()
        clock.answer(told.answered_at)
    for what, granted, remedy in (
        (f"read {CONTACTS} and {TOMBSTONES}", told.may_read, CHECK_RIGHTS),
        (f"add and edit rows of {CONTACTS}", told.may_write, CHECK_RIGHTS),
        (f"see every row of {CONTACTS}", told.sees_all, _HIDDEN),
    ):
        yield Right(what, granted, INIT if granted is None else remedy)


def _may_write(engine: sa.Engine) -> bool | None:
    """None without the table. SQLite judges the right to a statement before it looks for rows, and raises."""
    with talking(), engine.connect().execution_options(**{WRITING: True}) as connection:
        if not sa.inspect(connection).has_table(CONTACTS):
            return None
        connection.execute(sa.text(f"UPDATE {CONTACTS} SET id = id WHERE FALSE"))
        connection.rollback()
    return True
