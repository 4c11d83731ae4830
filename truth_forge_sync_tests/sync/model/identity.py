"""Who is it (law 15)."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Mapping

from truth_forge_sync.contact import DELETED, FIELD, PRESENT, field_of
from truth_forge_sync.fields import FieldType
from truth_forge_sync_tests.sync.model.tables import HUB, Base, Held, Look, Review, Row, State, Value

SHARED = re.compile(
    r"(info|sales|office|contact|hello|support|admin|team|mail|help|billing|accounts?|enquiries|no-?reply|postmaster"
    r"|webmaster)@"
)


def identity(values: Mapping[str, Value]) -> set[str]:
    """What identifies a person: an e-mail, or a phone with the name. A shared mailbox or a business does not."""
    if values.get(DELETED) or values.get("is_business") == PRESENT:
        return set()
    name = [(values.get(path) or "").lower() for path in ("first_name", "last_name")]
    keys = set()
    for path, value in values.items():
        element = path.partition("/")[2] or value or ""
        kind = FIELD[field_of(path)].type.element if path != DELETED and value else None
        if kind is FieldType.EMAIL and not SHARED.match(element):
            keys.add(f"email:{element}")
        if kind is FieldType.PHONE and all(name):
            keys.add(f"phone:{element}|{' '.join(name)}")
    return keys


def match(before: State, seen: Mapping[Row, Look]) -> tuple[dict[Row, str], set[Row], dict[Row, Review]]:
    """Who each row is, which of them retire, and all reviews. A linked row stays linked, another one is who a person
    said; else who shares its contact id, else an e-mail, else a phone: contacts and rows that are known by now, or new
    rows."""
    said = {row for row, review in before.reviews.items() if review.status == "separate" or review.contact_id}
    said &= seen.keys() - before.bases.keys()
    who: dict[Row, str] = {}  # a contact, or a new one that is named for its first row
    who |= {row: before.bases[row].contact_id for row in seen if row in before.bases}
    who |= {row: before.reviews[row].contact_id or new(row) for row in said}
    doubts: dict[Row, Review] = {}
    told = {row: set[str]() if is_known(before, look) else keys_of(look) for row, look in seen.items()}
    for rule in ("id", "email", "phone"):
        keys = {row: {key for key in told[row] if key.startswith(f"{rule}:")} for row in seen}
        known = defaultdict[str, set[str]](set)
        for contact_id, registers in before.registers.items():
            for key in {f"id:{contact_id}"} | identity({path: register.value for path, register in registers.items()}):
                known[key].add(contact_id)
        earlier, found = set(who), dict(who)
        strangers = sorted(seen.keys() - who.keys() - doubts.keys())
        while strangers:
            for row, whom in found.items():
                for key in keys[row]:
                    known[key].add(whom)
            claims = {row: frozenset[str]().union(*(known[key] for key in keys[row])) for row in strangers}
            if not any(claims.values()):
                break
            doubts |= {row: Review(whoever, rule) for row, whoever in claims.items() if len(whoever) > 1}  # never guess
            found = {row: min(whoever) for row, whoever in claims.items() if len(whoever) == 1}
            strangers = [row for row in strangers if not claims[row]]
            who |= found
        groups: list[set[Row]] = []
        for row in strangers:
            same = [group for group in groups if any(keys[row] & keys[other] for other in group)]
            groups = [group for group in groups if group not in same] + [{row}.union(*same)]
        who |= {row: new(min(group)) for group in groups if len(group) > 1 for row in group}
        taken = {(row[0], who[row]) for row in earlier}
        for row in sorted(who.keys() - earlier):  # a second row of its system is for a person to judge
            if (row[0], who[row]) in taken:
                doubts[row] = Review(frozenset({who.pop(row)}), "duplicate_in_system")
            else:
                taken.add((row[0], who[row]))
    who |= {row: new(row) for row in seen.keys() - who.keys() - doubts.keys()}

    named = {
        whom: contact_id_of(whom, {row: seen[row] for row in who if who[row] == whom}, said) for whom in who.values()
    }
    matched = {row: named[whom] for row, whom in who.items()}
    for row, doubt in doubts.items():
        if doubt.rule != "duplicate_in_system":
            doubts[row] = doubt._replace(candidates=alike(row, doubt.rule, before, told, matched))
    occupied = {(row[0], base.contact_id) for row, base in before.bases.items() if is_alive(base)}
    second = {row for row in matched.keys() - before.bases.keys() if (row[0], matched[row]) in occupied}
    # In the hub a contact has one place.
    second |= {row for row in matched.keys() - before.bases.keys() if row[0] == HUB and row[1] != matched[row]}
    doubts |= {row: Review(frozenset({matched.pop(row)}), "duplicate_in_system") for row in second - said}
    retiring = second & said
    for row in sorted(matched.keys() & said):  # the first of several stands for the contact
        if any(other < row and other[0] == row[0] and matched.get(other) == matched[row] for other in said):
            retiring.add(row)
    reviews = dict(before.reviews)
    for row, doubt in doubts.items():
        if row not in reviews or reviews[row].status in ("open", "gone") or reviews[row][2:] == ("linked", None):
            reviews[row] = doubt._replace(candidates=frozenset(named.get(whom, whom) for whom in doubt.candidates))
    for row in matched.keys() & reviews.keys():
        if reviews[row].status == "open":
            reviews[row] = reviews[row]._replace(status="linked")
    return matched, retiring, reviews


def alike(
    row: Row, rule: str, before: State, told: Mapping[Row, set[str]], matched: Mapping[Row, str]
) -> frozenset[str]:
    """Everybody who has a key of that kind in common with the row."""
    keys = {key for key in told[row] if key.startswith(f"{rule}:")}
    known = {
        contact_id
        for contact_id, registers in before.registers.items()
        if keys & ({f"id:{contact_id}"} | identity({path: register.value for path, register in registers.items()}))
    }
    return frozenset(known | {matched[other] for other in matched if keys & told[other]})


def is_known(before: State, look: Look) -> bool:
    """Whether it shows a linked row as we know it, and so says nothing new about anybody. What is held back counts as
    shown until the row is seen again, so a look at that says something."""
    base = before.bases.get(look.row)
    return (
        base is not None
        and not (look.deleted or base.gone or look.unread or base.unread)
        and (look.version, look.own_contact_id) == (base.version, base.own_contact_id)
        and {path: Held(value) for path, value in look.values.items()} == base.held
        and all(row != look.row for row, _ in before.holds)
    )


def keys_of(look: Look) -> set[str]:
    own = {f"id:{look.own_contact_id}"} if look.own_contact_id else set()
    return own if look.deleted else own | identity(look.values)


def new(row: Row) -> str:
    return f"new/{row[0]}/{row[1]}"


def contact_id_of(whom: str, looks: Mapping[Row, Look], said: Collection[Row]) -> str:
    """A new contact takes the hub's own id, else one that a row brought along, else one made of its first row."""
    brought = [(row[0] != HUB, look.own_contact_id) for row, look in looks.items() if look.own_contact_id]
    if not whom.startswith("new/"):
        return whom
    return min(brought)[1] if brought and (not said & looks.keys() or not min(brought)[0]) else uuid_of(whom)


UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def uuid_of(text: str) -> str:
    """The same for the same text."""
    digest = hashlib.md5(text.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-8{digest[17:20]}-{digest[20:]}"


def is_alive(base: Base) -> bool:
    return not base.gone and not base.retired and base.held.get(DELETED, Held()).value is None
