"""The local SQL database: SQLite or PostgreSQL, over SQLAlchemy Core.

============  =====================================================================
engine.py     opens the database; turns its errors into Retry, Refused and Stop
table.py      the contacts table as it is there: its columns, and how each wants a value
reading.py    keyset pages, rows by id, the marker
writing.py    one batch of writes in one transaction
rights.py     what our user may do
setup.py      creates what is missing
system.py     :class:`Local`, which puts these behind the protocol
============  =====================================================================
"""

from truth_forge_sync.systems.local.setup import setup_sql
from truth_forge_sync.systems.local.system import Local

__all__ = ["Local", "setup_sql"]
