"""Custom fields and companies: made when missing, found when there, never twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from truth_forge_sync.contact import FIELD
from truth_forge_sync.sandbox.faults import Drop
from truth_forge_sync.systems.protocol import NativeRow, Status, WriteKind
from truth_forge_sync.systems.twenty.schema import WANTED
from truth_forge_sync_tests.conformance.cases import create, patch, person, read_all, read_one, write_one
from truth_forge_sync_tests.systems.twenty_outside import Workspace, workspace


@pytest.fixture
def bare() -> Iterator[Workspace]:
    with workspace(initialised=False) as found:
        yield found


@pytest.fixture
def opened() -> Iterator[Workspace]:
    with workspace() as found:
        yield found


def add_field(opened: Workspace, name: str, type_: str, **more: object) -> None:
    objects = opened.outside.request("GET", "/rest/metadata/objects")["objects"]
    (person_object,) = (each["id"] for each in objects if each["nameSingular"] == "person")
    body = {"objectMetadataId": person_object, "name": name, "label": name, "type": type_, **more}
    opened.outside.request("POST", "/rest/metadata/fields", body)


def test_a_new_workspace_holds_what_twenty_comes_with(bare: Workspace) -> None:
    standard = {"first_name", "last_name", "primary_email", "other_emails", "primary_phone", "other_phones"}
    assert bare.twenty.fields() == standard | {"organization", "job_title", "linkedin_url"}


def test_init_makes_every_field_and_a_dry_run_none(bare: Workspace) -> None:
    dry = list(bare.twenty.init(dry_run=True))
    assert len(dry) == len(WANTED) and not any(step.done for step in dry)
    assert "city" not in bare.twenty.fields()
    before = bare.twenty.requests
    steps = list(bare.twenty.init())
    assert [step.what for step in steps] == [step.what for step in dry] and all(step.done for step in steps)
    assert bare.twenty.requests == before  # metadata is not rate limited
    assert bare.twenty.fields() == set(FIELD)
    assert list(bare.twenty.init()) == [] == list(bare.another().init())


def test_init_goes_on_after_a_lost_answer(bare: Workspace) -> None:
    bare.faults.after(Drop(), method="POST", path="/rest/metadata/fields")
    with pytest.raises(Exception, match="no answer"):
        list(bare.twenty.init())
    assert all(step.done for step in bare.another().init())
    assert bare.another().fields() == set(FIELD)


def test_a_field_of_another_type_is_reported_and_not_used(bare: Workspace) -> None:
    add_field(bare, "city", "NUMBER")
    add_field(bare, "contactId", "TEXT")
    options = [{"value": code, "label": code, "color": "red", "position": n} for n, code in enumerate("AB")]
    add_field(bare, "categoryCode", "SELECT", options=options)
    steps = {step.what: step.done for step in bare.twenty.init()}
    asked = [what for what, done in steps.items() if not done]
    assert len(asked) == 2
    assert any("city" in what and "NUMBER" in what and "TEXT" in what for what in asked)
    assert any("categoryCode" in what and "C D E F G H X" in what for what in asked)
    assert steps["make the field contactId on people unique"]
    assert bare.twenty.fields() == set(FIELD) - {"city"}
    bare.outside.request("PATCH", f"/rest/people/{bare.outside.insert(person(1))}", {"city": 5})
    (row,) = read_all(bare.twenty).values()
    assert "city" not in row.values and not row.unread


NAMES = [
    "Acme",
    'The "Best" (and only), Inc.',
    "Smile :-)",
    "NULL",
    "50% off_",
    "back\\slash",
    "Søren's [Æ] & Söhne",
    "{a},b",
    "two\nlines",
    "L" * 300,
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:12])
def test_a_company_is_made_once_and_found_again_by_its_exact_name(opened: Workspace, name: str) -> None:
    first = write_one(opened.twenty, create({"organization": name}))
    assert first.row is not None and first.row.values == {"organization": name}
    second = write_one(opened.another(), create({"organization": name}))
    assert second.row is not None and second.row.values == {"organization": name}
    other = name.replace("(", "[").replace(")", "]").lower() if name != name.lower() else f"{name}!"
    write_one(opened.another(), create({"organization": other}))
    assert sorted(company["name"] for company in opened.outside.companies()) == sorted([name, other])


def test_many_new_companies_cost_few_requests(opened: Workspace) -> None:
    before = opened.twenty.requests
    outcomes = list(opened.twenty.write([create({"organization": f"Company {n % 50}"}) for n in range(200)]))
    assert {outcome.status for outcome in outcomes} == {Status.WRITTEN}
    assert len(opened.outside.companies()) == 50
    assert opened.twenty.requests - before <= 4


def test_a_company_whose_creation_lost_its_answer_is_not_made_twice(opened: Workspace) -> None:
    opened.faults.after(Drop(), method="POST", path="/rest/batch/companies")
    writes = [create({"organization": "Acme"}), create({"organization": "Bolt"})]
    assert {outcome.status for outcome in opened.twenty.write(writes)} == {Status.WRITTEN}
    assert len(opened.outside.companies()) == 2


def test_the_name_of_a_renamed_or_deleted_company_can_be_used_again(opened: Workspace) -> None:
    write_one(opened.twenty, create({"organization": "Acme"}))
    (company,) = opened.outside.companies()
    opened.outside.request("PATCH", f"/rest/companies/{company['id']}", {"name": "Acme Holding"})
    assert write_one(opened.another(), create({"organization": "Acme"})).status is Status.WRITTEN
    assert sorted(each["name"] for each in opened.outside.companies()) == ["Acme", "Acme Holding"]
    (company,) = (each for each in opened.outside.companies() if each["name"] == "Acme")
    opened.outside.request("DELETE", f"/rest/companies/{company['id']}?soft_delete=true")
    outcome = write_one(opened.another(), create({"organization": "Acme"}))
    assert outcome.row is not None and outcome.row.values == {"organization": "Acme"}
    assert sorted(each["name"] for each in opened.outside.companies()) == ["Acme", "Acme Holding"]


def test_a_company_destroyed_meanwhile_is_refused_once_and_then_made_again(opened: Workspace) -> None:
    write_one(opened.twenty, create({"organization": "Acme"}))
    (company,) = opened.outside.companies()
    opened.outside.request("DELETE", f"/rest/companies/{company['id']}")
    row = read_one(opened.twenty, opened.outside.insert(person(1)))
    outcome = write_one(opened.twenty, patch(row, {"organization": "Acme"}))
    assert (outcome.status, outcome.field) == (Status.REFUSED, "organization")
    outcome = write_one(opened.twenty, patch(row, {"organization": "Acme"}))
    assert outcome.row is not None and outcome.row.values["organization"] == "Acme"


def test_clearing_an_organization_leaves_the_company(opened: Workspace) -> None:
    row = write_one(opened.twenty, create({"organization": "Acme"})).row
    assert row is not None
    cleared: NativeRow | None = write_one(opened.twenty, patch(row, {"organization": None}, WriteKind.PATCH)).row
    assert cleared is not None and "organization" not in cleared.values
    assert len(opened.outside.companies()) == 1
