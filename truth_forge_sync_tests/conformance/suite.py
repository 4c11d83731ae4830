"""The conformance suite: what every system must do, whatever it is made of.

A system's test file inherits :class:`SystemConformance` and gives one fixture, ``opened``: a fresh, empty,
initialised system together with an :class:`~.cases.Outside` handle that edits it as a person would, by the system's own
means::

    class TestMine(SystemConformance):
        title = "Mine"
        card = Mine.capabilities
        without: ClassVar = {WIRE: "it is a file"}

        @pytest.fixture
        def opened(self) -> Iterator[Opened]:
            with my_server() as server:
                yield Opened(Mine(server.url), MyOutside(server))

What a system cannot do by its nature is declared in class attributes, never skipped by name: a case that needs what the
system is without is not collected for it. ``docs/conformance.md`` shows which system has which case (``make matrix``).
"""

from __future__ import annotations

from truth_forge_sync_tests.conformance.deleting import Deleting
from truth_forge_sync_tests.conformance.failing import Failing
from truth_forge_sync_tests.conformance.reading import Reading
from truth_forge_sync_tests.conformance.writing import Writing


class SystemConformance(Reading, Writing, Deleting, Failing):
    """Inherit, give ``opened``, pass."""
