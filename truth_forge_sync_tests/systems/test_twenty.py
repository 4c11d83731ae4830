"""Twenty passes the conformance suite, against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from truth_forge_sync.sandbox.faults import Status as Answer
from truth_forge_sync.systems.twenty import Twenty
from truth_forge_sync_tests.conformance.cases import LATE_COMMITS, Opened, Wire
from truth_forge_sync_tests.conformance.suite import SystemConformance
from truth_forge_sync_tests.systems.twenty_outside import workspace

REFUSAL = Answer(
    400,
    {
        "statusCode": 400,
        "error": "BadRequestException",
        "messages": ["Provided phone number is invalid 123"],
        "code": "INVALID_PHONE_NUMBER",
    },
)


class TestTwenty(SystemConformance):
    title = "Twenty"
    card = Twenty.capabilities
    without: ClassVar = {LATE_COMMITS: "nobody can hold a transaction open in it from outside"}
    tied_rows = 1_100
    trash_holds_emails = False

    @pytest.fixture
    def opened(self) -> Iterator[Opened]:
        with workspace() as opened:
            wire = Wire(
                opened.faults, lambda: opened.another(patience=0.5), REFUSAL, "Provided phone number is invalid"
            )
            yield Opened(opened.twenty, opened.outside, wire)
