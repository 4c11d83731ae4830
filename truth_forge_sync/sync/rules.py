"""The rules of a cycle: what a person may set about how it decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from truth_forge_sync.contact import FIELDS
from truth_forge_sync.fields import Field, Policy

if TYPE_CHECKING:
    from truth_forge_sync.settings import Settings


def declared_authorities(fields: Iterable[Field] = FIELDS) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(field, systems that have the say over it, the first the most) of every field with that policy."""
    return tuple((field.name, field.authority) for field in fields if field.policy is Policy.AUTHORITY)


@dataclass(frozen=True, slots=True)
class Rules:
    """``order``: the configured systems, the first wins ties.

    The brake (DESIGN law 14) holds what one system deleted or emptied, where it concerns more than ``loss_limit_count``
    contacts and more than ``loss_limit_percent`` of all; a person may allow more for one cycle (``allowed_losses``). A
    path that goes to and fro more than ``flip_limit`` times within an hour is frozen.
    """

    order: tuple[str, ...]
    loss_limit_count: int = 20
    loss_limit_percent: float = 10
    allowed_losses: int = 0
    flip_limit: int = 6
    authorities: tuple[tuple[str, tuple[str, ...]], ...] = declared_authorities()

    @classmethod
    def of(cls, settings: Settings, *, allowed_losses: int = 0) -> Rules:
        return cls(
            order=settings.configured,
            loss_limit_count=settings.delete_limit_count,
            loss_limit_percent=settings.delete_limit_percent,
            allowed_losses=allowed_losses,
            flip_limit=settings.flip_limit,
        )

    @property
    def placeholders(self) -> dict[str, Any]:
        """What compare.sql and decide.sql need of them."""
        return {
            "loss_limit_count": self.loss_limit_count,
            "loss_limit_basis_points": round(self.loss_limit_percent * 100),
            "allowed_losses": self.allowed_losses,
            "flip_limit": self.flip_limit,
            "authorities": self.authorities,
        }
