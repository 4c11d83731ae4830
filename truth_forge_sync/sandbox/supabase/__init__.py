"""A local stand-in for a Supabase project: PostgREST's dialect of HTTP over a real PostgreSQL.

Enough of it for the official Python client's tables and functions, and the errors that a client must know: it lets
PostgreSQL do the typing, the defaults and the constraints, so that values and error codes are the real ones. Not here:
row-level security, embedded resources, aggregates, other schemas than `public`.
"""

from truth_forge_sync.sandbox.supabase.app import MAX_HEADER_BYTES, MAX_ROWS, create_supabase_app

__all__ = ["MAX_HEADER_BYTES", "MAX_ROWS", "create_supabase_app"]
