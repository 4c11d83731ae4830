"""Survivorship: which values survive a merge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from truth_forge_sync.history.survivorship import Register, Registers, survivors

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def registers(hour: int = 0, /, system: str = "twenty", **values: str | None) -> Registers:
    """Registers that were set this many hours after noon. A double underscore separates a field from its element."""
    stamp = NOON + timedelta(hours=hour)
    paths = {name.replace("__", "/"): value for name, value in values.items()}
    return {path: Register(path, value, stamp, system) for path, value in paths.items()}


def values(found: Registers) -> dict[str, str | None]:
    return {path: register.value for path, register in found.items()}


@pytest.mark.parametrize(
    ("kept", "absorbed", "survives"),
    [
        (registers(1, city="Oslo"), registers(2, city="Rome"), "Rome"),
        (registers(2, city="Oslo"), registers(1, city="Rome"), "Oslo"),
        (registers(1, city="Oslo"), registers(1, city="Rome"), "Oslo"),
        (registers(1, city="Oslo"), registers(2, city=None), "Oslo"),
        (registers(2, city=None), registers(1, city="Rome"), "Rome"),
        (registers(1), registers(1, city="Rome"), "Rome"),
        (registers(1, city="Oslo"), registers(1), "Oslo"),
    ],
    ids=["later", "earlier", "tie", "erased later", "erased there", "only absorbed", "only kept"],
)
def test_the_later_value_survives_and_null_erases_nothing(kept: Registers, absorbed: Registers, survives: str) -> None:
    assert values(survivors(kept, absorbed).registers) == {"city": survives}


def test_a_survivor_keeps_its_clock() -> None:
    found = survivors(registers(1, city="Oslo"), registers(2, system="local", city="Rome"))
    assert found.registers["city"] == Register("city", "Rome", NOON + timedelta(hours=2), "local")
    assert found.lost == (Register("city", "Oslo", NOON + timedelta(hours=1), "twenty"),)


def test_the_system_with_more_say_survives_however_early() -> None:
    kept, absorbed = (
        registers(5, system="twenty", notes="t", city="t"),
        registers(1, system="local", notes="l", city="l"),
    )
    found = survivors(kept, absorbed, [("notes", ("local", "supabase"))])
    assert values(found.registers) == {"notes": "l", "city": "t"}


def test_elements_and_keys_of_both_survive_side_by_side() -> None:
    kept = registers(1, other_emails__a="true", llm_context__x="1", llm_context__y="1")
    absorbed = registers(2, other_emails__b="true", llm_context__y="2")
    assert values(survivors(kept, absorbed).registers) == {
        "other_emails/a": "true", "other_emails/b": "true", "llm_context/x": "1", "llm_context/y": "2",
    }  # fmt: skip


@pytest.mark.parametrize("hour", [0, 2])
def test_the_other_primary_email_becomes_a_further_one_and_is_not_lost(hour: int) -> None:
    found = survivors(registers(1, primary_email="k@x"), registers(hour, primary_email="a@x"))
    primary, other = ("a@x", "k@x") if hour else ("k@x", "a@x")
    assert values(found.registers) == {"primary_email": primary, f"other_emails/{other}": "true"}
    assert found.lost == ()


def test_the_primary_email_is_not_repeated_among_the_further_ones() -> None:
    kept = registers(1, primary_email="k@x", other_emails__a="true")
    absorbed = {
        **registers(2, primary_email="a"),
        **registers(2, **{"other_emails__k@x": "true"}),
    }
    found = survivors(kept, absorbed)
    assert values(found.registers) == {"primary_email": "a", "other_emails/k@x": "true", "other_emails/a": None}
    assert found.lost == ()


def test_a_deletion_that_was_taken_back_is_not_merged() -> None:
    found = survivors(registers(1, city="Oslo"), registers(2, deleted=None, city="Oslo"))
    assert values(found.registers) == {"city": "Oslo"}
