"""Twenty passes the conformance suite, against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from truth_forge_sync_tests.conformance.cases import Opened
from truth_forge_sync_tests.conformance.suite import SystemConformance
from truth_forge_sync_tests.systems.twenty_outside import workspace


class TestTwenty(SystemConformance):
    tied_rows = 1_100
    trash_holds_emails = False

    @pytest.fixture
    def opened(self) -> Iterator[Opened]:
        with workspace() as opened:
            yield Opened(opened.twenty, opened.outside)
