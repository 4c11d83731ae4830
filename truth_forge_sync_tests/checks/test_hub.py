"""What the hub's checks say of a state, and how a person gets out of it."""

from __future__ import annotations

import pytest
from dagster import AssetCheckResult

from truth_forge_sync.checks.hub import SPECS, conflicts_checks, contacts_checks
from truth_forge_sync.hub.hub import Held, HubState, Sweep


def checked(state: HubState) -> dict[str, AssetCheckResult]:
    return {str(one.check_name): one for one in (*contacts_checks(state), *conflicts_checks(state))}


def test_every_check_that_is_declared_is_told_and_passes_in_a_quiet_hub() -> None:
    checks = checked(HubState())
    assert set(checks) == {spec.name for spec in SPECS}
    assert all(check.passed and "remedy" not in check.metadata for check in checks.values())


@pytest.mark.parametrize(
    ("state", "name", "remedy"),
    [
        (HubState(holds={"twenty": Held(contacts=30)}), "brake", "sync --allow-losses 30"),
        (HubState(holds={"twenty": Held(frozen=2)}), "flip_flops", "holds list"),
        (HubState(reviews=1), "identity_clashes", "review link ID"),
        (HubState(last_sweep=Sweep("c", compared=100, aligned=98)), "aligned", "errors list"),
        (HubState(conflicts=3), "conflicts_open", "conflicts restore ID"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_waits_for_a_person_fails_its_check_alone_and_tells_the_way_out(
    state: HubState, name: str, remedy: str
) -> None:
    checks = checked(state)
    assert [one for one, check in checks.items() if not check.passed] == [name]
    assert remedy in str(checks[name].metadata["remedy"].value)


def test_a_sweep_that_had_nothing_to_compare_is_fine() -> None:
    assert checked(HubState(last_sweep=Sweep("c", compared=0, aligned=0)))["aligned"].passed
