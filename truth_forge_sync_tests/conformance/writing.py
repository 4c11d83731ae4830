"""Creating and patching, and leaving alone what is another row by now."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from truth_forge_sync.contact import field_of
from truth_forge_sync.systems.protocol import Status, System, WriteKind
from truth_forge_sync_tests.conformance.cases import (
    Cases,
    Outside,
    by_id,
    create,
    patch,
    person,
    read_all,
    read_one,
    rows_of,
    supported,
    write_one,
)
from truth_forge_sync_tests.conformance.round_trips import ROUND_TRIPS, RoundTrip


class Writing(Cases):
    """Cases of writing what stays."""

    # Creating

    def test_a_create_takes_the_chosen_id_and_the_contact_id(self, system: System, outside: Outside) -> None:
        write = create({"first_name": "Ann", "primary_email": "ann@example.com"})
        outcome = write_one(system, write)
        assert outcome.status is Status.WRITTEN and outcome.row is not None
        assert outcome.row == read_one(system, outcome.row.native_id)
        assert outcome.row.contact_id == write.contact_id
        assert outcome.row.values == write.target
        if system.capabilities.chooses_ids:
            assert outcome.row.native_id == write.native_id

    def test_a_retried_create_makes_no_second_row(self, system: System) -> None:
        writes = [create({"first_name": "Ann", "primary_email": f"ann{n}@example.com"}) for n in range(7)]
        first = {outcome.write.contact_id: outcome for outcome in system.write(writes[:5])}
        again = {outcome.write.contact_id: outcome for outcome in system.write(writes)}
        assert {outcome.status for outcome in [*first.values(), *again.values()]} == {Status.WRITTEN}
        for contact_id, outcome in first.items():
            assert again[contact_id].row == outcome.row
        assert len(read_all(system)) == len(writes)

    def test_a_contact_id_that_another_row_carries_is_refused(self, system: System) -> None:
        write = create({"first_name": "Ann", "primary_email": "ann@example.com"})
        write_one(system, write)
        twin = replace(write, native_id=str(uuid.uuid4()), changes={"primary_email": "other@example.com"})
        outcome = write_one(system, twin)
        if system.capabilities.chooses_ids:
            assert outcome.status is Status.REFUSED and outcome.message
            assert "example.com" not in outcome.message
        assert len(read_all(system)) == 1

    def test_an_address_of_another_row_is_refused_where_it_must_be_unique(self, system: System) -> None:
        assert self.unique_emails or not system.capabilities.unique_emails
        assert write_one(system, create({"primary_email": "ann@example.com"})).status is Status.WRITTEN
        outcome = write_one(system, create({"primary_email": "ann@example.com"}))
        assert outcome.status is (Status.REFUSED if self.unique_emails else Status.WRITTEN)
        assert "example.com" not in outcome.message

    # Patching

    def test_a_patch_touches_only_its_fields(self, system: System, outside: Outside) -> None:
        everything: dict[str, str | None] = {}
        for trip in ROUND_TRIPS:
            everything.update(supported(system, trip.values))
        created = write_one(system, create(everything)).row
        assert created is not None
        outcome = write_one(system, patch(created, {"first_name": "Beate"}))
        assert outcome.status is Status.WRITTEN and outcome.row is not None
        assert outcome.row.values == {**created.values, "first_name": "Beate"}
        assert self.held(system, outside, created.native_id) == outcome.row.values

    @pytest.mark.parametrize(
        "changes",
        [
            {"primary_email": "ann.new@example.com"},
            {"other_emails/new@example.com": "true"},
            {"primary_phone": "+12025550199"},
            {"other_phones/+33612345699": "true"},
            {"last_name": "New"},
            {"linkedin_url": "https://www.linkedin.com/in/ann-new"},
            {"organization": "New, Inc."},
            {"llm_context/new": "1"},
        ],
        ids=lambda changes: field_of(next(iter(changes))),
    )
    @pytest.mark.parametrize("each", [1, 4])
    def test_a_patch_of_one_part_of_a_composite_leaves_the_others(
        self, system: System, outside: Outside, each: int, changes: dict[str, str]
    ) -> None:
        whole = supported(
            system,
            {
                "first_name": "Ann",
                "last_name": "Example",
                "other_emails/a@example.com": "true",
                "other_emails/b@example.com": "true",
                "primary_phone": "+12025550123",
                "other_phones/+33612345678": "true",
                "linkedin_url": "https://www.linkedin.com/in/ann",
                "organization": "Old, Inc.",
                "llm_context/old": '{"deep":[1,2]}',
            },
        )
        creates = [create({**whole, "primary_email": f"ann{number}@example.com"}) for number in range(each)]
        rows = [outcome.row for outcome in system.write(creates) if outcome.row is not None]
        assert len(rows) == each
        wanted = {**supported(system, changes)}
        writes = [patch(rows[0], wanted), *(patch(row, {"first_name": "Beate"}) for row in rows[1:])]
        outcomes = {outcome.write.native_id: outcome for outcome in system.write(writes)}
        for write in writes:
            outcome = outcomes[write.native_id]
            assert outcome.status is Status.WRITTEN and outcome.row is not None
            assert outcome.row.values == write.target
            assert self.held(system, outside, write.native_id) == write.target

    def test_a_patch_does_not_tidy_up_what_it_was_not_asked_to(self, system: System, outside: Outside) -> None:
        ids = outside.insert_many([{**person(number), "job_title": "  Baker  "} for number in range(6)])
        before = {native_id: outside.read(native_id) for native_id in ids}
        rows = [row for page in system.read_by_id(ids) for row in page]
        assert {outcome.status for outcome in system.write([patch(row, {"first_name": "B"}) for row in rows])} == {
            Status.WRITTEN
        }
        for native_id in ids:
            was, now = before[native_id], outside.read(native_id)
            assert was is not None and now is not None
            assert (now["job_title"], now["first_name"]) == (was["job_title"], "B")

    def test_many_patches_of_different_fields_at_once(self, system: System, outside: Outside) -> None:
        ids = outside.insert_many([person(number) for number in range(40)])
        rows = [row for page in system.read_by_id(ids) for row in page]
        changes: list[dict[str, str | None]] = [
            {"first_name": "Beate"},
            {"last_name": None, "first_name": "Cleo"},
            {"last_name": "Durand"},
            {"first_name": None},
        ]
        writes = [patch(row, changes[index % len(changes)]) for index, row in enumerate(rows)]
        outcomes = list(system.write(writes))
        assert len(outcomes) == len(writes)
        for outcome in outcomes:
            assert outcome.status is Status.WRITTEN and outcome.row is not None
            assert outcome.row.values == outcome.write.target
            assert self.held(system, outside, outcome.row.native_id) == outcome.write.target

    def test_what_was_acknowledged_can_be_written_on(self, system: System) -> None:
        row = write_one(system, create({"first_name": "Ann", "primary_email": "ann@example.com"})).row
        for name in ("Beate", "Cleo", "Dora"):
            assert row is not None
            outcome = write_one(system, patch(row, {"first_name": name}))
            assert outcome.status is Status.WRITTEN
            row = outcome.row
        assert row is not None and row == read_one(system, row.native_id)
        assert row.values["first_name"] == "Dora"

    def test_a_patch_fills_in_a_missing_contact_id(self, system: System, outside: Outside) -> None:
        ids = outside.insert_many([person(number) for number in range(6)])
        rows = [row for page in system.read_by_id(ids) for row in page]
        assert {row.contact_id for row in rows} == {None}
        writes = [patch(row, {"first_name": "Beate"} if index % 2 else {}) for index, row in enumerate(rows)]
        assert {outcome.status for outcome in system.write(writes)} == {Status.WRITTEN}
        for write in writes:
            row = read_one(system, write.native_id)
            assert row.contact_id == write.contact_id
            assert row.values == write.target

    def test_a_patch_leaves_a_contact_id_alone(self, system: System) -> None:
        write = create({"first_name": "Ann", "primary_email": "ann@example.com"})
        row = write_one(system, write).row
        assert row is not None
        other = replace(patch(row, {"first_name": "Beate"}), contact_id=str(uuid.uuid4()))
        assert write_one(system, other).status is Status.WRITTEN
        assert read_one(system, row.native_id).contact_id == write.contact_id

    @pytest.mark.parametrize("trip", ROUND_TRIPS, ids=lambda trip: trip.name)
    def test_values_come_back_as_they_were_sent(self, system: System, outside: Outside, trip: RoundTrip) -> None:
        values = supported(system, trip.values)
        created = write_one(system, create(values)).row
        assert created is not None and created.values == values and not created.unread
        outside.hard_delete(created.native_id)  # some systems let only one row have an e-mail address
        bare = read_one(system, outside.insert(person(1)))
        patched = write_one(system, patch(bare, values)).row
        assert patched is not None and patched.values == {**bare.values, **values}
        assert self.held(system, outside, bare.native_id) == patched.values
        erased = write_one(system, patch(patched, dict.fromkeys(values))).row
        assert erased is not None and erased.values == {p: v for p, v in bare.values.items() if p not in values}
        assert self.held(system, outside, bare.native_id) == erased.values

    def test_a_list_or_object_loses_only_the_element_taken_out(self, system: System) -> None:
        values = supported(
            system,
            {
                "primary_email": "ann@example.com",
                "other_emails/a@example.com": "true",
                "other_emails/b@example.com": "true",
                "llm_context/kept": '{"deep":[1,2]}',
                "llm_context/dropped": "1",
            },
        )
        row = write_one(system, create(values)).row
        assert row is not None
        changes = supported(
            system, {"other_emails/a@example.com": None, "llm_context/dropped": None, "llm_context/new": "true"}
        )
        outcome = write_one(system, patch(row, changes))
        assert outcome.row is not None and outcome.row.values == outcome.write.target

    def test_empty_text_and_null_are_one(self, system: System, outside: Outside) -> None:
        native_id = outside.insert({**person(1), "job_title": "", "last_name": ""})
        row = read_one(system, native_id)
        assert "job_title" not in row.values and "last_name" not in row.values
        assert not row.unread

    @pytest.mark.parametrize("empty", [{}, None])
    def test_an_empty_object_and_null_are_one(
        self, system: System, outside: Outside, empty: dict[str, str] | None
    ) -> None:
        if "llm_context" not in system.fields():
            return
        row = read_one(system, outside.insert({**person(1), "llm_context": empty}))
        assert not {path for path in row.values if field_of(path) == "llm_context"} and not row.unread

    def test_the_order_of_json_keys_means_nothing(self, system: System, outside: Outside) -> None:
        if "llm_context" not in system.fields():
            return
        native_id = outside.insert({**person(1), "llm_context": {"b": {"y": 1, "x": [2, {"n": 3, "m": 4}]}, "a": 5}})
        first = read_one(system, native_id).values
        outside.update(native_id, {"llm_context": {"a": 5, "b": {"x": [2, {"m": 4, "n": 3}], "y": 1}}})
        assert read_one(system, native_id).values == first
        assert first["llm_context/a"] == "5"

    # Compare and swap

    @pytest.mark.parametrize(
        ("kind", "changes"),
        [
            (WriteKind.PATCH, {"first_name": "Overwritten"}),
            (WriteKind.DELETE, {}),
            (WriteKind.DELETE, {"primary_email": None}),
        ],
    )
    def test_a_row_that_moved_is_left_alone(
        self, system: System, outside: Outside, kind: WriteKind, changes: dict[str, str | None]
    ) -> None:
        native_id = outside.insert(person(1))
        stale = read_one(system, native_id)
        self.pause()
        outside.update(native_id, {"last_name": "Moved"})
        moved = read_one(system, native_id)
        outcome = write_one(system, patch(stale, changes, kind))
        assert outcome.status is Status.MOVED
        assert read_one(system, native_id) == moved

    @pytest.mark.parametrize("kind", [WriteKind.PATCH, WriteKind.DELETE, WriteKind.RESTORE])
    def test_a_row_that_vanished_is_not_made_again(self, system: System, outside: Outside, kind: WriteKind) -> None:
        native_id = outside.insert(person(1))
        stale = read_one(system, native_id)
        outside.hard_delete(native_id)
        outcome = write_one(system, patch(stale, {"first_name": "Ghost"}, kind))
        assert outcome.status is Status.GONE
        assert outside.read(native_id) is None

    @pytest.mark.parametrize("each", [1, 12])
    def test_refused_and_vanished_rows_harm_no_good_one(self, system: System, outside: Outside, each: int) -> None:
        assert self.unique_emails, "here the refusal of a value is that of an address which another row holds"
        address = "held@example.com"
        assert write_one(system, create({"primary_email": address})).status is Status.WRITTEN
        ids = outside.insert_many([person(number) for number in range(1, 1 + 3 * each)])
        rows = by_id(rows_of(system, ids))
        good, vanished, refused = (ids[start::3] for start in range(3))
        for native_id in vanished:
            outside.hard_delete(native_id)
        new = [create({"first_name": "New", "primary_email": f"new{number}@example.com"}) for number in range(each)]
        twins = [create({"first_name": "New", "primary_email": address}) for _ in range(each)]
        edits = [patch(rows[native_id], {"first_name": "Edited"}) for native_id in (*good, *vanished)]
        clashes = [patch(rows[native_id], {"first_name": "Edited", "primary_email": address}) for native_id in refused]
        mixed = [write for group in zip(new, twins, clashes, strict=True) for write in group]

        outcomes = list(system.write([*mixed, *edits]))

        statuses = {outcome.write.native_id: outcome.status for outcome in outcomes}
        expected = dict.fromkeys([*good, *(write.native_id for write in new)], Status.WRITTEN)
        expected |= dict.fromkeys(vanished, Status.GONE)
        expected |= dict.fromkeys([*refused, *(write.native_id for write in twins)], Status.REFUSED)
        assert len(outcomes) == len(statuses) and statuses == expected
        said = {outcome.message for outcome in outcomes if outcome.status is Status.REFUSED}
        assert all(said) and "example.com" not in " ".join(said)
        assert {row.native_id: row for row in rows_of(system, refused)} == {key: rows[key] for key in refused}

    @pytest.mark.parametrize("each", [1, 12])
    def test_each_write_of_a_mixed_batch_has_its_own_outcome(self, system: System, outside: Outside, each: int) -> None:
        ids = outside.insert_many([person(number) for number in range(4 * each)])
        rows = {row.native_id: row for page in system.read_by_id(ids) for row in page}
        good, moved, vanished, deleted = (ids[start::4] for start in range(4))
        self.pause()
        for native_id in moved:
            outside.update(native_id, {"last_name": "Moved"})
        for native_id in vanished:
            outside.hard_delete(native_id)
        taken = write_one(system, create({"primary_email": "taken@example.com"}))
        twins = [create({"first_name": f"Twin{n}"}, taken.write.contact_id) for n in range(each)]
        twins = [replace(twin, native_id=str(uuid.uuid4())) for twin in twins]
        created = [create({"first_name": f"New{n}", "primary_email": f"new{n}@example.com"}) for n in range(each)]
        edited = [patch(rows[native_id], {"first_name": "Edited"}) for native_id in (*good, *moved, *vanished)]
        removed = [patch(rows[native_id], {}, WriteKind.DELETE) for native_id in deleted]
        writes = [write for group in zip(created, twins, strict=True) for write in group] + edited + removed

        statuses = [(outcome.write.native_id, outcome.status) for outcome in system.write(writes)]

        assert len(statuses) == len(writes)
        expected = dict.fromkeys([w.native_id for w in (*created, *removed)] + good, Status.WRITTEN)
        expected |= dict.fromkeys(moved, Status.MOVED) | dict.fromkeys(vanished, Status.GONE)
        if system.capabilities.chooses_ids:
            expected |= {twin.native_id: Status.REFUSED for twin in twins}
            assert dict(statuses) == expected
        names = {native_id: (self.held(system, outside, native_id) or {}).get("first_name") for native_id in ids}
        assert {names[native_id] for native_id in good} == {"Edited"}
        assert "Edited" not in {names[native_id] for native_id in (*moved, *vanished)}
        assert all(row.deleted for page in system.read_by_id(deleted) for row in page)
