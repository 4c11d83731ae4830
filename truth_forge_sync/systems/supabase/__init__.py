"""Supabase, through its official client.

============  ==================================================================
rest.py       sends requests: time-outs, retries, and what an error means
reading.py    keyset pages, rows by id, the marker
writing.py    one batch of writes: inserts, and compare-and-swap edits
rights.py     what our key may do, as far as the database tells
setup.py      what is missing, and the SQL that a person runs to create it
system.py     :class:`Supabase`, which puts these behind the protocol
============  ==================================================================
"""

from truth_forge_sync.systems.supabase.setup import setup_sql
from truth_forge_sync.systems.supabase.system import Supabase

__all__ = ["Supabase", "setup_sql"]
