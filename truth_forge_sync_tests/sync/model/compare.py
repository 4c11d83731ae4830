"""The hub's tables as the model has them, and where the two differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from truth_forge_sync.contact import DELETED, FIELD, field_of
from truth_forge_sync_tests.sync.model.decision import newest
from truth_forge_sync_tests.sync.model.tables import (
    HUB,
    Base,
    Change,
    Conflict,
    Decision,
    Edit,
    Held,
    Hold,
    Intent,
    Look,
    Refusal,
    Register,
    Review,
    State,
    Value,
)
from truth_forge_sync_tests.world import World

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Tables:
    def __init__(self, world: World) -> None:
        self.world = world

    def rows(self, table: str, where: str = "TRUE") -> list[dict[str, Any]]:
        return self.world.sql(f"SELECT * FROM identity.{table} WHERE {where}")

    def state(self, now: datetime, looks: Iterable[Look] = ()) -> State:
        clock = datetime.now(UTC)
        an_hour_ago = clock - timedelta(hours=1)
        recent = defaultdict[tuple[str, str], list[Value]](list)
        for row in self.rows("sync_change_log"):
            if row["recorded_at"] > an_hour_ago:
                recent[row["contact_id"], row["path"]].append(row["new_value"])
        return State(
            now=now,
            systems=self.world.hub.state().systems,
            registers={
                row["contact_id"]: {
                    r["path"]: Register(r["value"], r["changed_at"], r["system"]) for r in row["registers"]
                }
                for row in self.rows("sync_registers")
            },
            bases={
                (row["system"], row["native_id"]): Base(
                    row["contact_id"], row["version"], row["changed_at"], row["known_at"],
                    {held["path"]: Held(held["value"], held["sent"]) for held in row["held"]},
                    row["gone"], frozenset(row["unread"] or ()), row["retired"] or False, row["own_contact_id"],
                )
                for row in self.rows("sync_bases")
            },
            intents={
                Intent(
                    row["contact_id"], (row["system"], row["native_id"]), row["kind"],
                    tuple((change["path"], change["value"]) for change in row["changes"]),
                ): row["status"] == "open"
                for row in self.rows("sync_intents")
                if row["status"] == "open" or row["superseded_at"] > an_hour_ago
            },
            holds={
                ((row["system"], row["native_id"]), row["path"]): Hold(
                    row["contact_id"], row["value"], row["changed_at"], row["gone"], row["reason"],
                    row["status"] == "rejected", row["release_at"] is not None and row["release_at"] <= clock,
                )
                for row in self.rows("sync_holds")
            },
            refusals={
                ((row["system"], row["native_id"]), row["path"]): Refusal(
                    row["contact_id"], row["value"], row["next_attempt_at"] <= clock
                )
                for row in self.rows("sync_errors", "kind = 'refused' AND status <> 'resolved'")
            },
            reviews={
                (row["system"], row["native_id"]): Review(
                    frozenset(row["candidate_contact_ids"]), row["rule"], row["status"], row["contact_id"]
                )
                for row in self.rows("sync_match_review")
            },
            edits=[
                Edit(
                    row["edit_id"], row["contact_id"], row["path"], Register(row["value"], row["created_at"], HUB),
                    row["origin"],
                )
                for row in self.rows("sync_edits")
            ],
            recent=recent,
            living=len(self.rows("contacts_master", "deleted_at IS NULL")),
        )  # fmt: skip

    def looks(self) -> tuple[list[Look], dict[str, datetime]]:
        looks: list[Look] = []
        swept: dict[str, datetime] = {}
        for batch in self.rows("sync_batches", "cycle_id IS NULL"):
            if batch["complete"] or batch["live"] and batch["system"] == HUB:
                swept[batch["system"]] = max(batch["read_at"], swept.get(batch["system"], batch["read_at"]))
            if batch["row_count"]:
                looks += [
                    Look(
                        (row["system"], row["native_id"]), row["version"], row["changed_at"], row["read_at"],
                        {item["path"]: item["value"] for item in row["fields"]}, row["own_contact_id"],
                        row["deleted"], row["gone"], frozenset(item["field"] for item in row["unread"]),
                    )
                    for row in self.rows(f"sync_staged_{batch['batch_id']}")
                ]  # fmt: skip
        return looks, swept

    def moved(self, before: State, looks: list[Look], swept: dict[str, datetime]) -> frozenset[str]:
        """Contacts of which contacts_master shows another row than the one that is decided about."""
        expected = {row[1]: base.version for row, base in before.bases.items() if row[0] == HUB and not base.gone}
        actual = expected | {
            row["contact_id"] or row["known_id"]: row["version_now"] or ""
            for row in self.world.hub.rows("hand_edits", count_only=False)
        }
        expected |= {row[1]: look.version for row, look in newest(before, looks, swept).items() if row[0] == HUB}
        return frozenset(who for who in {*expected, *actual} if expected.get(who) != actual.get(who))

    def decided(self, cycle: str | None, now: datetime) -> Decision:
        where = f"cycle_id = '{cycle}'"
        changes = {
            Change(
                row["contact_id"], row["path"], row["change_type"], raw(row["path"], row["old_value"]),
                Register(raw(row["path"], row["new_value"]), row["changed_at"], row["system"]), row["origin"],
            )
            for row in self.rows("sync_change_log", where)
        }  # fmt: skip
        conflicts = {
            Conflict(
                row["contact_id"], row["path"],
                Register(raw(row["path"], row["winning_value"]), row["winning_changed_at"], row["winning_system"]),
                Register(raw(row["path"], row["losing_value"]), row["losing_changed_at"], row["losing_system"]),
                row["reason"],
            )
            for row in self.rows("sync_conflicts", where)
        }  # fmt: skip
        return Decision(self.state(now), changes, conflicts)


def raw(path: str, told: Value) -> Value:
    """A list's element is told by its text; its path's value only says that it is there."""
    is_list = path != DELETED and FIELD[field_of(path)].type.is_list
    return "true" if is_list and told is not None else told


def differences(model: Decision, sql: Decision) -> Iterator[str]:
    """Contact by contact, row by row, path by path."""
    for name in ("registers", "bases", "intents", "holds", "refusals", "reviews"):
        ours, theirs = comparable(getattr(model.after, name)), comparable(getattr(sql.after, name))
        for key in sorted({*ours, *theirs}, key=str):
            if ours.get(key) != theirs.get(key):
                yield f"{name} {key}:\n    laws {ours.get(key)}\n    SQL  {theirs.get(key)}"
    for name, laws, found in (
        ("change", model.changes, sql.changes),
        ("conflict", model.conflicts, sql.conflicts),
    ):
        yield from (f"{name} missing: {one}" for one in sorted(laws - found, key=str))
        yield from (f"{name} too much: {one}" for one in sorted(found - laws, key=str))


def comparable(table: Mapping[Any, Any]) -> dict[Any, Any]:
    """One entry a path where there are paths. What the hub stores of itself has the hub's own version and stamp."""
    flat: dict[Any, Any] = {}
    for key, entry in table.items():
        if isinstance(entry, dict):
            flat |= {(key, path): register for path, register in entry.items()}
        elif isinstance(entry, Base):
            flat |= {(key, path): held for path, held in entry.held.items()}
            flat[key] = replace(entry, held={})
            if key[0] == HUB:
                flat[key] = replace(entry, held={}, version="", changed_at=NOON)
        elif isinstance(entry, Hold):
            flat[key] = entry._replace(ripe=False)
        else:
            flat[key] = entry
    return flat
