"""The fields of a contact: each declared once, with its type, merge policy and the name people know it by.

Adding one for everybody is one line in :data:`BUILT_IN`; adding one's own is a table in ``truth_forge_sync.toml``
(:mod:`truth_forge_sync.mapping`). What the program works with is :data:`truth_forge_sync.contact.FIELDS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FieldType(StrEnum):
    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    DATE = "date"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    EMAIL_LIST = "email_list"
    PHONE_LIST = "phone_list"
    JSON = "json"

    @property
    def is_list(self) -> bool:
        return self in (FieldType.EMAIL_LIST, FieldType.PHONE_LIST)

    @property
    def element(self) -> FieldType:
        """The type of one path's value: a list's elements are scalars, anything else is itself."""
        return {FieldType.EMAIL_LIST: FieldType.EMAIL, FieldType.PHONE_LIST: FieldType.PHONE}.get(self, self)


class Policy(StrEnum):
    """How concurrent values of a field are resolved (DESIGN law 5); all of them act path by path."""

    LATEST = "latest"
    AUTHORITY = "authority"
    UNION = "union"
    PER_KEY = "per_key"


@dataclass(frozen=True, slots=True)
class Field:
    """``authority``: the systems that have the say over the field, the first the most (policy authority only)."""

    name: str
    type: FieldType = FieldType.TEXT
    policy: Policy = Policy.LATEST
    choices: tuple[str, ...] = ()
    authority: tuple[str, ...] = ()


_T = FieldType

BUILT_IN: tuple[Field, ...] = (
    Field("first_name"),
    Field("last_name"),
    Field("middle_name"),
    Field("nickname"),
    Field("name_suffix"),
    Field("title"),
    Field("primary_email", _T.EMAIL),
    Field("other_emails", _T.EMAIL_LIST, Policy.UNION),
    Field("primary_phone", _T.PHONE),
    Field("other_phones", _T.PHONE_LIST, Policy.UNION),
    Field("organization"),
    Field("job_title"),
    Field("department"),
    Field("city"),
    Field("linkedin_url", _T.URL),
    Field("birthday", _T.DATE),
    Field("notes"),
    Field("category_code", _T.CHOICE, choices=tuple("ABCDEFGHX")),
    Field("subcategory_code"),
    Field("relationship_category"),
    Field("is_business", _T.BOOLEAN),
    Field("is_me", _T.BOOLEAN),
    Field("llm_context", _T.JSON, Policy.PER_KEY),
    Field("communication_stats", _T.JSON, Policy.PER_KEY),
    Field("social_network", _T.JSON, Policy.PER_KEY),
    Field("ai_insights", _T.JSON, Policy.PER_KEY),
    Field("recommendations", _T.JSON, Policy.PER_KEY),
)
