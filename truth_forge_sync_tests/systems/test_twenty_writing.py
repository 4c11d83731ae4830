"""Writing people: an outcome for each row whatever befalls its neighbours, in few requests."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence

import pytest

from truth_forge_sync.sandbox.faults import Status as Answer
from truth_forge_sync.systems.protocol import NativeRow, Outcome, Status, Write, WriteKind
from truth_forge_sync_tests.conformance.cases import create, patch, person, read_all, read_one, write_one
from truth_forge_sync_tests.systems.twenty_outside import Workspace, workspace

BAD_PHONE = "+999123"
"""A number that no phone library takes; it stands for any value that Twenty refuses."""


@pytest.fixture
def opened() -> Iterator[Workspace]:
    with workspace() as found:
        yield found


def rows_of(opened: Workspace, count: int) -> list[NativeRow]:
    ids = opened.outside.insert_many([person(number) for number in range(count)])
    return [row for page in opened.twenty.read_by_id(ids) for row in page]


def written(opened: Workspace, writes: Sequence[Write]) -> tuple[dict[str, Outcome], int]:
    """The outcomes by native id, and how many requests they cost."""
    before = opened.twenty.requests
    outcomes = list(opened.twenty.write(writes))
    assert len(outcomes) == len(writes)
    return {outcome.write.native_id: outcome for outcome in outcomes}, opened.twenty.requests - before


def statuses(outcomes: dict[str, Outcome]) -> set[Status]:
    return {outcome.status for outcome in outcomes.values()}


# Requests


def test_patches_cost_a_read_and_a_write_for_each_two_hundred(opened: Workspace) -> None:
    rows = rows_of(opened, 400)
    outcomes, requests = written(opened, [patch(row, {"first_name": f"B{n}"}) for n, row in enumerate(rows)])
    assert statuses(outcomes) == {Status.WRITTEN}
    assert requests == 4
    assert {row.values["first_name"] for row in read_all(opened.twenty).values()} == {f"B{n}" for n in range(400)}


def test_creates_cost_a_write_for_each_two_hundred(opened: Workspace) -> None:
    outcomes, requests = written(opened, [create({"first_name": f"Ann{n}"}) for n in range(400)])
    assert (statuses(outcomes), requests) == ({Status.WRITTEN}, 2)


def test_deletes_cost_a_write_for_each_sixty(opened: Workspace) -> None:
    outcomes, requests = written(opened, [patch(row, {}, WriteKind.DELETE) for row in rows_of(opened, 120)])
    assert (statuses(outcomes), requests) == ({Status.WRITTEN}, 2)


def test_one_patch_is_one_conditional_request(opened: Workspace) -> None:
    (row,) = rows_of(opened, 1)
    outcomes, requests = written(opened, [patch(row, {"job_title": "Baker"})])
    assert (statuses(outcomes), requests) == ({Status.WRITTEN}, 1)


def test_a_patch_of_a_composite_reads_its_other_parts_first(opened: Workspace) -> None:
    (row,) = rows_of(opened, 1)
    site = {"label": "Site", "url": "https://ann.example.com"}
    link = {"primaryLinkLabel": "Ann", "primaryLinkUrl": "https://l.example/a", "secondaryLinks": [site]}
    opened.outside.request("PATCH", f"/rest/people/{row.native_id}", {"linkedinLink": link})
    row = read_one(opened.twenty, row.native_id)
    outcomes, requests = written(opened, [patch(row, {"linkedin_url": "https://l.example/b"})])
    assert (statuses(outcomes), requests) == ({Status.WRITTEN}, 2)
    assert opened.outside.raw(row.native_id)["linkedinLink"] == {**link, "primaryLinkUrl": "https://l.example/b"}


def test_a_patch_that_sends_nothing_moves_no_stamp(opened: Workspace) -> None:
    created = list(opened.twenty.write([create({"first_name": f"Ann{n}"}) for n in range(5)]))
    rows = [outcome.row for outcome in created if outcome.row]
    for some in (rows[:1], rows):
        outcomes, _ = written(opened, [patch(row, {}) for row in some])
        assert {row.native_id: row for row in some} == {key: outcome.row for key, outcome in outcomes.items()}
    assert read_all(opened.twenty) == {row.native_id: row for row in rows}


# Refusals

BAD: dict[str, tuple[dict[str, str | None], str]] = {
    "number": ({"primary_phone": BAD_PHONE}, "primary_phone"),
    "other number": ({f"other_phones/{BAD_PHONE}": "true"}, "other_phones"),
    "other number beside a good one": (
        {"primary_phone": "+12025550123", f"other_phones/{BAD_PHONE}": "true"},
        "other_phones",
    ),
    "address": ({"primary_email": "with space@example.com"}, "primary_email"),
    "other address": ({"other_emails/with space@example.com": "true"}, "other_emails"),
    "address of another person": ({"primary_email": "taken@example.com"}, "primary_email"),
    "link": ({"linkedin_url": "https://not a host"}, "linkedin_url"),
    "choice": ({"category_code": "Q"}, "category_code"),
}


@pytest.mark.parametrize("count", [1, 60])
@pytest.mark.parametrize(("changes", "field"), BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("kind", [WriteKind.CREATE, WriteKind.PATCH])
def test_a_refused_row_names_its_field_and_harms_no_other(
    opened: Workspace, kind: WriteKind, changes: dict[str, str | None], field: str, count: int
) -> None:
    opened.outside.insert({"primary_email": "taken@example.com", "contact_id": "somebody"})
    if kind is WriteKind.CREATE:
        writes = [create({"first_name": f"New{n}"}) for n in range(count)]
        bad = create({"first_name": "New", **changes})
    else:
        rows = rows_of(opened, count + 1)
        writes = [patch(row, {"first_name": f"New{n}"}) for n, row in enumerate(rows[1:])]
        bad = patch(rows[0], {"first_name": "New", **changes})
    middle = count // 2
    outcomes, requests = written(opened, [*writes[:middle], bad, *writes[middle:]])
    refused = outcomes.pop(bad.native_id)
    assert (refused.status, refused.field) == (Status.REFUSED, field)
    assert refused.message
    assert not any(path.partition("/")[2] in refused.message for path in changes if "/" in path)
    assert not any(value in refused.message for value in changes.values() if value and value != "true" and value != "Q")
    assert statuses(outcomes) == {Status.WRITTEN}
    # Far fewer than one a row: the row at fault is found, or at worst halved down to.
    assert requests <= 16


def test_the_value_that_twenty_quotes_leads_to_its_row(opened: Workspace) -> None:
    bad = create({"primary_phone": BAD_PHONE})
    outcomes, requests = written(opened, [bad, *(create({"first_name": f"Ann{n}"}) for n in range(60))])
    assert (outcomes[bad.native_id].status, requests) == (Status.REFUSED, 3)


def test_many_duplicates_are_found_by_looking(opened: Workspace) -> None:
    opened.outside.insert_many([{**person(number), "contact_id": f"c{number}"} for number in range(90)])
    writes = [create({"first_name": f"Twin{n}", "primary_email": f"ann{n}@example.com"}) for n in range(200)]
    outcomes, requests = written(opened, writes)
    assert [outcome.status for outcome in outcomes.values()].count(Status.REFUSED) == 90
    assert {outcome.field for outcome in outcomes.values()} == {"primary_email", None}
    assert requests <= 8


def test_a_refusal_names_who_has_the_address_and_not_the_address(opened: Workspace) -> None:
    holder = opened.outside.insert({**person(1), "contact_id": "somebody"})
    row = rows_of_more(opened)[0]
    for write in (create({"primary_email": "ann1@example.com"}), patch(row, {"primary_email": "ann1@example.com"})):
        outcome = write_one(opened.twenty, write)
        assert (outcome.status, outcome.field) == (Status.REFUSED, "primary_email")
        assert holder in outcome.message
        assert "ann1" not in outcome.message


def test_a_person_in_the_trash_gives_up_its_address_and_keeps_it_among_the_further_ones(opened: Workspace) -> None:
    trashed = opened.outside.insert_many([person(1), {**person(2), "other_emails": ["b@example.com"]}])
    for native_id in trashed:
        opened.outside.soft_delete(native_id)
    row = rows_of_more(opened)[0]
    outcomes, _ = written(
        opened, [create({"primary_email": "ann1@example.com"}), patch(row, {"primary_email": "ann2@example.com"})]
    )
    assert statuses(outcomes) == {Status.WRITTEN}
    for native_id in trashed:
        left = read_one(opened.twenty, native_id)
        assert left.deleted
        assert "primary_email" not in left.values
        assert {f"other_emails/ann{n}@example.com" for n in (1, 2)} & left.values.keys()


def test_a_person_of_a_moment_ago_may_be_the_contact_itself(opened: Workspace) -> None:
    opened.outside.insert(person(1))
    outcome = write_one(opened.twenty, create({"primary_email": "ann1@example.com"}))
    assert outcome.status is Status.MOVED
    assert len(read_all(opened.twenty)) == 1


def test_two_new_rows_with_one_address_are_one_row_and_one_refusal(opened: Workspace) -> None:
    writes = [create({"first_name": f"Twin{n}", "primary_email": f"ann{n % 9}@example.com"}) for n in range(10)]
    outcomes, _ = written(opened, writes)
    assert sorted(outcome.status for outcome in outcomes.values()) == [Status.REFUSED] + [Status.WRITTEN] * 9
    assert len(read_all(opened.twenty)) == 9


def test_an_id_of_another_contact_is_refused(opened: Workspace) -> None:
    row = write_one(opened.twenty, create({"first_name": "Ann"})).row
    assert row is not None
    write = Write(WriteKind.CREATE, str(uuid.uuid4()), row.native_id, {"first_name": "Beate"})
    assert write_one(opened.twenty, write).status is Status.REFUSED
    assert read_one(opened.twenty, row.native_id) == row


def test_a_created_row_that_was_soft_deleted_since_is_still_ours(opened: Workspace) -> None:
    write = create({"first_name": "Ann"})
    write_one(opened.twenty, write)
    opened.outside.soft_delete(write.native_id)
    outcome = write_one(opened.twenty, write)
    assert outcome.status is Status.WRITTEN and outcome.row is not None and outcome.row.deleted


def test_a_contact_id_that_clashes_does_not_block_the_patch(opened: Workspace) -> None:
    holder = write_one(opened.twenty, create({"first_name": "Ann"})).write
    for count in (1, 5):
        rows = rows_of(opened, count) if count == 1 else rows_of_more(opened)
        writes = [Write(WriteKind.PATCH, holder.contact_id, rows[0].native_id, {"city": "Bern"}, rows[0])]
        writes += [patch(row, {"city": "Bern"}) for row in rows[1:]]
        outcomes, _ = written(opened, writes)
        assert statuses(outcomes) == {Status.WRITTEN}
        assert read_one(opened.twenty, rows[0].native_id).contact_id is None


def rows_of_more(opened: Workspace) -> list[NativeRow]:
    ids = opened.outside.insert_many([person(number) for number in range(50, 55)])
    return [row for page in opened.twenty.read_by_id(ids) for row in page]


NOT_ITS_FAULT = [
    Answer(500, "request entity too large"),
    Answer(500, {"statusCode": 500, "messages": ["Data validation error."]}),
    Answer(400, {"statusCode": 400, "messages": ["Something new"]}),
]


@pytest.mark.parametrize("answer", NOT_ITS_FAULT, ids=repr)
def test_a_batch_that_is_refused_as_a_whole_is_tried_in_parts(opened: Workspace, answer: Answer) -> None:
    opened.faults.before(answer, method="POST", path="/batch/people")
    outcomes, requests = written(opened, [create({"first_name": f"Ann{n}"}) for n in range(10)])
    assert (statuses(outcomes), requests) == ({Status.WRITTEN}, 3)


def test_a_value_that_the_database_cannot_hold_is_refused(opened: Workspace) -> None:
    bad = create({"llm_context/x": '"a\\u0000b"'})
    outcomes, _ = written(opened, [create({"first_name": "Ann"}), bad, create({"first_name": "Beate"})])
    assert outcomes.pop(bad.native_id).status is Status.REFUSED
    assert statuses(outcomes) == {Status.WRITTEN}


def test_a_country_that_twenty_infers_otherwise_is_left_to_it(opened: Workspace) -> None:
    conflict = {"statusCode": 400, "messages": ["…conflicting"], "code": "CONFLICTING_PHONE_COUNTRY_CODE"}
    row = read_one(opened.twenty, opened.outside.insert(person(1)))
    opened.faults.before(Answer(400, conflict), method="PATCH")
    opened.faults.before(Answer(400, conflict), method="POST")
    number = {"primary_phone": "+447911123456"}
    for write in (patch(row, number), create(number)):
        outcome = write_one(opened.twenty, write)
        assert outcome.row is not None and outcome.row.values["primary_phone"] == number["primary_phone"]


def test_a_field_that_the_workspace_lacks_is_refused_without_asking() -> None:
    with workspace(initialised=False) as opened:
        row = rows_of(opened, 1)[0]
        outcomes, requests = written(opened, [patch(row, {"city": "Bern", "first_name": "Ann"})])
        (outcome,) = outcomes.values()
        assert (outcome.status, outcome.field, requests) == (Status.REFUSED, "city", 0)
        assert "init" in outcome.message


# Deletes that empty a row on its way


def emptied(rows: Sequence[NativeRow]) -> list[Write]:
    return [patch(row, {"primary_email": None}, WriteKind.DELETE) for row in rows]


@pytest.mark.parametrize(("count", "cost"), [(1, 3), (2, 4), (60, 3), (120, 4)])
def test_emptying_deletes_cost_a_read_and_an_edit_more(opened: Workspace, count: int, cost: int) -> None:
    outcomes, requests = written(opened, emptied(rows_of(opened, count)))
    assert (statuses(outcomes), requests) == ({Status.WRITTEN}, cost)


def test_a_delete_takes_from_a_composite_only_what_it_is_told(opened: Workspace) -> None:
    row = write_one(
        opened.twenty, create({"primary_email": "ann@example.com", "other_emails/b@example.com": "true"})
    ).row
    assert row is not None
    (outcome,) = opened.twenty.write(emptied([row]))
    assert outcome.row is not None and outcome.row.values == {"other_emails/b@example.com": "true"}


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("effect", ["before", "after"])
def test_a_break_between_emptying_and_deleting_is_mended_by_the_next_try(
    opened: Workspace, effect: str, count: int
) -> None:
    writes = emptied(rows_of(opened, count))
    breaks = opened.faults.before if effect == "before" else opened.faults.after
    breaks(Answer(503), method="DELETE", times=20)
    outcomes, _ = written(opened, writes)
    assert statuses(outcomes) == {Status.UNKNOWN}
    opened.faults.clear()
    again, _ = written(opened, writes)
    assert statuses(again) == {Status.MOVED}
    rows = list(read_all(opened.twenty).values())
    assert {row.deleted for row in rows} == {effect == "after"}
    assert not any("primary_email" in row.values for row in rows)
    last, _ = written(opened, emptied(rows))
    assert statuses(last) == {Status.WRITTEN}
    assert all(row.deleted for row in read_all(opened.twenty).values())


def test_a_row_that_moves_between_emptying_and_deleting_stays(opened: Workspace) -> None:
    (row,) = rows_of(opened, 1)
    opened.line.meanwhile("DELETE", lambda: opened.outside.update(row.native_id, {"city": "Bern"}))
    outcomes, _ = written(opened, emptied([row]))
    assert statuses(outcomes) == {Status.MOVED}
    assert not read_one(opened.twenty, row.native_id).deleted


# Rows that are another by now


def test_a_row_that_vanishes_between_the_re_read_and_the_upsert_is_not_made_anew(opened: Workspace) -> None:
    rows = rows_of(opened, 5)
    opened.line.meanwhile("POST", lambda: opened.outside.hard_delete(rows[2].native_id))
    outcomes, _ = written(opened, [patch(row, {"city": "Bern"}) for row in rows])
    assert outcomes.pop(rows[2].native_id).status is Status.GONE
    assert statuses(outcomes) == {Status.WRITTEN}
    assert opened.outside.raw(rows[2].native_id) == {}


def test_a_patch_of_a_soft_deleted_row_does_not_revive_it(opened: Workspace) -> None:
    rows = rows_of(opened, 5)
    opened.outside.soft_delete(rows[0].native_id)
    rows[0] = read_one(opened.twenty, rows[0].native_id)
    outcomes, _ = written(opened, [patch(row, {"city": "Bern"}) for row in rows])
    assert statuses(outcomes) == {Status.WRITTEN}
    row = read_one(opened.twenty, rows[0].native_id)
    assert row.deleted and row.values["city"] == "Bern"


def test_a_row_that_was_deleted_meanwhile_is_neither_patched_nor_revived(opened: Workspace) -> None:
    for count in (1, 5):
        ids = opened.outside.insert_many([person(100 * count + number) for number in range(count)])
        rows = [row for page in opened.twenty.read_by_id(ids) for row in page]
        opened.outside.soft_delete(rows[0].native_id)
        outcomes, _ = written(opened, [patch(row, {"city": "Bern"}) for row in rows])
        assert outcomes[rows[0].native_id].status is Status.MOVED
        row = read_one(opened.twenty, rows[0].native_id)
        assert row.deleted and "city" not in row.values


def test_a_delete_of_a_row_already_deleted_is_done(opened: Workspace) -> None:
    (row,) = rows_of(opened, 1)
    opened.outside.soft_delete(row.native_id)
    deleted = read_one(opened.twenty, row.native_id)
    assert write_one(opened.twenty, patch(deleted, {}, WriteKind.DELETE)).status is Status.WRITTEN
    assert write_one(opened.twenty, patch(row, {}, WriteKind.DELETE)).status is Status.WRITTEN
    assert read_one(opened.twenty, row.native_id) == deleted
