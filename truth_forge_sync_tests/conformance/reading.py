"""Reading: every row, once it is there and once it is gone; the marker; the clock; setting up."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from truth_forge_sync.contact import FIELD
from truth_forge_sync.systems.protocol import System, Window
from truth_forge_sync_tests.conformance.cases import (
    LATE_COMMITS,
    Cases,
    Opened,
    Outside,
    needs,
    person,
    read_all,
    read_one,
    stepped,
)


class Reading(Cases):
    """Cases of reading."""

    # Reading

    def test_an_empty_system_reads_empty(self, system: System) -> None:
        assert read_all(system) == {}
        assert list(system.read_by_id([])) == []

    def test_its_fields_are_contact_fields(self, system: System) -> None:
        assert {"first_name", "last_name", "primary_email"} <= system.fields() <= set(FIELD)

    def test_its_card_is_the_one_it_is_known_by(self, system: System) -> None:
        assert system.capabilities == self.card

    def test_every_row_is_read_when_all_share_one_stamp(self, system: System, outside: Outside) -> None:
        ids = set(outside.insert_many([person(number) for number in range(self.tied_rows)]))
        rows = read_all(system)
        assert len(ids) == self.tied_rows
        assert set(rows) == ids
        stamps = sorted(row.changed_at for row in rows.values())
        middle = stamps[len(stamps) // 2]
        again = read_all(system, Window(since=middle))
        assert set(again) == {row.native_id for row in rows.values() if row.changed_at >= middle}

    def test_rows_are_read_by_id_and_unknown_ids_are_left_out(self, system: System, outside: Outside) -> None:
        ids = outside.insert_many([person(number) for number in range(450)])
        pages = list(system.read_by_id([*ids, str(uuid.uuid4())]))
        found = [row.native_id for page in pages for row in page]
        assert sorted(found) == sorted(ids)
        assert read_all(system)[ids[7]] == read_one(system, ids[7])

    def test_no_row_is_lost_when_rows_are_edited_while_paging(self, system: System, outside: Outside) -> None:
        ids = outside.insert_many([person(number) for number in range(system.capabilities.read_page + 100)])
        pages = iter(system.read_changed(Window()))
        first = next(pages)
        seen = {row.native_id for row in first}
        ahead = [native_id for native_id in ids if native_id not in seen][:3]
        for native_id in (first[0].native_id, first[-1].native_id, *ahead):
            outside.update(native_id, {"job_title": "Edited meanwhile"})
        seen.update(row.native_id for page in pages for row in page)
        assert set(ids) <= seen
        last_stamp = max(row.changed_at for row in first)
        later = read_all(system, Window(since=last_stamp))
        for native_id in (first[0].native_id, first[-1].native_id, *ahead):
            assert later[native_id].values["job_title"] == "Edited meanwhile"

    @needs(LATE_COMMITS)
    def test_a_row_that_is_committed_late_is_found_by_the_overlap(
        self, opened: Opened, system: System, outside: Outside
    ) -> None:
        assert opened.begin is not None, "the fixture 'opened' gives it, or 'without' says why there is none"
        with opened.begin(person(1)) as late:
            self.pause()
            early = outside.insert(person(2))
            rows = read_all(system)
            assert set(rows) == {early}
        watermark = rows[early].changed_at
        row = read_one(system, late)
        assert row.changed_at < watermark
        assert late in read_all(system, Window(since=watermark - system.capabilities.settle))

    def test_a_window_is_closed_below_and_open_above(self, system: System, outside: Outside) -> None:
        ids = []
        for number in range(3):
            ids.append(outside.insert(person(number)))
            self.pause()
        early, middle, late = ids
        stamp = read_one(system, middle).changed_at
        assert set(read_all(system, Window(since=stamp))) == {middle, late}
        assert set(read_all(system, Window(until=stamp))) == {early}
        assert set(read_all(system, Window(stamp, stamp + system.capabilities.precision))) == {middle}

    def test_stamps_are_recent_and_in_utc(self, system: System, outside: Outside) -> None:
        row = read_one(system, outside.insert(person(1)))
        assert row.changed_at.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - row.changed_at) < timedelta(minutes=1)
        assert row.changed_at == stepped(row.changed_at, system.capabilities.precision)

    def test_the_version_changes_with_every_edit_and_only_then(self, system: System, outside: Outside) -> None:
        native_id = outside.insert(person(1))
        first = read_one(system, native_id)
        assert read_one(system, native_id) == first
        self.pause()
        outside.update(native_id, {"job_title": "Baker"})
        second = read_one(system, native_id)
        assert second.version != first.version
        assert second.changed_at > first.changed_at

    # Deletes

    def test_a_soft_delete_is_found(self, system: System, outside: Outside) -> None:
        native_id = outside.insert(person(1))
        before = read_one(system, native_id)
        self.pause()
        outside.soft_delete(native_id)
        rows = read_all(system, Window(since=before.changed_at + system.capabilities.precision))
        assert (rows[native_id].deleted, rows[native_id].gone) == (True, False)
        assert read_one(system, native_id).deleted

    def test_a_restored_row_is_found(self, system: System, outside: Outside) -> None:
        native_id = outside.insert(person(1))
        outside.soft_delete(native_id)
        deleted = read_one(system, native_id)
        self.pause()
        outside.restore(native_id)
        rows = read_all(system, Window(since=deleted.changed_at + system.capabilities.precision))
        assert not rows[native_id].deleted and rows[native_id].version != deleted.version
        assert read_one(system, native_id) == rows[native_id]

    def test_a_hard_deleted_row_is_not_there(self, system: System, outside: Outside) -> None:
        native_id = outside.insert(person(1))
        kept = outside.insert(person(2))
        outside.hard_delete(native_id)
        assert [row.native_id for page in system.read_by_id([native_id, kept]) for row in page] == [kept]
        assert native_id not in {key for key, row in read_all(system).items() if not row.gone}

    @needs("finds_hard_deletes")
    def test_a_hard_delete_is_met_among_the_changes(self, system: System, outside: Outside) -> None:
        native_id = outside.insert(person(1))
        before = read_one(system, native_id)
        self.pause()
        outside.hard_delete(native_id)
        rows = read_all(system, Window(since=before.changed_at + system.capabilities.precision))
        assert (rows[native_id].deleted, rows[native_id].gone) == (True, True)

    # The marker

    def test_the_marker_changes_with_every_kind_of_edit_and_only_then(self, system: System, outside: Outside) -> None:
        markers = [system.marker()]

        def changed() -> None:
            markers.append(system.marker())
            assert system.marker() == markers[-1]
            self.pause()

        older, newer = outside.insert(person(1)), outside.insert(person(2))
        changed()
        outside.update(older, {"job_title": "Baker"})
        changed()
        outside.soft_delete(newer)
        changed()
        outside.restore(newer)
        changed()
        outside.hard_delete(older)
        changed()
        assert len(set(markers)) == len(markers)

    # The clock

    def test_a_clock_that_goes_right_has_no_offset(self, system: System, outside: Outside) -> None:
        before = system.requests
        assert system.clock_offset == timedelta(0)
        assert system.requests == before
        native_id = outside.insert(person(1))
        assert read_one(system, native_id) and system.marker() and read_all(system)
        assert system.clock_offset == timedelta(0)

    # Setting up

    def test_setting_up_again_finds_nothing_to_do(self, system: System, outside: Outside) -> None:
        native_id = outside.insert(person(1))
        before = read_one(system, native_id)
        assert list(system.init(dry_run=True)) == []
        assert list(system.init()) == []
        assert read_one(system, native_id) == before

    def test_requests_are_counted(self, system: System) -> None:
        before = system.requests
        system.marker()
        assert before < system.requests <= before + 2
