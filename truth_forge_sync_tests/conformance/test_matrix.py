"""docs/conformance.md says what the suite is now."""

from __future__ import annotations

from truth_forge_sync_tests.conformance.cases import LATE_COMMITS, NEEDED, WIRE
from truth_forge_sync_tests.conformance.matrix import FILE, PARTS, all_systems, matrix


def test_the_matrix_is_what_the_command_writes() -> None:
    assert FILE.read_text(encoding="utf-8") == matrix(all_systems()), "write it anew: make matrix"


def test_what_is_excluded_is_not_collected_and_all_else_is() -> None:
    for suite in all_systems():
        for name in (name for part in PARTS for name in vars(part) if name.startswith("test_")):
            assert (getattr(suite, name) is None) == bool(suite.excluded(name)), (suite.title, name)


def test_a_case_needs_what_a_system_can_be_without() -> None:
    needed = {vars(case).get(NEEDED) for part in PARTS for case in vars(part).values() if callable(case)} - {None}
    assert {WIRE, LATE_COMMITS} <= needed
    for suite in all_systems():
        assert set(suite.without) <= {WIRE, LATE_COMMITS}
        assert all(need in (WIRE, LATE_COMMITS) or isinstance(getattr(suite.card, need), bool) for need in needed)
