"""Law 14: what would delete or empty too much at once waits for a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truth_forge_sync_tests.sync.people import crowd, living
from truth_forge_sync_tests.world import World

SIZE = 12


@pytest.fixture
def world(world: World) -> World:
    """Twelve people everywhere; the brake holds more than three losses that are more than a quarter."""
    world.rules = replace(world.rules, loss_limit_count=3, loss_limit_percent=25)
    for native_id, person in crowd(SIZE).items():
        world.twenty.put(native_id, person)
    world.settle()
    return world


def lose(world: World, count: int, how: str = "delete") -> None:
    for native_id in list(world.twenty.rows)[:count]:
        if how == "delete":
            world.twenty.soft_delete(native_id)
        else:
            world.twenty.put(native_id, {"city": None})


@pytest.mark.parametrize("how", ["delete", "empty"])
def test_a_few_losses_pass(world: World, how: str) -> None:
    lose(world, 3, how)
    world.settle()
    world.assert_aligned()
    cities = [row.values.get("city") for row in world.local.rows.values() if not row.deleted]
    assert (len(cities), cities.count(None)) == ((SIZE - 3, 0) if how == "delete" else (SIZE, 3))


@pytest.mark.parametrize("percent", [33, 34])
def test_many_losses_pass_where_they_are_a_small_share(world: World, percent: float) -> None:
    world.rules = replace(world.rules, loss_limit_percent=percent)
    lose(world, 4)
    world.settle()
    assert len(living(world.local)) == (SIZE if percent < 100 * 4 / SIZE else SIZE - 4)


@pytest.mark.parametrize("how", ["delete", "empty"])
def test_too_many_losses_wait_and_nothing_else_does(world: World, how: str) -> None:
    lose(world, 4, how)
    last = list(world.twenty.rows)[-1]
    world.twenty.put(last, {"job_title": "Chair"})
    done = world.cycle()
    world.settle()
    assert done.reconciled.held == {"twenty": 4}
    assert len(living(world.local)) == SIZE
    assert all(row.values["city"] == "Oslo" for row in world.local.rows.values())
    assert {row.values.get("job_title") for row in world.local.rows.values()} == {None, "Chair"}
    assert not world.cycle().writes, "waiting is quiet"


def test_while_some_wait_our_own_writes_to_others_are_no_news(world: World, statements: list[str]) -> None:
    lose(world, 4)
    world.settle()
    world.twenty.put(list(world.twenty.rows)[-1], {"job_title": "Chair"})
    world.cycle()
    statements.clear()
    assert world.cycle().pulled["supabase"].rows
    assert statements
    assert not any("sync_plan_" in statement for statement in statements)


@pytest.mark.parametrize("how", ["delete", "empty"])
def test_what_comes_back_as_it_was_waits_no_longer(world: World, how: str) -> None:
    """Without a word: no tombstone, no new version."""
    rows = world.twenty.rows
    as_they_were = dict(list(rows.items())[:4])
    for native_id, row in as_they_were.items():
        if how == "delete":
            del rows[native_id]
        else:
            rows[native_id] = replace(row, values={path: held for path, held in row.values.items() if path != "city"})
    world.sweep()
    assert world.hub.state().holds["twenty"].contacts == 4
    rows.update(as_they_were)
    world.sweep()
    assert world.sql("SELECT * FROM identity.sync_holds") == []
    assert not world.cycle().writes
    world.assert_aligned()


@pytest.mark.parametrize("how", ["delete", "empty"])
def test_what_a_person_allows_goes_through(world: World, how: str) -> None:
    lose(world, 4, how)
    world.settle()
    world.rules = replace(world.rules, allowed_losses=3)
    world.cycle()
    assert len(living(world.local)) == SIZE, "a ceiling below what waits allows nothing"
    world.rules = replace(world.rules, allowed_losses=4)
    world.settle()
    world.assert_aligned()
    cities = [row.values.get("city") for row in world.local.rows.values() if not row.deleted]
    assert (len(cities), cities.count(None)) == ((SIZE - 4, 0) if how == "delete" else (SIZE, 4))
    assert world.sql("SELECT COUNT(*) AS n FROM identity.sync_holds") == [{"n": 0}]


@pytest.mark.parametrize("how", ["delete", "empty"])
def test_what_a_person_rejects_is_written_back(world: World, how: str) -> None:
    lose(world, 4, how)
    world.settle()
    world.edit_hub("UPDATE identity.sync_holds SET status = 'rejected' WHERE TRUE")
    world.settle()
    world.assert_aligned()
    assert len(living(world.twenty)) == SIZE
    assert all(row.values["city"] == "Oslo" for row in world.twenty.rows.values())
    assert world.sql("SELECT COUNT(*) AS n FROM identity.sync_holds") == [{"n": 0}]


def test_losses_that_come_drop_by_drop_while_others_wait_are_held_too(world: World) -> None:
    lose(world, 4)
    world.cycle()
    world.twenty.soft_delete(list(world.twenty.rows)[4])
    world.local.soft_delete(next(iter(world.local.rows)))
    world.settle()
    assert world.cycle().reconciled.held == {"twenty": 5}
    assert len(living(world.supabase)) == SIZE - 1, "the brake of one system is not that of another"


def test_somebody_who_undoes_the_losses_needs_no_approval(world: World) -> None:
    lose(world, 4)
    world.cycle()
    for native_id in list(world.twenty.rows)[:4]:
        world.twenty.restore(native_id)
    world.settle()
    world.assert_aligned()
    assert len(living(world.local)) == SIZE
    assert world.sql("SELECT COUNT(*) AS n FROM identity.sync_holds") == [{"n": 0}]


def test_an_edit_elsewhere_of_a_contact_whose_delete_waits_outlives_it(world: World) -> None:
    lose(world, 4)
    world.cycle()
    native_id = next(iter(world.twenty.rows))
    name = world.twenty.rows[native_id].values["first_name"]
    row = next(row for row in world.local.rows.values() if row.values["first_name"] == name)
    world.local.put(row.native_id, {"notes": "still here"})
    world.settle()
    assert world.twenty.rows[native_id].deleted, "nothing is written to a row whose delete waits"
    world.rules = replace(world.rules, allowed_losses=4)
    world.settle()
    world.assert_aligned()
    assert name in living(world.twenty)
    assert len(living(world.twenty)) == SIZE - 3


def test_a_table_that_was_emptied_by_sql_waits(world: World) -> None:
    world.edit_hub("DELETE FROM identity.contacts_master WHERE TRUE")
    world.settle()
    assert len(living(world.local)) == SIZE
    world.edit_hub("UPDATE identity.sync_holds SET status = 'rejected' WHERE TRUE")
    world.settle()
    world.assert_aligned()
    assert len(world.sql("SELECT contact_id FROM identity.contacts_master")) == SIZE


def test_replacing_elements_of_a_list_is_no_loss(world: World) -> None:
    for native_id in world.twenty.rows:
        world.twenty.put(native_id, {f"other_emails/{native_id}@old.com": "true"})
    world.settle()
    for native_id in world.twenty.rows:
        world.twenty.put(
            native_id, {f"other_emails/{native_id}@old.com": None, f"other_emails/{native_id}@new.com": "true"}
        )
    world.settle()
    world.assert_aligned()
    assert all("@new.com" in str(row.values) and "@old.com" not in str(row.values) for row in world.local.rows.values())
