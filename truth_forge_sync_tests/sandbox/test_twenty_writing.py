"""What writes do to rows, stamps and one another: facts, sections 3, 5 and 6."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from truth_forge_sync.sandbox.twenty import create_twenty_app
from truth_forge_sync.sandbox.twenty.in_process import connect

KEY = "key"

Person = dict[str, Any]


@pytest.fixture
def twenty() -> Iterator[httpx.Client]:
    with connect(create_twenty_app(None, KEY, None), KEY) as client:
        yield client


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def mail(address: str) -> Person:
    return {"emails": {"primaryEmail": address}}


def post(twenty: httpx.Client, body: Person, query: str = "") -> Person:
    response = twenty.post(f"/people{query}", json=body)
    assert response.status_code == 201, response.text
    person: Person = response.json()["data"]["createPerson"]
    return person


def post_batch(twenty: httpx.Client, *rows: Person, upsert: bool = False) -> list[Person]:
    response = twenty.post(f"/batch/people{'?upsert=true' if upsert else ''}", json=list(rows))
    assert response.status_code == 201, response.text
    people: list[Person] = response.json()["data"]["createPeople"]
    return people


def refused(response: httpx.Response, text: str, status: int = 400) -> None:
    assert response.status_code == status, response.text
    assert text in response.json()["messages"][0]


def listed(twenty: httpx.Client, filter_: str = "") -> list[Person]:
    response = twenty.get("/people", params={"filter": filter_} if filter_ else {})
    assert response.status_code == 200, response.text
    people: list[Person] = response.json()["data"]["people"]
    return people


def ids(people: list[Person]) -> list[str]:
    return [person["id"] for person in people]


EVERYTHING = "or(deletedAt[is]:NULL,deletedAt[is]:NOT_NULL)"


class TestCreate:
    def test_a_client_may_choose_the_id_once(self, twenty: httpx.Client) -> None:
        """Section 3."""
        assert post(twenty, {"id": uid(1)})["id"] == uid(1)
        refused(twenty.post("/people", json={"id": uid(1)}), "A duplicate entry was detected")

    def test_new_rows_come_before_the_others(self, twenty: httpx.Client) -> None:
        """Section 2, position."""
        assert [post(twenty, {})["position"] for _ in range(3)] == [0, -1, -2]
        assert post(twenty, {"position": 7})["position"] == 7
        assert post(twenty, {"position": "last"})["position"] == 8
        assert post(twenty, {"position": "first"})["position"] == -3

    def test_a_duplicate_e_mail_is_refused_whatever_its_case(self, twenty: httpx.Client) -> None:
        """Section 4: no code, no id, no field."""
        post(twenty, mail("ann@example.com"))
        response = twenty.post("/people", json=mail("ANN@example.com"))
        assert response.json() == {
            "statusCode": 400,
            "error": "BadRequestException",
            "messages": ["A duplicate entry was detected"],
        }

    def test_another_persons_additional_address_is_free(self, twenty: httpx.Client) -> None:
        """Section 4."""
        post(twenty, {"emails": {"primaryEmail": "a@x.com", "additionalEmails": ["b@x.com"]}})
        post(twenty, mail("b@x.com"))

    def test_a_soft_deleted_row_holds_its_e_mail(self, twenty: httpx.Client) -> None:
        """Section 5."""
        person = post(twenty, mail("a@x.com"))
        twenty.delete(f"/people/{person['id']}?soft_delete=true")
        refused(twenty.post("/people", json=mail("a@x.com")), "A duplicate entry was detected")

    def test_many_rows_without_an_e_mail_are_fine(self, twenty: httpx.Client) -> None:
        post_batch(twenty, {}, mail(""), {"emails": {"primaryEmail": None}})


class TestBatch:
    def test_a_batch_answers_in_the_order_of_input_with_one_stamp(self, twenty: httpx.Client) -> None:
        """Sections 1 and 3."""
        people = post_batch(twenty, *[{"id": uid(n)} for n in (3, 1, 2)])
        assert ids(people) == [uid(3), uid(1), uid(2)]
        assert len({person["updatedAt"] for person in people}) == 1

    def test_an_empty_batch_is_fine(self, twenty: httpx.Client) -> None:
        assert post_batch(twenty) == []

    def test_a_batch_takes_200_rows_and_not_201(self, twenty: httpx.Client) -> None:
        refused(twenty.post("/batch/people", json=[{}] * 201), "Maximum number of records to upsert is 200.")
        assert len(post_batch(twenty, *[{}] * 200)) == 200

    def test_a_batch_must_be_a_list(self, twenty: httpx.Client) -> None:
        response = twenty.post("/batch/people", json={})
        refused(response, "args.data.forEach is not a function")
        assert response.json()["error"] == "TypeError"

    @pytest.mark.parametrize("bad", [mail("a@x.com"), {"companyId": uid(9)}, {"nosuch": 1}])
    def test_a_batch_create_is_atomic(self, twenty: httpx.Client, bad: Person) -> None:
        assert twenty.post("/batch/people", json=[mail("a@x.com"), {}, bad]).status_code == 400
        assert listed(twenty) == []


class TestUpsert:
    """Section 3, upsert."""

    def test_it_matches_by_id_and_answers_201(self, twenty: httpx.Client) -> None:
        post(twenty, {"id": uid(1), "jobTitle": "old"})
        assert post(twenty, {"id": uid(1), "jobTitle": "new"}, "?upsert=true")["jobTitle"] == "new"
        assert post(twenty, {"id": uid(2)}, "?upsert=true")["id"] == uid(2)
        assert len(listed(twenty)) == 2

    def test_it_matches_by_e_mail_in_any_case_and_then_ignores_the_id(self, twenty: httpx.Client) -> None:
        post(twenty, {"id": uid(1), **mail("a@x.com")})
        person = post(twenty, {"id": uid(2), "jobTitle": "new", **mail("A@X.com")}, "?upsert=true")
        assert (person["id"], person["jobTitle"]) == (uid(1), "new")

    def test_without_upsert_true_it_is_a_create(self, twenty: httpx.Client) -> None:
        post(twenty, {"id": uid(1)})
        refused(twenty.post("/people?upsert=1", json={"id": uid(1)}), "A duplicate entry was detected")

    def test_an_input_that_means_two_rows_is_refused(self, twenty: httpx.Client) -> None:
        post_batch(twenty, {"id": uid(1), **mail("a@x.com")}, {"id": uid(2), **mail("b@x.com")})
        response = twenty.post("/people?upsert=true", json={"id": uid(1), **mail("b@x.com")})
        refused(response, "Multiple records found with the same unique field values for id (")
        refused(response, "emails (b@x.com). Cannot determine which record to update.")

    @pytest.mark.parametrize("key", [{"id": uid(1)}, mail("A@x.com")])
    def test_it_revives_a_soft_deleted_row(self, twenty: httpx.Client, key: Person) -> None:
        post(twenty, {"id": uid(1), **mail("a@x.com")})
        twenty.delete(f"/people/{uid(1)}?soft_delete=true")
        assert post(twenty, key, "?upsert=true")["deletedAt"] is None
        assert ids(listed(twenty)) == [uid(1)]

    def test_a_batch_answers_existing_rows_first(self, twenty: httpx.Client) -> None:
        post_batch(twenty, {"id": uid(1)}, {"id": uid(2)})
        people = post_batch(twenty, {"id": uid(3)}, {"id": uid(2)}, {"id": uid(4)}, {"id": uid(1)}, upsert=True)
        assert ids(people) == [uid(2), uid(1), uid(3), uid(4)]

    def test_inputs_that_mean_one_row_collapse_and_the_last_wins(self, twenty: httpx.Client) -> None:
        post(twenty, {"id": uid(1), **mail("a@x.com")})
        people = post_batch(twenty, {"id": uid(1), "jobTitle": "1"}, mail("a@x.com") | {"jobTitle": "2"}, upsert=True)
        assert [person["jobTitle"] for person in people] == ["2"]

    def test_two_inputs_with_one_new_e_mail_are_refused(self, twenty: httpx.Client) -> None:
        rows = [mail("a@x.com"), mail("a@x.com")]
        refused(twenty.post("/batch/people?upsert=true", json=rows), "A duplicate entry was detected")

    def test_a_batch_is_not_atomic(self, twenty: httpx.Client) -> None:
        """Section 3: the updates stay when the insert fails."""
        post(twenty, {"id": uid(1), "jobTitle": "old"})
        rows = [{"id": uid(1), "jobTitle": "HALF"}, mail("a@x.com"), mail("a@x.com")]
        refused(twenty.post("/batch/people?upsert=true", json=rows), "A duplicate entry was detected")
        assert [(person["id"], person["jobTitle"]) for person in listed(twenty)] == [(uid(1), "HALF")]

    def test_each_existing_row_has_a_stamp_of_its_own(self, twenty: httpx.Client) -> None:
        """Section 1: one UPDATE a row. Rows that look equal by the millisecond still have an order inside."""
        rows = [{"id": uid(n)} for n in range(5)]
        post_batch(twenty, *rows)
        post_batch(twenty, *reversed(rows), upsert=True)
        page = twenty.get("/people?order_by=updatedAt").json()["data"]["people"]
        assert ids(page) == [uid(n) for n in (4, 3, 2, 1, 0)]


class TestUpdate:
    @pytest.mark.parametrize("body", [{}, {"jobTitle": "same"}, {"name": None}])
    def test_a_write_that_changes_nothing_bumps_updated_at(self, twenty: httpx.Client, body: Person) -> None:
        """Section 6. The stamp that was set by the client shows it without waiting."""
        post(twenty, {"id": uid(1), "jobTitle": "same", "updatedAt": "2020-01-01T00:00:00.000Z"})
        person = twenty.patch(f"/people/{uid(1)}", json=body).json()["data"]["updatePerson"]
        assert person["updatedAt"] > "2020-01-01T00:00:00.000Z"
        assert person["createdAt"] > "2020-01-01T00:00:00.000Z"

    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    def test_patch_and_put_are_the_same(self, twenty: httpx.Client, method: str) -> None:
        """Section 3."""
        post(twenty, {"id": uid(1), "jobTitle": "kept", **mail("a@x.com")})
        response = twenty.request(method, f"/people/{uid(1)}", json={"name": {"firstName": "Ann"}})
        person = response.json()["data"]["updatePerson"]
        assert (person["jobTitle"], person["name"]["firstName"]) == ("kept", "Ann")

    def test_an_unknown_id_is_404(self, twenty: httpx.Client) -> None:
        refused(twenty.patch(f"/people/{uid(1)}", json={}), "Record not found", 404)

    def test_the_id_can_not_be_changed(self, twenty: httpx.Client) -> None:
        """Section 3."""
        post(twenty, {"id": uid(1)})
        refused(twenty.patch(f"/people/{uid(1)}", json={"id": uid(2)}), "violates foreign key constraint")

    def test_a_soft_deleted_row_is_updated_and_stays_deleted(self, twenty: httpx.Client) -> None:
        """Section 3."""
        post(twenty, {"id": uid(1)})
        twenty.delete(f"/people/{uid(1)}?soft_delete=true")
        person = twenty.patch(f"/people/{uid(1)}", json={"jobTitle": "x"}).json()["data"]["updatePerson"]
        assert person["jobTitle"] == "x"
        assert person["deletedAt"] is not None

    def test_a_taken_e_mail_is_refused(self, twenty: httpx.Client) -> None:
        post_batch(twenty, {"id": uid(1), **mail("a@x.com")}, {"id": uid(2)})
        refused(twenty.patch(f"/people/{uid(2)}", json=mail("a@x.com")), "A duplicate entry was detected")

    def test_compare_and_set_by_the_stamp(self, twenty: httpx.Client) -> None:
        """Trap 9: the answer is empty when the row has moved."""
        seen = post(twenty, {"id": uid(1), "updatedAt": "2020-01-01T00:00:00.123Z"})["updatedAt"]
        params = {"filter": f'and(id[eq]:{uid(1)},updatedAt[eq]:"{seen}")'}
        first = twenty.patch("/people", params=params, json={"jobTitle": "mine"})
        second = twenty.patch("/people", params=params, json={"jobTitle": "too late"})
        assert ids(first.json()["data"]["updatePeople"]) == [uid(1)]
        assert (second.status_code, second.json()) == (200, {"data": {"updatePeople": []}})
        assert listed(twenty)[0]["jobTitle"] == "mine"

    def test_an_update_by_filter_has_one_stamp_and_a_limit(self, twenty: httpx.Client) -> None:
        """Sections 1 and 3; without a filter it updates everybody (trap 7)."""
        post_batch(twenty, *[{}] * 200)
        people = twenty.patch("/people", json={"jobTitle": "all"}).json()["data"]["updatePeople"]
        assert len(people) == 200
        assert len({person["updatedAt"] for person in people}) == 1
        post(twenty, {})
        response = twenty.patch("/people", json={"jobTitle": "more"})
        assert (response.status_code, response.json()["code"]) == (400, "TOO_MANY_RECORDS_TO_UPDATE")


class TestDelete:
    """Section 5."""

    def test_delete_destroys(self, twenty: httpx.Client) -> None:
        post(twenty, {"id": uid(1), **mail("a@x.com")})
        response = twenty.delete(f"/people/{uid(1)}")
        assert (response.status_code, response.json()) == (200, {"data": {"deletePerson": {"id": uid(1)}}})
        assert listed(twenty, EVERYTHING) == []
        post(twenty, mail("a@x.com"))
        refused(twenty.delete(f"/people/{uid(1)}"), "Record not found", 404)

    def test_soft_delete_hides_the_row_and_stamps_it(self, twenty: httpx.Client) -> None:
        post(twenty, {"id": uid(1), "updatedAt": "2020-01-01T00:00:00.000Z"})
        person = twenty.delete(f"/people/{uid(1)}?soft_delete=true").json()["data"]["deletePerson"]
        assert person["deletedAt"] == person["updatedAt"] > "2020-01-01T00:00:00.000Z"
        assert listed(twenty) == []
        refused(twenty.get(f"/people/{uid(1)}"), "Record not found", 404)
        assert twenty.patch("/people", params={"filter": f"id[eq]:{uid(1)}"}, json={}).json() == {
            "data": {"updatePeople": []}
        }

    @pytest.mark.parametrize(
        ("filter_", "numbers"),
        [
            ("deletedAt[is]:NOT_NULL", [1]),
            ('and(updatedAt[gte]:"2020-01-01",or(deletedAt[is]:NULL,deletedAt[is]:NOT_NULL))', [1, 2]),
            ("deletedAt[is]:NULL", [2]),
            ('updatedAt[gte]:"2020-01-01"', [2]),
        ],
    )
    def test_a_mention_of_deleted_at_brings_hidden_rows_to_light(
        self, twenty: httpx.Client, filter_: str, numbers: list[int]
    ) -> None:
        post_batch(twenty, {"id": uid(1)}, {"id": uid(2)})
        twenty.delete(f"/people/{uid(1)}?soft_delete=true")
        assert ids(listed(twenty, filter_)) == [uid(number) for number in numbers]

    def test_a_bulk_delete_needs_a_filter(self, twenty: httpx.Client) -> None:
        refused(twenty.delete("/people"), "Filters are mandatory for bulk destroy/delete operations")

    def test_a_bulk_delete_reaches_soft_deleted_rows(self, twenty: httpx.Client) -> None:
        post_batch(twenty, {"id": uid(1), "jobTitle": "x"}, {"id": uid(2), "jobTitle": "x"}, {"id": uid(3)})
        twenty.delete(f"/people/{uid(1)}?soft_delete=true")
        response = twenty.delete("/people", params={"filter": "jobTitle[eq]:x"})
        assert ids(response.json()["data"]["deletePeople"]) == [uid(1), uid(2)]
        assert ids(listed(twenty, EVERYTHING)) == [uid(3)]

    def test_a_bulk_soft_delete_has_one_stamp(self, twenty: httpx.Client) -> None:
        post_batch(twenty, {"id": uid(1)}, {"id": uid(2)})
        params = {"filter": f"id[in]:[{uid(1)},{uid(2)}]", "soft_delete": "true"}
        people = twenty.delete("/people", params=params).json()["data"]["deletePeople"]
        assert len({person["deletedAt"] for person in people}) == 1

    def test_restore_by_filter(self, twenty: httpx.Client) -> None:
        post(twenty, {"id": uid(1)})
        twenty.delete(f"/people/{uid(1)}?soft_delete=true")
        response = twenty.patch("/restore/people", params={"filter": f"id[eq]:{uid(1)}"})
        (person,) = response.json()["data"]["restorePeople"]
        assert person["deletedAt"] is None
        assert ids(listed(twenty)) == [uid(1)]

    def test_restore_by_a_filter_on_deleted_at_restores_and_answers_nothing(self, twenty: httpx.Client) -> None:
        post(twenty, {"id": uid(1)})
        twenty.delete(f"/people/{uid(1)}?soft_delete=true")
        params = {"filter": f"and(id[eq]:{uid(1)},deletedAt[is]:NOT_NULL)"}
        assert twenty.patch("/restore/people", params=params).json() == {"data": {"restorePeople": []}}
        assert ids(listed(twenty)) == [uid(1)]

    def test_restore_by_id_is_broken(self, twenty: httpx.Client) -> None:
        refused(twenty.patch(f"/restore/people/{uid(1)}"), "Query path")

    def test_deleted_at_can_be_patched_both_ways(self, twenty: httpx.Client) -> None:
        post(twenty, {"id": uid(1)})
        twenty.patch(f"/people/{uid(1)}", json={"deletedAt": "2026-01-01T00:00:00.000Z"})
        assert listed(twenty) == []
        twenty.patch(f"/people/{uid(1)}", json={"deletedAt": None})
        assert ids(listed(twenty)) == [uid(1)]


def test_companies_have_the_same_api(twenty: httpx.Client) -> None:
    created = twenty.post("/batch/companies", json=[{"id": uid(1), "name": "Acme"}, {"id": uid(2), "name": "Byte"}])
    assert [company["name"] for company in created.json()["data"]["createCompanies"]] == ["Acme", "Byte"]
    found = twenty.get("/companies", params={"filter": "name[eq]:Acme"}).json()
    assert [company["id"] for company in found["data"]["companies"]] == [uid(1)]
    assert twenty.get(f"/companies/{uid(2)}").json()["data"]["company"]["name"] == "Byte"


def test_a_destroyed_company_leaves_its_people_without_one(twenty: httpx.Client) -> None:
    twenty.post("/companies", json={"id": uid(1), "name": "Acme"})
    post(twenty, {"id": uid(2), "companyId": uid(1)})
    twenty.delete(f"/companies/{uid(1)}")
    assert listed(twenty)[0]["companyId"] is None


def test_data_survive_a_restart(tmp_path: Path) -> None:
    database = tmp_path / "sandbox" / "twenty.sqlite"
    for _ in range(2):
        with connect(create_twenty_app(database, KEY, None), KEY) as twenty:
            post(twenty, {"id": uid(1), **mail("a@x.com")}, "?upsert=true")
            assert ids(listed(twenty)) == [uid(1)]
