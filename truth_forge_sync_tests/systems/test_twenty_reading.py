"""Reading people: complete under ties, soft-deleted included, and cheap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from truth_forge_sync.systems.protocol import Window
from truth_forge_sync_tests.conformance.cases import person, read_all, read_one
from truth_forge_sync_tests.systems.twenty_outside import Workspace, workspace


@pytest.fixture
def opened() -> Iterator[Workspace]:
    with workspace() as found:
        yield found


def test_a_thousand_rows_cost_a_request_for_each_two_hundred(opened: Workspace) -> None:
    ids = opened.outside.insert_many([person(number) for number in range(1_050)])
    before = opened.twenty.requests
    assert set(read_all(opened.twenty)) == set(ids)
    assert opened.twenty.requests - before == 6
    before = opened.twenty.requests
    assert sum(len(page) for page in opened.twenty.read_by_id(ids)) == 1_050
    assert opened.twenty.requests - before == 6


def test_a_window_reads_live_and_soft_deleted_rows_alike(opened: Workspace) -> None:
    ids = opened.outside.insert_many([person(number) for number in range(5)])
    opened.outside.soft_delete(ids[0])
    rows = read_all(opened.twenty)
    assert {native_id: row.deleted for native_id, row in rows.items()} == {each: each == ids[0] for each in ids}
    later = read_all(opened.twenty, Window(since=rows[ids[0]].changed_at))
    assert ids[0] in later


def test_a_bound_finer_than_a_millisecond_loses_no_row(opened: Workspace) -> None:
    native_id = opened.outside.insert(person(1))
    stamp = read_one(opened.twenty, native_id).changed_at
    # The row's own stamp has microseconds that Twenty does not print.
    within = stamp + timedelta(microseconds=400)
    assert set(read_all(opened.twenty, Window(since=within))) == {native_id}
    assert set(read_all(opened.twenty, Window(until=within))) == {native_id}
    assert read_all(opened.twenty, Window(until=stamp)) == {}


def test_the_marker_is_one_request(opened: Workspace) -> None:
    before = opened.twenty.requests
    marker = opened.twenty.marker()
    assert opened.twenty.requests == before + 1
    opened.outside.insert(person(1))
    assert opened.twenty.marker() != marker


def test_metadata_is_read_once_and_not_counted(opened: Workspace) -> None:
    before = opened.twenty.requests
    opened.faults.clear()
    assert opened.twenty.fields() == opened.twenty.fields()
    assert opened.twenty.requests == before
    assert len(opened.faults.seen) <= 1


def test_organizations_are_the_names_of_companies(opened: Workspace) -> None:
    made = opened.outside.request("POST", "/rest/batch/companies", [{"name": " Äcme "}, {"name": "Gone"}, {"name": ""}])
    acme, gone, nameless = (company["id"] for company in made["createCompanies"])
    ids = opened.outside.insert_many([person(number) for number in range(4)])
    for native_id, company in zip(ids, (acme, acme, gone, nameless), strict=True):
        opened.outside.request("PATCH", f"/rest/people/{native_id}", {"companyId": company})
    opened.outside.request("DELETE", f"/rest/companies/{gone}?soft_delete=true")
    before = opened.twenty.requests
    rows = read_all(opened.twenty)
    assert [rows[native_id].values.get("organization") for native_id in ids] == ["Äcme", "Äcme", "Gone", None]
    assert opened.twenty.requests - before == 2
    read_all(opened.twenty)
    assert opened.twenty.requests - before == 3  # companies are known for the run
