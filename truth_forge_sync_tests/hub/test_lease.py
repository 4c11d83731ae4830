"""Of all machines that reach one hub, one at a time changes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from google.api_core import exceptions as google
from google.cloud import bigquery

from truth_forge_sync.errors import Retry
from truth_forge_sync.hub import lease
from truth_forge_sync.hub.bigquery_engine import BigQueryEngine
from truth_forge_sync.hub.bigquery_lease import TableLease
from truth_forge_sync.hub.hub import Hub
from truth_forge_sync.settings import Settings
from truth_forge_sync.sync.pull import pull
from truth_forge_sync.sync.push import push
from truth_forge_sync.sync.reconcile import reconcile
from truth_forge_sync.turn import installation
from truth_forge_sync_tests.sync.people import ANN, only
from truth_forge_sync_tests.world import World

# -- the lease in BigQuery --------------------------------------------------------------------------------------------


@dataclass
class Tables:
    """What BigQuery's client does with one table's description: an update with an old etag is refused."""

    described: str | None = None
    version: int = 0
    project: str = "p"
    quicker: list[TableLease] = field(default_factory=list)
    """Who claims the lease just before the next update."""

    def get_table(self, name: str) -> bigquery.Table:
        if not self.version:
            raise google.NotFound("no table")  # type: ignore[no-untyped-call]
        return self._as_of_now(name)

    def create_table(self, table: bigquery.Table, *, exists_ok: bool) -> bigquery.Table:
        assert exists_ok
        self.version += 1
        return self._as_of_now(str(table.reference))

    def update_table(self, table: bigquery.Table, fields: list[str]) -> None:
        assert fields == ["description"]
        if self.quicker:
            self.quicker.pop().claim(60)
        if table.etag != str(self.version):
            raise google.PreconditionFailed("etag")  # type: ignore[no-untyped-call]
        self.described, self.version = table.description, self.version + 1

    def _as_of_now(self, name: str) -> bigquery.Table:
        found = bigquery.Table(name)
        found._properties.update(etag=str(self.version), description=self.described)
        return found


def lease_of(tables: Tables, holder: str) -> TableLease:
    return TableLease(lambda: cast("bigquery.Client", tables), "identity", holder, nullcontext)


def test_an_installation_has_the_lease_until_it_gives_it_back() -> None:
    tables = Tables()
    ann, bo = lease_of(tables, "ann"), lease_of(tables, "bo")
    assert ann.other_holder() is None
    assert ann.claim(60) is None
    assert bo.claim(60) == "ann"
    assert (ann.other_holder(), bo.other_holder()) == (None, "ann")
    bo.release()
    assert bo.claim(60) == "ann", "what is not ours is not ours to give back"
    ann.release()
    assert bo.claim(60) is None


def test_the_next_process_of_the_installation_goes_on_at_once_and_another_when_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables = Tables()
    assert lease_of(tables, "ann").claim(60) is None
    assert lease_of(tables, "ann").claim(60) is None
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    assert lease_of(tables, "bo").claim(60) is None
    assert lease_of(tables, "ann").claim(60) == "bo"


def test_of_two_that_claim_at_once_the_quicker_has_it() -> None:
    tables = Tables()
    ann, bo = lease_of(tables, "ann"), lease_of(tables, "bo")
    tables.quicker.append(bo)
    assert ann.claim(60) == "bo"
    assert bo.claim(60) is None


def test_a_description_that_a_person_wrote_is_nobodys_lease() -> None:
    assert lease_of(Tables("leave me alone", version=1), "ann").claim(60) is None


def test_two_installations_on_one_hub_in_bigquery(bigquery_emulator: Settings, tmp_path: Path) -> None:
    ann, bo = (
        Hub(BigQueryEngine.from_settings(bigquery_emulator.model_copy(update={"hub_path": tmp_path / name / "hub"})))
        for name in ("ann", "bo")
    )
    ann.engine.create_dataset()
    ann.claim()
    holder = installation(tmp_path / "ann" / "hub")
    assert bo.other_holder() == holder
    with pytest.raises(Retry) as refused:
        bo.claim()
    assert holder in str(refused.value)
    ann.close()
    bo.claim()
    bo.close()


def test_an_installation_keeps_its_name(tmp_path: Path) -> None:
    assert installation(tmp_path / "hub") == installation(tmp_path / "hub")
    assert installation(tmp_path / "hub") != installation(tmp_path / "other" / "hub")


# -- what the sync does with it ---------------------------------------------------------------------------------------


@dataclass
class Shared:
    """A lease in memory. ``other``: who has it, if not we; ``meanwhile``: what that one does before we get it."""

    other: str | None = None
    meanwhile: Callable[[], object] = lambda: None
    claims: int = 0
    releases: int = 0

    def claim(self, seconds: float) -> str | None:
        self.claims += 1
        self.meanwhile()
        return self.other

    def other_holder(self) -> str | None:
        return self.other

    def release(self) -> None:
        self.releases += 1


@contextmanager
def leased(world: World, shared: Shared) -> Iterator[Hub]:
    """The world's hub, as a process opens it where several machines reach it."""
    world.engine.lease = shared
    hub = Hub(world.engine)
    try:
        yield hub
    finally:
        hub.close()
        world.engine.lease = None


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.embedded(tmp_path)


def test_a_cycle_that_finds_nothing_claims_nothing(world: World) -> None:
    world.twenty.put("t-1", ANN)
    world.settle()
    shared = Shared()
    with leased(world, shared) as hub:
        for memory in world.memories.values():
            pull(hub, memory)
        reconcile(hub, world.rules)
        for memory in world.memories.values():
            push(hub, memory)
    assert (shared.claims, shared.releases) == (0, 0)


def test_while_another_machine_is_at_work_nothing_moves_and_then_everything_does(world: World) -> None:
    world.settle()
    world.twenty.put("t-1", ANN)
    shared = Shared(other="ann")
    with leased(world, shared) as hub, pytest.raises(Retry, match="ann is at work on this hub"):
        pull(hub, world.twenty)
    assert world.sql("SELECT * FROM identity.sync_batches WHERE cycle_id IS NULL") == []

    pull(Hub(world.engine), world.twenty)
    with leased(world, shared) as hub, pytest.raises(Retry, match="ann"):
        reconcile(hub, world.rules)
    assert world.sql("SELECT * FROM identity.contacts_master") == []

    reconcile(Hub(world.engine), world.rules)
    with leased(world, shared) as hub, pytest.raises(Retry, match="ann"):
        push(hub, world.local)
    assert not world.local.rows

    with leased(world, Shared()) as hub:
        assert push(hub, world.local).created == 1
    world.settle()
    world.assert_aligned()


def test_what_another_machine_did_until_we_got_the_lease_is_known(world: World) -> None:
    world.twenty.put("t-1", ANN)
    pull(Hub(world.engine), world.twenty)
    elsewhere = Hub(world.engine)
    elsewhere.claim = lambda: None  # type: ignore[method-assign]
    with leased(world, Shared(meanwhile=lambda: reconcile(elsewhere, world.rules))) as hub:
        assert reconcile(hub, world.rules).cycle_id is None, "the other one took the batch"
    world.settle()
    assert only(world.local).values == ANN
    assert len(world.sql("SELECT * FROM identity.contacts_master")) == 1


def test_a_lease_is_renewed_while_it_is_kept_and_its_loss_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE_SECONDS", 0.03)
    shared = Shared()
    kept = lease.Kept(shared)
    wait_until(lambda: shared.claims > 3)
    kept.check()
    shared.other = "bo"
    wait_until(lambda: not kept._thread.is_alive())
    with pytest.raises(Retry, match="bo"):
        kept.check()
    kept.release()
    assert shared.releases == 0, "it is not ours any more"


def test_a_lease_that_can_not_be_given_back_spoils_nothing() -> None:
    class Unreachable(Shared):
        def release(self) -> None:
            super().release()
            raise Retry("no answer", system="bigquery")

    lost = Unreachable()
    lease.Kept(lost).release()
    assert lost.releases == 1


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
