"""Deleting, with or without emptying, and restoring."""

from __future__ import annotations

import pytest

from truth_forge_sync.systems.protocol import Status, System, WriteKind
from truth_forge_sync_tests.conformance.cases import (
    Cases,
    Outside,
    by_id,
    create,
    needs,
    patch,
    person,
    read_one,
    rows_of,
    write_one,
)


class Deleting(Cases):
    """Cases of writing what goes, and of bringing it back."""

    def test_a_delete_hides_the_row_and_a_restore_brings_it_back(self, system: System, outside: Outside) -> None:
        ids = outside.insert_many([person(number) for number in range(8)])
        rows = [row for page in system.read_by_id(ids) for row in page]
        gone = list(system.write([patch(row, {}, WriteKind.DELETE) for row in rows]))
        assert {outcome.status for outcome in gone} == {Status.WRITTEN}
        if not system.capabilities.soft_delete:
            assert list(system.read_by_id(ids)) == []
            return
        deleted = [outcome.row for outcome in gone if outcome.row is not None]
        assert len(deleted) == len(ids) and all(row.deleted and not row.gone for row in deleted)
        assert {row.native_id: row for page in system.read_by_id(ids) for row in page} == by_id(deleted)
        back = list(system.write([patch(row, {"first_name": "Back"}, WriteKind.RESTORE) for row in deleted]))
        assert {outcome.status for outcome in back} == {Status.WRITTEN}
        restored = by_id(row for page in system.read_by_id(ids) for row in page)
        assert set(restored) == set(ids)
        for outcome in back:
            row = restored[outcome.write.native_id]
            assert outcome.row == row and not row.deleted and row.values == outcome.write.target

    @pytest.mark.parametrize("count", [1, 8])
    def test_a_delete_may_empty_fields_on_its_way_and_frees_what_must_be_unique(
        self, system: System, outside: Outside, count: int
    ) -> None:
        rows = rows_of(system, outside.insert_many([person(number) for number in range(count)]))
        writes = [patch(row, {"primary_email": None}, WriteKind.DELETE) for row in rows]
        outcomes = list(system.write(writes))
        assert {id(outcome.write) for outcome in outcomes} == {id(write) for write in writes}
        assert {outcome.status for outcome in outcomes} == {Status.WRITTEN}
        if system.capabilities.soft_delete:
            kept = by_id(rows_of(system, [row.native_id for row in rows]))
            assert {outcome.write.native_id: outcome.row for outcome in outcomes} == kept
            assert all(row.deleted and not row.gone for row in kept.values())
            assert {write.native_id: write.target for write in writes} == {key: row.values for key, row in kept.items()}
        heirs = [create({"primary_email": row.values["primary_email"]}) for row in rows]
        assert {outcome.status for outcome in system.write(heirs)} == {Status.WRITTEN}

    @needs("soft_delete")
    def test_a_row_that_is_deleted_already_may_be_emptied(self, system: System, outside: Outside) -> None:
        native_id = outside.insert(person(1))
        outside.soft_delete(native_id)
        deleted = read_one(system, native_id)
        if self.unique_emails and self.trash_holds_emails:
            heir = write_one(system, create({"primary_email": deleted.values["primary_email"]}))
            assert heir.status is Status.REFUSED
            assert "example.com" not in heir.message
        outcome = write_one(system, patch(deleted, {"primary_email": None}, WriteKind.DELETE))
        assert outcome.status is Status.WRITTEN
        assert outcome.row == read_one(system, native_id)
        assert outcome.row is not None and outcome.row.deleted and outcome.row.values == outcome.write.target
        heir = write_one(system, create({"primary_email": deleted.values["primary_email"]}))
        assert heir.status is Status.WRITTEN

    @pytest.mark.parametrize("count", [1, 8])
    def test_what_a_delete_frees_may_be_taken_in_the_same_call(
        self, system: System, outside: Outside, count: int
    ) -> None:
        rows = rows_of(system, outside.insert_many([person(number) for number in range(3 * count)]))
        leaving, moving, staying = rows[:count], rows[count : 2 * count], rows[2 * count :]
        writes = [create({"primary_email": row.values["primary_email"]}) for row in moving]
        writes += [
            patch(row, {"primary_email": left.values["primary_email"]})
            for row, left in zip(staying, leaving, strict=True)
        ]
        writes += [patch(row, {"primary_email": None}, WriteKind.DELETE) for row in (*leaving, *moving)]
        outcomes = list(system.write(writes))
        assert len(outcomes) == len(writes)
        assert {outcome.status for outcome in outcomes} == {Status.WRITTEN}
        for outcome in outcomes:
            assert outcome.row is None or outcome.row.values == outcome.write.target

    @needs("soft_delete")
    def test_a_deleted_row_that_moved_is_not_restored(self, system: System, outside: Outside) -> None:
        native_id = outside.insert(person(1))
        outside.soft_delete(native_id)
        stale = read_one(system, native_id)
        self.pause()
        outside.restore(native_id)
        outside.soft_delete(native_id)
        moved = read_one(system, native_id)
        outcome = write_one(system, patch(stale, {"first_name": "Back"}, WriteKind.RESTORE))
        assert outcome.status is Status.MOVED
        assert read_one(system, native_id) == moved

    @needs("soft_delete")
    def test_deleting_and_restoring_in_one_call_do_not_mix(self, system: System, outside: Outside) -> None:
        made = list(system.write([create({"first_name": f"Ann{number}"}) for number in range(4)]))
        ids = [outcome.row.native_id for outcome in made if outcome.row]
        for native_id in ids[:2]:
            outside.soft_delete(native_id)
        rows = by_id(rows_of(system, ids))
        writes = [patch(rows[native_id], {}, WriteKind.RESTORE) for native_id in ids[:2]]
        writes += [patch(rows[native_id], {}, WriteKind.DELETE) for native_id in ids[2:]]
        assert {outcome.status for outcome in system.write(writes)} == {Status.WRITTEN}
        assert {row.native_id for row in rows_of(system, ids) if row.deleted} == set(ids[2:])
