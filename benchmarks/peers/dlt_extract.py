"""``dlt_extract.py COUNT sql BACKEND DATABASE_URL``, or ``COUNT rest SUPABASE_URL KEY``: load so many contacts from
Supabase into a DuckDB file in this folder with dlt, and print the seconds it took, without imports.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import dlt
import duckdb
from dlt.sources.rest_api import rest_api_source
from dlt.sources.sql_database import sql_table

TABLE = "contacts_master"
PAGE = 1_000
"""Most rows that Supabase gives at once, unless somebody sets it up otherwise."""


def sql(backend: str, database_url: str) -> Any:
    """As dlt's documentation has it for Supabase: by its database."""
    return sql_table(database_url, TABLE, backend=backend)


def rest(url: str, key: str) -> Any:
    """By the API that our connector reads, for the comparison."""
    return rest_api_source(
        {
            "client": {
                "base_url": f"{url}/rest/v1/",
                "headers": {"apikey": key, "Authorization": f"Bearer {key}"},
                "paginator": {"type": "offset", "limit": PAGE, "total_path": None, "stop_after_empty_page": True},
            },
            "resources": [{"name": TABLE, "endpoint": {"path": TABLE, "params": {"select": "*", "order": "id"}}}],
        }
    )


count, way, *rest_of_it = sys.argv[1:]
source = {"sql": sql, "rest": rest}[way](*rest_of_it)
destination = dlt.destinations.duckdb("extracted.duckdb")
pipeline = dlt.pipeline("extract", pipelines_dir="pipelines", destination=destination, dataset_name="identity")
began = time.monotonic()
pipeline.run(source)
seconds = time.monotonic() - began
with duckdb.connect("extracted.duckdb") as connection:
    found = connection.execute(f"SELECT count(*) FROM identity.{TABLE}").fetchone()
if found != (int(count),):
    sys.exit(f"dlt loaded {found} rows, not {count}")
sys.stdout.write(f"{seconds}\n")
