"""Survivorship: which values survive when two contacts are made one (DESIGN law 5). Pure: registers in, registers out.

Path by path the later register survives, or that of the system with more say where the field has an authority; a tie is
the kept contact's. Null never erases a value. Of two primary e-mails (or phones) the other joins the further ones, and
the primary one is not repeated among them: so does Twenty's own merge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from truth_forge_sync.contact import DELETED, PRESENT, field_of

Authorities = Sequence[tuple[str, Sequence[str]]]
"""(field, systems that have the say over it, the first the most); see :class:`~truth_forge_sync.sync.rules.Rules`."""

PRIMARY = {"primary_email": "other_emails", "primary_phone": "other_phones"}
"""The field that takes what is not primary."""


@dataclass(frozen=True, slots=True)
class Register:
    """The accepted value of a path (None: erased), with its clock: stamp and system."""

    path: str
    value: str | None
    changed_at: datetime
    system: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Register:
        return cls(row["path"], row["value"], row["changed_at"], row["system"])


Registers = Mapping[str, Register]
"""By path."""


@dataclass(frozen=True, slots=True)
class Survivors:
    """``registers``: what the kept contact has afterwards; ``lost``: values of either that are not among them."""

    registers: Registers
    lost: Sequence[Register]


def survivors(kept: Registers, absorbed: Registers, authorities: Authorities = ()) -> Survivors:
    """Of two living contacts."""
    say = {name: {system: place for place, system in enumerate(systems)} for name, systems in authorities}
    merged = dict(kept)
    for path, register in absorbed.items():
        holder = merged.get(path)
        if path == DELETED or (holder is None and register.value is None):
            continue
        if holder is None or _wins(register, holder, say.get(field_of(path))):
            merged[path] = register
    for primary, others in PRIMARY.items():
        _demote(primary, others, (kept, absorbed), merged)
    return Survivors(merged, tuple(_lost((kept, absorbed), merged)))


def _wins(challenger: Register, holder: Register, say: Mapping[str, int] | None) -> bool:
    """Whether the absorbed contact's register survives the kept one's."""
    if (challenger.value is None) != (holder.value is None):
        return holder.value is None
    if say is not None:
        places = say.get(challenger.system, len(say)), say.get(holder.system, len(say))
        if places[0] != places[1]:
            return places[0] < places[1]
    return challenger.changed_at > holder.changed_at


def _demote(primary: str, others: str, sides: Sequence[Registers], merged: dict[str, Register]) -> None:
    """Make a primary value that lost a further one, and the primary value none of them."""
    chosen = merged.get(primary)
    if chosen is None or chosen.value is None:
        return
    for side in sides:
        register = side.get(primary)
        if register is None or register.value in (None, chosen.value):
            continue
        path = f"{others}/{register.value}"
        if path not in merged or merged[path].value is None:
            merged[path] = Register(path, PRESENT, register.changed_at, register.system)
    repeated = f"{others}/{chosen.value}"
    if repeated in merged and merged[repeated].value is not None:
        merged[repeated] = Register(repeated, None, chosen.changed_at, chosen.system)


def _lost(sides: Sequence[Registers], merged: Registers) -> Iterator[Register]:
    for side in sides:
        for path, register in side.items():
            survives = merged[path].value if path in merged else None
            if (
                register.value is not None
                and register.value != survives
                and not _is_kept_elsewhere(path, register, merged)
            ):
                yield register


def _is_kept_elsewhere(path: str, register: Register, merged: Registers) -> bool:
    if path in PRIMARY:
        further = merged.get(f"{PRIMARY[path]}/{register.value}")
        return further is not None and further.value is not None
    name, _, element = path.partition("/")
    return any(
        others == name and primary in merged and merged[primary].value == element for primary, others in PRIMARY.items()
    )
