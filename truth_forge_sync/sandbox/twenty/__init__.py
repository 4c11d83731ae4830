"""A local stand-in for Twenty CRM: the part of its REST API that a sync of people needs, traps included.

    uvicorn.run(create_twenty_app(Path("twenty.sqlite"), api_key="…"), host="127.0.0.1")

It follows measurements of Twenty 2.21.0; "facts, section N" in these files means the section of that record. Extras
that the real server lacks, for tests and demonstrations: `faults` and `clock` of `create_twenty_app`, and
`InProcessTransport`.
"""

from truth_forge_sync.sandbox.faults import Faults
from truth_forge_sync.sandbox.twenty.app import create_twenty_app
from truth_forge_sync.sandbox.twenty.in_process import InProcessTransport

__all__ = ["Faults", "InProcessTransport", "create_twenty_app"]
