"""What the checks on one system say."""

from __future__ import annotations

import pytest

from truth_forge_sync.checks.system import answers, fresh, parked, refusals
from truth_forge_sync.errors import Retry


def test_a_system_that_is_down_is_told_with_its_message_and_remedy() -> None:
    assert answers().passed
    check = answers(Retry("no route", system="twenty", remedy="look at the network"))
    assert not check.passed
    assert "no route" in str(check.metadata["message"].value)
    assert check.metadata["remedy"].value == "look at the network"


@pytest.mark.parametrize(("seconds", "passed"), [(0.0, True), (900.0, True), (901.0, False), (None, False)])
def test_a_system_is_fresh_for_a_quarter_of_an_hour(seconds: float | None, passed: bool) -> None:
    assert fresh(seconds).passed is passed


@pytest.mark.parametrize(("values", "passed"), [(0, True), (1, False), (None, False)])
def test_a_parked_value_is_told_and_so_is_a_hub_that_does_not_know(values: int | None, passed: bool) -> None:
    assert parked("twenty", values).passed is passed


@pytest.mark.parametrize(
    ("refused", "written", "passed"),
    [(0, 0, True), (5, 0, True), (6, 0, False), (6, 54, True), (6, 53, False)],
)
def test_odd_values_are_no_fault_and_many_are(refused: int, written: int, passed: bool) -> None:
    assert refusals(refused=refused, written=written).passed is passed
