"""The comparison finds every difference, and takes no other notation for one."""

from __future__ import annotations

from typing import Any

from truth_forge_sync.sandbox.compare import Comparison, compare_natives
from truth_forge_sync.sandbox.native import Native


def _row(native_id: str, contact_id: str | None, **fields: Any) -> Native:
    return Native(native_id, contact_id, fields, {})


def _compared(hub: list[Native], twenty: list[Native]) -> Comparison:
    return compare_natives({"bigquery": hub, "twenty": twenty}, region="US")


def test_another_notation_is_no_difference() -> None:
    hub = [
        _row("c1", "c1", primary_phone="+12025550123", last_name="Zoë", other_emails=[], llm_context='{"a":1,"b":2}')
    ]
    twenty = [_row("t1", "c1", primary_phone="(202) 555-0123", last_name="Zoë ", llm_context={"b": 2.0, "a": 1})]
    found = _compared(hub, twenty)
    assert (found.equal, found.differences) == (1, ())
    assert found.contacts == {"bigquery": 1, "twenty": 1}


def test_a_difference_names_the_contact_and_the_fields_and_no_values() -> None:
    found = _compared(
        [_row("c1", "c1", city="Köln", llm_context={"a": 1}, job_title="same")],
        [_row("t1", "c1", city="Bonn", llm_context={"a": 2}, job_title="same")],
    )
    (difference,) = found.differences
    assert (difference.contact_id, difference.fields, difference.missing_in) == ("c1", ("city", "llm_context"), ())
    assert found.equal == 0
    assert "Köln" not in repr(found)


def test_a_contact_that_a_system_lacks_is_a_difference() -> None:
    found = _compared([_row("c1", "c1", city="Köln")], [])
    assert found.differences[0].missing_in == ("twenty",)


def test_a_duplicate_is_a_difference() -> None:
    twin = {"first_name": "Ann", "primary_email": "ann@example.com"}
    found = _compared([_row("c1", "c1", **twin)], [_row("t1", "c1", **twin), _row("t2", None, **twin)])
    assert [difference.missing_in for difference in found.differences] == [("bigquery",)]
    assert found.equal == 1


def test_rows_without_a_contact_id_are_known_by_own_id_then_values_then_e_mail() -> None:
    hub = [
        _row("c1", "c1", city="Köln"),
        _row("c2", "c2", first_name="Bo"),
        _row("c3", "c3", primary_email="cy@example.com", city="Bonn"),
    ]
    twenty = [
        _row("c1", None, city="Köln"),
        _row("t2", None, first_name="Bo"),
        _row("t3", None, primary_email="CY@example.com", city="Ulm"),
    ]
    found = _compared(hub, twenty)
    assert found.equal == 2
    assert [(difference.contact_id, difference.fields) for difference in found.differences] == [("c3", ("city",))]


def test_a_value_that_cannot_be_read_differs_from_one_that_can() -> None:
    found = _compared([_row("c1", "c1", birthday="1990-02-03")], [_row("t1", "c1", birthday="in spring")])
    assert found.differences[0].fields == ("birthday",)
