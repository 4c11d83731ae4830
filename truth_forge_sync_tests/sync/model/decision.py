"""What one cycle makes of what was seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from truth_forge_sync.contact import DELETED, PRESENT, field_of
from truth_forge_sync.sync.rules import Rules
from truth_forge_sync_tests.sync.model.identity import UUID, match, uuid_of
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
    Register,
    Row,
    State,
    Value,
)


@dataclass
class Cell:
    """One path of a native row: what it was known to hold, and what it shows."""

    path: str
    was: Held
    shows: Value
    changed_at: datetime
    is_edit: bool
    hold: Hold | None
    rejected: bool
    is_loss: bool = False
    waits: str | None = None  # the reason

    @property
    def held(self) -> Held:
        return self.was if self.waits or self.shows == self.was.value else Held(self.shows)


@dataclass
class Native:
    """A native row of a contact: as known before, as seen now, or both."""

    row: Row
    contact_id: str
    base: Base | None
    look: Look | None
    retired: bool
    cells: dict[str, Cell] = field(default_factory=dict)

    @property
    def latest(self) -> Look | Base:
        latest = self.look or self.base
        assert latest
        return latest

    @property
    def is_deleted(self) -> bool:
        return DELETED in self.cells and self.cells[DELETED].held.value == PRESENT

    @property
    def left(self) -> bool:  # whether or not that is accepted
        hold = self.cells[DELETED].hold if DELETED in self.cells else None
        return self.latest.gone or hold is not None and hold.gone

    @property
    def is_gone(self) -> bool:
        hold = self.cells[DELETED].hold if DELETED in self.cells and not self.look else None
        return self.is_deleted and (hold or self.latest).gone


def decide(before: State, looks: Iterable[Look], rules: Rules, swept: Mapping[str, datetime]) -> Decision:
    """One cycle. ``swept``: the systems that were read completely, and when; the hub's reads show all rows that it did
    not publish itself."""
    looks = list(looks)
    before = depart(before, looks, swept)
    seen = newest(before, looks, swept)
    matched, retiring, reviews = match(before, seen)
    contacts = {row: base.contact_id for row, base in before.bases.items()} | matched
    natives = []
    for row, contact_id in contacts.items():
        base = before.bases.get(row)
        native = Native(row, contact_id, base, seen.get(row), base.retired if base else row in retiring)
        native.cells = {cell.path: cell for cell in show(before, native)}
        natives.append(native)
    hold_back(before, natives, rules, touched(before, matched.values(), rules, everything=bool(swept.keys() - {HUB})))

    after = replace(before, registers={}, bases={}, intents={}, holds={}, refusals={}, reviews=reviews, edits=())
    decision = Decision(after, set(), set())
    for contact_id in sorted(set(contacts.values())):
        mine = [native for native in natives if native.contact_id == contact_id]
        settle(before, contact_id, mine, rules, decision)
        if after.registers[contact_id]:  # a row that says nothing is nobody
            lack(before, contact_id, mine, after)
            know(mine, before.registers.get(contact_id, {}), after)
            publish(before, contact_id, mine, decision)
    for intent in before.intents.keys() - after.intents.keys():
        if not is_done(intent, after):  # superseded; but it may have been sent
            after.intents[intent] = False
    return decision


# -- Laws 1 and 13: what was seen -------------------------------------------------------------------------------------


def newest(before: State, looks: Iterable[Look], swept: Mapping[str, datetime]) -> dict[Row, Look]:
    """The last look at each row. One that no look since a complete read began shows is gone, and nobody knows when."""
    looks = sorted(looks, key=lambda look: (look.read_at, look.changed_at, look.version))
    seen = {look.row: look for look in looks}
    stamps = defaultdict[Row, list[datetime]](list)
    for row, base in before.bases.items():
        stamps[row] += [] if base.gone else [base.changed_at]
    for look in looks:
        stamps[look.row] += [] if look.deleted else [look.changed_at]
    for row, known in stamps.items():
        if known and row[0] in swept and row[0] != HUB and (row not in seen or seen[row].read_at < swept[row[0]]):
            seen[row] = Look(row, "", max(known), swept[row[0]], {}, deleted=True, gone=True)

    def counts(look: Look) -> bool:
        """Not what was seen before we last wrote the row, nor a row that was deleted before we ever knew it."""
        base = before.bases.get(look.row)
        return look.read_at >= base.known_at if base else not look.deleted

    return {row: look for row, look in seen.items() if counts(look)}


def depart(before: State, looks: Collection[Look], swept: Mapping[str, datetime]) -> State:
    """Rows in review that are deleted or gone need no word; whoever they might have been is decided about again."""
    latest = {look.row: look for look in sorted(looks, key=lambda look: (look.read_at, look.changed_at, look.version))}
    reviews, edits = dict(before.reviews), list(before.edits)
    for row, review in before.reviews.items():
        look = latest.get(row)
        is_missing = row[0] in swept and (look is None or look.read_at < swept[row[0]])
        if review.status == "open" and (is_missing or look is not None and look.deleted):
            reviews[row] = review._replace(status="gone")
            nothing = Register(None, before.now, HUB)
            edits += [Edit("", who, None, nothing, "review") for who in review.candidates & before.registers.keys()]
    return replace(before, reviews=reviews, edits=edits)


# -- Laws 3, 4 and 6: what changed ------------------------------------------------------------------------------------


def show(before: State, native: Native) -> list[Cell]:
    """Each path of a row beside what we knew it to hold. A look says nothing about the fields of a deleted row, about
    columns that are not there and values that could not be read: absence is no edit."""
    look, held = native.look, native.base.held if native.base else {}
    holds = {path: hold for (row, path), hold in before.holds.items() if row == native.row}
    shown: Mapping[str, str] = {} if look is None else {DELETED: PRESENT} if look.deleted else look.values
    ours = {change for intent in before.intents for change in intent.changes if is_for(intent, native)}
    fields = before.systems[native.row[0]].fields - native.latest.unread
    cells = []
    for path in {*held, *holds, *shown}:
        was, hold = held.get(path, Held()), holds.get(path)
        if is_seen := look is not None and (path == DELETED or not look.deleted and field_of(path) in fields):
            shows, changed_at = shown.get(path), native.latest.changed_at
        elif hold:
            shows, changed_at = hold.value, hold.changed_at
        else:
            shows, changed_at = was.value, native.latest.changed_at
        is_echo = is_seen and (path, shows) in ours
        is_mute = native.retired and (path == DELETED or shows is None)
        is_rejected = hold is not None and hold.rejected and (not is_seen or shows == hold.value)
        is_edit = shows != was.value and not is_echo and not is_mute
        cells.append(Cell(path, was, shows, changed_at, is_edit, hold, is_rejected))
    for cell in cells:
        field_now = [other.shows for other in cells if field_of(other.path) == field_of(cell.path)]
        cell.is_loss = cell.shows is not None if cell.path == DELETED else not any(field_now)
    return cells


def is_for(intent: Intent, native: Native) -> bool:
    return (intent.contact_id, intent.row[0]) == (native.contact_id, native.row[0])


# -- Law 14: the brakes -----------------------------------------------------------------------------------------------


def touched(before: State, matched: Collection[str], rules: Rules, *, everything: bool) -> set[str]:
    """The contacts that something happened to, or whose time has come: what others hold back goes on waiting."""
    if everything or any(system.due for system in before.systems.values()):
        return {*before.registers, *matched}
    waiting = defaultdict[str, set[str]](set)
    for (row, _), hold in before.holds.items():
        if hold.reason == "brake" and not hold.rejected:
            waiting[row[0]].add(hold.contact_id)
    few = any(len(contacts) <= most_losses(rules) for contacts in waiting.values())
    said = few or any(hold.rejected for hold in before.holds.values())
    ripe = {hold.contact_id for hold in before.holds.values() if hold.ripe or said and hold.reason == "brake"}
    ripe |= {refusal.contact_id for refusal in before.refusals.values() if refusal.ripe}
    return {*matched, *ripe, *(edit.contact_id for edit in before.edits)}


def most_losses(rules: Rules) -> int:
    return max(rules.loss_limit_count, rules.allowed_losses)


def hold_back(before: State, natives: Collection[Native], rules: Rules, touched: Collection[str]) -> None:
    """What goes to and fro is frozen; more deletes and emptied fields than anybody makes on purpose wait."""
    edits = [
        (native, cell) for native in natives for cell in native.cells.values() if cell.is_edit and not cell.rejected
    ]
    losing = defaultdict[str, set[str]](set)
    for native, cell in edits:
        if cell.is_loss and (native.contact_id in touched or cell.hold and cell.hold.reason == "brake"):
            losing[native.row[0]].add(native.contact_id)
    for native, cell in edits:
        lost = len(losing[native.row[0]])
        values = before.recent.get((native.contact_id, cell.path), [])
        if native.contact_id not in touched:
            cell.waits = cell.hold.reason if cell.hold else None
        elif len(values) - len(set(values)) >= rules.flip_limit:
            cell.waits = "flip_flop"
        elif cell.is_loss and lost > most_losses(rules) and lost * 100 > rules.loss_limit_percent * before.living:
            cell.waits = "brake"


# -- Laws 5, 7 and 13: what wins --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A value that claims a path. ``on_top``: of the accepted value; ``say``: the place in the order of those with a
    say, and ``rank`` in the order of systems (0 the first); ``source``: the native row or edit, '' for the accepted
    value itself."""

    made: Register
    stamp: datetime
    on_top: bool = False
    say: int = 0
    rank: int = 99
    source: str = ""
    origin: str | None = None

    @property
    def weight(self) -> tuple[int, datetime, bool, datetime, int]:
        return -self.say, self.stamp, self.on_top, self.made.changed_at, -self.rank


def settle(before: State, contact_id: str, natives: Collection[Native], rules: Rules, decision: Decision) -> None:
    """Path by path the later claim wins, among those with the most say; ties go to the system that comes first."""
    accepted = before.registers.get(contact_id, {})
    claims = defaultdict[str, list[Claim]](list)

    def claim(path: str, made: Register, *, source: str = "", on_top: bool = False, origin: str | None = None) -> None:
        # A change on top of the accepted value is later than it, whatever its clock says; a delete is later than all.
        below = [register.changed_at for at, register in accepted.items() if path in (at, DELETED)] if on_top else []
        order = dict(rules.authorities).get(field_of(path), ())
        say = 0 if origin or not order else [*order, made.system].index(made.system) + 1
        rank = before.systems[made.system].rank if made.system in before.systems else 99
        stamp = max([made.changed_at, *below])
        claims[path].append(Claim(made, stamp, on_top, say, 0 if origin else rank, source, origin))

    for path, register in accepted.items():
        claim(path, register)
    lacking = {
        intent.row[0] for intent, to_send in before.intents.items() if to_send and intent.contact_id == contact_id
    }
    for native in natives:
        system, native_id = native.row
        for path, cell in native.cells.items():
            if cell.is_edit and cell.rejected and path == DELETED:
                claim(path, Register(None, cell.changed_at, HUB), source=native_id, on_top=True, origin="reject")
            elif cell.is_edit and not cell.rejected and not cell.waits:
                same = cell.was.value == (accepted[path].value if path in accepted else None)
                up_to_date = system not in lacking and not cell.hold
                on_top = native.base is not None and (up_to_date if path == DELETED else same)
                claim(path, Register(cell.shows, cell.changed_at, system), source=native_id, on_top=on_top)
    for edit in before.edits:
        if edit.contact_id == contact_id and edit.path and accepted:
            claim(edit.path, edit.asked, source=edit.edit_id, on_top=True, origin=edit.origin)

    winners = {
        path: max(sorted(made, key=lambda one: one.source), key=lambda one: one.weight) for path, made in claims.items()
    }
    after = {path: Register(one.made.value, one.stamp, one.made.system) for path, one in winners.items()}
    edits = [one for path, one in sorted(winners.items()) if path != DELETED]
    last = max(edits, key=lambda one: (one.stamp, -one.rank), default=None)
    outlived = DELETED in after and after[DELETED].value == PRESENT and last and last.stamp > after[DELETED].changed_at
    if outlived and last:
        after[DELETED] = Register(None, last.stamp, last.made.system)
    decision.after.registers[contact_id] = after

    for path, register in after.items():
        old = accepted[path].value if path in accepted else None
        kind = "INSERT" if not accepted else "UPDATE" if path != DELETED else "DELETE" if register.value else "RESTORE"
        origin = None if outlived and path == DELETED else winners[path].origin
        if register.value != old:
            decision.changes.add(Change(contact_id, path, kind, old, register, origin))
        for one in claims[path]:
            if one.source and one.made.value != register.value:
                tie = "tie" if one.stamp == register.changed_at else "older"
                reason = "authority" if one.say > winners[path].say else tie
                reason = "edited_later" if outlived and path == DELETED else reason
                decision.conflicts.add(Conflict(contact_id, path, register, one.made, reason))


# -- Laws 8 and 10: what each system lacks then -----------------------------------------------------------------------


def lack(before: State, contact_id: str, natives: Collection[Native], after: State) -> None:
    """One write for each row that differs or is missing. A row whose delete waits is left alone, so is what could not
    be read, and what a row made of a value is not asked for again. A retired row is deleted and gives up its e-mail."""
    wanted = after.registers[contact_id]
    is_deleted = DELETED in wanted and wanted[DELETED].value is not None
    for name, system in before.systems.items():
        mine = [native for native in natives if native.row[0] == name]
        is_awaited = any(
            row[0] == name and contact_id in doubt.candidates and doubt.status == "open"
            for row, doubt in after.reviews.items()
        )
        standing: list[Native | None] = [native for native in mine if not native.retired]
        for native in standing or [None]:
            is_missing = native is None or native.is_gone
            if not system.active or is_missing and is_deleted or native is None and is_awaited:
                continue
            if native and DELETED in native.cells and native.cells[DELETED].waits:
                continue
            fields = system.fields - (native.latest.unread if native else frozenset())
            changes = {}
            for path, (value, _, _) in wanted.items():
                concerns = path == DELETED if is_deleted or path == DELETED else field_of(path) in fields
                held = native.cells[path].held if native and path in native.cells and not is_missing else Held()
                if concerns and value != held.value and (value or "") != held.sent:
                    changes[path] = value
            row = (
                native.row
                if native
                else (name, contact_id if name == HUB or UUID.fullmatch(contact_id) else uuid_of(contact_id))
            )
            write(before, after, contact_id, row, changes, is_missing=is_missing)
        for native in mine:
            if native.retired and not native.is_deleted and system.active:
                email = {"primary_email": None} if name != HUB and native.cells.get("primary_email") else {}
                write(before, after, contact_id, native.row, {DELETED: PRESENT, **email})


def write(
    before: State, after: State, contact_id: str, row: Row, changes: Mapping[str, Value], *, is_missing: bool = False
) -> None:
    """Record the write, without the values that the system refused and is not to be asked for yet."""
    refused = {path: before.refusals[row, path] for path in changes if (row, path) in before.refusals}
    stands = {path: refusal for path, refusal in refused.items() if refusal.value == changes[path]}
    after.refusals.update({(row, path): refusal for path, refusal in stands.items()})
    asked = tuple(sorted((path, value) for path, value in changes.items() if path not in stands or stands[path].ripe))
    deletion = dict(asked).get(DELETED, "none")
    kind = "create" if is_missing else {PRESENT: "delete", None: "restore"}.get(deletion, "patch")
    if asked:
        after.intents[Intent(contact_id, row, kind, asked)] = True


# -- Laws 4 and 9: what we know the rows to hold then -----------------------------------------------------------------


def know(natives: Collection[Native], accepted: Mapping[str, Register], after: State) -> None:
    """What the rows showed is known now; what waits is kept apart until it is decided about."""
    for native in natives:
        look, base, latest = native.look, native.base, native.latest
        moved = base is None or look is not None and (look.version, look.gone) != (base.version, base.gone)
        if base and not moved and all(cell.held == cell.was for cell in native.cells.values()):
            after.bases[native.row] = base
        else:
            after.bases[native.row] = Base(
                native.contact_id,
                latest.version,
                latest.changed_at,
                look.read_at if look else base.known_at if base else after.now,
                {path: cell.held for path, cell in native.cells.items() if cell.held != Held()},
                native.is_gone,
                latest.unread,
                native.retired,
                latest.own_contact_id,
            )
        for path, cell in native.cells.items():
            if cell.waits:
                gone = latest.gone or cell.hold is not None and cell.hold.gone
                stamps = [cell.changed_at]
                if path == DELETED and not cell.hold:  # a delete that waits is later than what was accepted by then
                    stamps += [register.changed_at for register in accepted.values()]
                after.holds[native.row, path] = Hold(native.contact_id, cell.shows, max(stamps), gone, cell.waits)


def publish(before: State, contact_id: str, natives: Collection[Native], decision: Decision) -> None:
    """The hub's own rows are written with the plan, unless somebody edited them meanwhile: that is the next cycle's
    change. A row that a person edited is completed."""
    after = decision.after
    for intent in [one for one in after.intents if one.contact_id == contact_id and one.row[0] == HUB]:
        if intent.row[1] != contact_id and intent.row[1] not in before.moved:
            del after.intents[intent]
            after.bases[intent.row] = replace(after.bases[intent.row], held={DELETED: Held(PRESENT)}, gone=True)
    row = (HUB, contact_id)
    written = [one for one in after.intents if (one.contact_id, one.row) == (contact_id, row)]
    is_there = any(native.row == row and not native.retired and not native.left for native in natives)
    is_told = is_there and any(change.contact_id == contact_id for change in decision.changes)
    if (written or is_told) and contact_id not in before.moved:
        for intent in written:
            del after.intents[intent]
        held = {path: Held(value) for path, (value, _, _) in after.registers[contact_id].items() if value is not None}
        base = after.bases.get(row, Base(contact_id, "", after.now, after.now, {}, own_contact_id=contact_id))
        after.bases[row] = replace(base, held=held, known_at=after.now, gone=False)


def is_done(intent: Intent, after: State) -> bool:
    """The row is known to hold all of it: the same value seen later is an edit."""
    base = after.bases.get(intent.row)
    published = intent.row[0] == HUB and base is not None and base.known_at == after.now
    return (
        published
        or base is not None
        and all(base.held.get(path, Held()).value == value for path, value in intent.changes)
    )
