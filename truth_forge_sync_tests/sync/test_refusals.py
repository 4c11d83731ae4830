"""Law 10: a value that a system refuses waits alone; the row's other fields and the other rows go on."""

from __future__ import annotations

import pytest

from truth_forge_sync.sync import push
from truth_forge_sync.sync.isolate import Allowance
from truth_forge_sync.systems.protocol import Write
from truth_forge_sync_tests.sync.people import ANN, crowd, living, named, only
from truth_forge_sync_tests.world import World

FULL = {
    **ANN, "city": "bad", "job_title": "Chair", "notes": "n", "department": "d", "nickname": "nick",
    "other_emails/a@x.com": "true", "other_emails/bad@x.com": "true", "llm_context/k": "1",
}  # fmt: skip


def picky(path: str, value: str | None) -> str | None:
    """What the local database of these tests does not take."""
    return "value out of range" if value == "bad" or path.endswith("bad@x.com") else None


@pytest.fixture(params=[False, True], ids=["unnamed", "named"])
def world(world: World, request: pytest.FixtureRequest) -> World:
    world.local.refuses = picky
    world.local.names_field = request.param
    return world


def parked(world: World) -> set[str]:
    return {row["path"] for row in world.sql("SELECT path FROM identity.sync_errors WHERE status <> 'resolved'")}


def an_hour_passes(world: World) -> None:
    world.edit_hub(
        "UPDATE identity.sync_errors SET next_attempt_at = TIMESTAMP_SUB(next_attempt_at, INTERVAL 1 HOUR) WHERE TRUE"
    )


def test_a_create_goes_through_without_the_refused_values(world: World) -> None:
    world.twenty.put("t-1", FULL)
    world.settle()
    refused = {"city"} | {path for path in FULL if path.startswith("other_emails/") and world.local.names_field}
    refused |= {"other_emails/bad@x.com"}
    stored = {path for path in FULL if picky(path, FULL[path]) is None}
    assert stored - refused <= set(only(world.local).values)
    assert parked(world) >= {"city", "other_emails/bad@x.com"}
    assert "city" not in only(world.local).values
    assert only(world.supabase).values == FULL, "the other systems have all of it"


def test_a_patch_goes_through_without_the_refused_value(world: World) -> None:
    world.twenty.put("t-1", ANN)
    world.settle()
    world.twenty.put("t-1", {"city": "bad", "job_title": "Chair", "notes": "n"})
    world.settle()
    assert {"job_title": "Chair", "notes": "n"}.items() <= only(world.local).values.items()
    (error,) = world.sql("SELECT system, field, message, attempts, status FROM identity.sync_errors")
    assert error == {
        "system": "local", "field": "city", "message": "value out of range", "attempts": 1, "status": "parked",
    }  # fmt: skip


def test_the_other_rows_of_a_batch_are_not_held_up(world: World) -> None:
    for native_id, person in crowd(30).items():
        world.twenty.put(native_id, {**person, "city": "bad" if native_id == "n-007" else "Oslo"})
    world.settle()
    assert len(living(world.local)) == 30
    assert "city" not in named(world.local, "Person 7").values
    assert named(world.local, "Person 8").values["city"] == "Oslo"


def test_a_parked_value_is_tried_again_ever_more_rarely(world: World) -> None:
    world.twenty.put("t-1", {**ANN, "city": "bad"})
    world.settle()
    waits = []
    for attempts in range(1, 5):
        before = world.local.requests
        world.cycle()
        assert world.local.requests == before + 1, "before its time only the marker is asked for"
        (error,) = world.sql(
            "SELECT attempts, TIMESTAMP_DIFF(next_attempt_at, last_attempt_at, MINUTE) AS wait "
            "FROM identity.sync_errors"
        )
        assert error["attempts"] == attempts
        waits.append(error["wait"])
        world.edit_hub("UPDATE identity.sync_errors SET next_attempt_at = last_attempt_at WHERE TRUE")
        world.cycle()
    assert waits == [5, 10, 20, 40]


def test_a_system_that_changed_its_mind_gets_the_value(world: World) -> None:
    world.twenty.put("t-1", {**ANN, "city": "bad"})
    world.settle()
    world.local.refuses = lambda _path, _value: None
    world.settle()
    assert "city" not in only(world.local).values, "it is not yet time"
    an_hour_passes(world)
    world.settle()
    world.assert_aligned()
    assert parked(world) == set()


def test_a_value_that_was_corrected_does_not_wait(world: World) -> None:
    world.twenty.put("t-1", {**ANN, "city": "bad"})
    world.settle()
    world.twenty.put("t-1", {"city": "good"})
    world.settle()
    world.assert_aligned()
    assert parked(world) == set()


def test_a_value_that_was_withdrawn_is_no_longer_refused(world: World) -> None:
    world.twenty.put("t-1", {**ANN, "city": "bad"})
    world.settle()
    world.twenty.put("t-1", {"city": None})
    world.settle()
    world.assert_aligned()
    assert parked(world) == set()


def test_another_field_of_a_row_with_a_parked_value_goes_on(world: World) -> None:
    world.twenty.put("t-1", {**ANN, "city": "bad"})
    world.settle()
    world.twenty.put("t-1", {"notes": "more"})
    world.supabase.put(only(world.supabase).native_id, {"nickname": "Annie"})
    world.settle()
    assert {"notes": "more", "nickname": "Annie"}.items() <= only(world.local).values.items()
    assert parked(world) == {"city"}


def test_a_delete_and_a_restore_may_be_refused_too(world: World) -> None:
    world.twenty.put("t-1", ANN)
    world.settle()
    write, refusing = world.local._written, True

    def guarded(asked: Write) -> object:
        from truth_forge_sync.systems.contacts_table import refused

        return refused(asked, "not allowed") if refusing and asked.kind in ("delete", "restore") else write(asked)

    world.local._written = guarded  # type: ignore[method-assign, assignment]
    world.twenty.soft_delete("t-1")
    world.settle()
    assert not only(world.local).deleted
    assert parked(world) == {"deleted"}
    refusing = False
    an_hour_passes(world)
    world.settle()
    assert only(world.local).deleted
    refusing = True
    world.twenty.restore("t-1")
    world.twenty.put("t-1", {"city": "Oslo"})
    world.settle()
    assert only(world.local).deleted
    refusing = False
    an_hour_passes(world)
    world.settle()
    world.assert_aligned()
    assert only(world.local).values["city"] == "Oslo"


def test_a_unique_e_mail_that_another_row_holds_is_parked_alone(world: World) -> None:
    """Two contacts may share an e-mail; a system that wants it unique can't hold both."""
    world.local.unique_emails = True
    world.twenty.put("t-1", {"first_name": "Ann", "primary_email": "info@example.com"})
    world.twenty.put("t-2", {"first_name": "Bo", "primary_email": "info@example.com", "city": "Oslo"})
    world.settle()
    assert living(world.local) == {"Ann", "Bo"}
    assert parked(world) == {"primary_email"}
    assert {row.values.get("primary_email") for row in world.local.rows.values()} == {None, "info@example.com"}


def test_a_crowd_of_refusals_is_worked_off_over_several_cycles(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "Allowance", lambda: Allowance(7))
    for native_id, person in crowd(6).items():
        world.twenty.put(native_id, {**person, "city": "bad"})
    for _ in range(12):
        world.cycle()
    assert len(living(world.local)) == 6
    assert not world.cycle().writes


def test_a_system_that_goes_down_while_a_refusal_is_isolated_loses_nothing(world: World) -> None:
    world.twenty.put("t-1", FULL)
    world.cycle()
    calls = 0
    write = world.local.write

    def flaky(writes: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 3:
            world.local.down = True
        return write(writes)  # type: ignore[arg-type]

    world.local.write = flaky  # type: ignore[method-assign, assignment]
    world.twenty.put("t-1", {path: None if path == "notes" else value for path, value in FULL.items()})
    world.cycle()
    world.local.down = False
    world.settle()
    stored = {path: value for path, value in FULL.items() if picky(path, value) is None and path != "notes"}
    if world.local.names_field:
        stored = {path: value for path, value in stored.items() if not path.startswith("other_emails/")}
    assert stored.items() <= only(world.local).values.items()
