"""A local stand-in for Twenty CRM: the part of its REST API that a sync of people needs, traps included.

    uvicorn.run(create_twenty_app(Path("twenty.sqlite"), api_key="…"), host="127.0.0.1")

It serves `/rest/people` and `/rest/companies` (lists, batches, upserts, soft deletes, compare-and-set),
`/rest/metadata` (custom fields), `/rest/webhooks` (signed delivery) and `/healthz`, and keeps its data in one SQLite
file.

It follows measurements of Twenty 2.21.0; "facts, section N" in these files means the section of that record. Extras
that the real server lacks, for tests and demonstrations: `faults` and `clock` of `create_twenty_app`, and
`InProcessTransport`.

Where it differs from the real server:

- Two objects instead of 28; custom fields of ten types (`custom_fields.CUSTOM_TYPES`); no GraphQL, no `/duplicates`, no
  `/merge`, no `connect` on relations. Depth 1 knows a person's company; all other lists are empty.
- Text sorts by code point, not by PostgreSQL's collation. `searchVector` only looks alike.
- Requests are served one at a time, so the rate limit is exact under concurrency, and a row is visible at its stamp.
- The API key is one opaque string: it doesn't expire and can't be revoked.
- Webhook changes take effect at once, and targets on this machine are allowed.
- Where the record of measurements gives an error's status but not its words, the words are the stand-in's own.
"""

from truth_forge_sync.sandbox.faults import Faults
from truth_forge_sync.sandbox.twenty.app import create_twenty_app
from truth_forge_sync.sandbox.twenty.in_process import InProcessTransport

__all__ = ["Faults", "InProcessTransport", "create_twenty_app"]
