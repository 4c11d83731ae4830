"""Do the systems agree? Every contact of every system, read by its own API and compared in canonical form.

Nothing of the engine takes part but the canonical forms of :mod:`truth_forge_sync.contact`. A contact is the same in
two systems when both rows carry its contact id (a row's own id counts where it is one). A row without, which the sync
had no reason to touch, is taken for the contact with the same values, else for the one with the same primary e-mail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from truth_forge_sync.contact import field_of, to_paths
from truth_forge_sync.sandbox.native import Native, read_natives
from truth_forge_sync.settings import Settings, SystemName

Values = Mapping[str, str]
View = dict[str, Values]
"""Contact id → canonical values by path."""

UNREADABLE = "(unreadable)"
NOT_LINKED = "(in no other system) "


@dataclass(frozen=True)
class Difference:
    """A contact on which the systems differ: the fields (never their values), and where it is missing."""

    contact_id: str
    fields: tuple[str, ...]
    missing_in: tuple[SystemName, ...]


@dataclass(frozen=True)
class Comparison:
    """``contacts`` counts the rows of each system; ``equal`` the contacts that are alike in all of them."""

    contacts: Mapping[SystemName, int]
    equal: int
    differences: tuple[Difference, ...]


def compare(settings: Settings) -> Comparison:
    """Compare all configured systems. Raises Retry where one does not answer."""
    return compare_natives(
        {system: read_natives(system, settings) for system in settings.configured}, region=settings.default_region
    )


def compare_natives(natives: Mapping[SystemName, Sequence[Native]], *, region: str) -> Comparison:
    """As :func:`compare`, of rows that were read; ``region`` is the country of national phone numbers."""
    known = {native.contact_id for rows in natives.values() for native in rows if native.contact_id}
    claimed: dict[SystemName, View] = {}
    unclaimed: dict[SystemName, View] = {}
    for system, rows in natives.items():
        claimed[system], unclaimed[system] = {}, {}
        for native in rows:
            contact_id = native.contact_id or (native.native_id if native.native_id in known else None)
            view = claimed[system] if contact_id else unclaimed[system]
            view[contact_id or native.native_id] = _values(native, region)
    everybody = {contact_id: values for view in claimed.values() for contact_id, values in view.items()}
    for key in (_all_values, _email):
        for system in natives:
            _claim(claimed[system], unclaimed[system], everybody, key)
    for system, view in unclaimed.items():
        claimed[system] |= {NOT_LINKED + native_id: values for native_id, values in view.items()}
    return _compared({system: len(rows) for system, rows in natives.items()}, claimed)


def _values(native: Native, region: str) -> Values:
    values, unread = to_paths(native.fields, region=region)
    return values | {item.field: UNREADABLE for item in unread}


def _all_values(values: Values) -> object:
    return frozenset(values.items())


def _email(values: Values) -> object:
    return values.get("primary_email")


def _claim(claimed: View, unclaimed: View, everybody: View, key: Callable[[Values], object]) -> None:
    """Give each unclaimed row the contact of the same key that its system has no row of yet."""
    free = {key(values): contact_id for contact_id, values in everybody.items() if contact_id not in claimed}
    for native_id, values in list(unclaimed.items()):
        contact_id = free.pop(key(values), None) if key(values) else None
        if contact_id:
            claimed[contact_id] = unclaimed.pop(native_id)


def _compared(contacts: Mapping[SystemName, int], views: Mapping[SystemName, View]) -> Comparison:
    equal = 0
    differences = []
    for contact_id in sorted({contact_id for view in views.values() for contact_id in view}):
        held = {system: view[contact_id] for system, view in views.items() if contact_id in view}
        fields = _differing(held.values())
        missing = tuple(system for system in views if system not in held)
        if fields or missing:
            differences.append(Difference(contact_id, fields, missing))
        else:
            equal += 1
    return Comparison(contacts, equal, tuple(differences))


def _differing(rows: Iterable[Values]) -> tuple[str, ...]:
    first, *others = rows
    paths = {path for other in others for path, _ in first.items() ^ other.items()}
    return tuple(sorted({field_of(path) for path in paths}))
