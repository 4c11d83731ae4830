"""The contact's fields as a Twenty person holds them (CONTRACT, column "Twenty person").

Single-valued fields are one line each in :data:`COLUMNS`. Four composites have rules of their own, because Twenty
erases what a composite leaves out (facts, section 3): ``emails``, ``phones`` and ``linkedinLink`` are always sent
whole, with the parts that the change does not concern as the row holds them; only ``name`` may be sent in part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from truth_forge_sync.canonical import Unreadable, canonical_scalar
from truth_forge_sync.contact import Unread, from_paths, to_paths
from truth_forge_sync.errors import Stop
from truth_forge_sync.fields import FieldType
from truth_forge_sync.mapping import FILE, Contacts, mapping
from truth_forge_sync.mapping_file import COMPOSITE
from truth_forge_sync.systems.twenty import phones
from truth_forge_sync.systems.twenty.answers import Record


@dataclass(frozen=True, slots=True)
class Column:
    """A contact field that is one Twenty field. ``custom`` ones are ours to create; the others come with Twenty."""

    field: str
    twenty: str
    type: str
    custom: bool = True

    @property
    def empty(self) -> str | None:
        """What clears it: Twenty refuses '' for dates and choices, and prints '' for texts."""
        return "" if self.type == "TEXT" else None


_BUILT_IN: tuple[Column, ...] = (
    Column("middle_name", "middleName", "TEXT"),
    Column("nickname", "nickname", "TEXT"),
    Column("name_suffix", "nameSuffix", "TEXT"),
    Column("title", "honorific", "TEXT"),
    Column("job_title", "jobTitle", "TEXT", custom=False),
    Column("department", "department", "TEXT"),
    Column("city", "city", "TEXT"),
    Column("birthday", "birthday", "DATE"),
    Column("notes", "contactNotes", "TEXT"),
    Column("category_code", "categoryCode", "SELECT"),
    Column("subcategory_code", "subcategoryCode", "TEXT"),
    Column("relationship_category", "relationshipCategory", "TEXT"),
    Column("is_business", "isBusiness", "BOOLEAN"),
    Column("is_me", "isMe", "BOOLEAN"),
    Column("llm_context", "llmContext", "RAW_JSON"),
    Column("communication_stats", "communicationStats", "RAW_JSON"),
    Column("social_network", "socialNetwork", "RAW_JSON"),
    Column("ai_insights", "aiInsights", "RAW_JSON"),
    Column("recommendations", "recommendations", "RAW_JSON"),
)

_TYPES = {
    FieldType.DATE: "DATE",
    FieldType.CHOICE: "SELECT",
    FieldType.BOOLEAN: "BOOLEAN",
    FieldType.EMAIL_LIST: "RAW_JSON",
    FieldType.PHONE_LIST: "RAW_JSON",
    FieldType.JSON: "RAW_JSON",
}
"""Twenty's types for a user's own fields; every other one is a TEXT."""

CONTACT_ID = "contactId"
"""The custom field (TEXT, unique) that holds the contact's id."""

_TYPES_OF_COMPOSITES = {
    "name": "FULL_NAME",
    "emails": "EMAILS",
    "phones": "PHONES",
    "linkedinLink": "LINKS",
    "company": "RELATION",
}


def _columns(contacts: Contacts) -> tuple[Column, ...]:
    """Those of CONTRACT.md and a user's own, as ``truth_forge_sync.toml`` calls them. Raises Stop for a name given
    twice."""
    known = {column.field: column for column in _BUILT_IN}
    held = contacts.columns("twenty").fields - COMPOSITE.keys()
    names = contacts.renamed.get("twenty", {})
    columns = []
    for field in (one for one in contacts.fields if one.name in held):
        column = known.get(field.name) or Column(field.name, _camel(field.name), _TYPES.get(field.type, "TEXT"))
        if names.get(field.name, column.twenty) != column.twenty:
            column = replace(column, twenty=names[field.name], custom=True)
        columns.append(column)
    taken = Counter([CONTACT_ID, *set(COMPOSITE.values()), *(column.twenty for column in columns)])
    if twice := sorted(name for name, count in taken.items() if count > 1):
        raise Stop(
            f"{FILE}, systems.twenty.columns: two fields would be {', '.join(twice)}",
            remedy="give each a name of its own",
        )
    return tuple(columns)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


COLUMNS: tuple[Column, ...] = _columns(mapping())

COMPOSITES: Mapping[str, tuple[str, str]] = {
    field: (whole, _TYPES_OF_COMPOSITES[whole])
    for field, whole in COMPOSITE.items()
    if field in mapping().columns("twenty").fields
}
"""Contact fields that are part of a composite or a relation: its name and its type in the metadata."""

SENT_WHOLE = frozenset({"emails", "phones", "linkedinLink"})
"""Composites of which a patch needs the stored parts."""

NEEDS_STORED = frozenset(field for field, (composite, _) in COMPOSITES.items() if composite in SENT_WHOLE)
"""Contact fields that can only be patched with the stored row at hand."""

_NAME_PARTS = {"first_name": "firstName", "last_name": "lastName"}


def read_person(
    person: Record, *, organization: str | Unread | None, fields: Iterable[str], region: str
) -> tuple[dict[str, str], tuple[Unread, ...]]:
    """The canonical paths of a person, for ``fields`` only, and the fields with unreadable values.

    ``organization`` is the name of its company (an :class:`Unread` where that could not be found out).
    """
    name, emails, numbers, link = (person.get(key) or {} for key in ("name", "emails", "phones", "linkedinLink"))
    raw: dict[str, Any] = {part: name.get(key) for part, key in _NAME_PARTS.items()}
    raw["primary_email"] = emails.get("primaryEmail")
    raw["other_emails"] = [entry for entry in emails.get("additionalEmails") or [] if entry]
    raw["primary_phone"] = phones.primary(numbers)
    entries = (phones.additional(entry) for entry in numbers.get("additionalPhones") or [])
    raw["other_phones"] = [entry for entry in entries if entry]  # Twenty keeps an entry that it could not read as {}
    raw["linkedin_url"] = link.get("primaryLinkUrl")
    raw["organization"] = None if isinstance(organization, Unread) else organization
    raw |= {column.field: person.get(column.twenty) for column in COLUMNS}
    wanted = frozenset(fields)
    values, unread = to_paths({field: value for field, value in raw.items() if field in wanted}, region=region)
    if isinstance(organization, Unread) and "organization" in wanted:
        unread = (*unread, organization)
    return values, unread


def person_payload(
    fields: Iterable[str],
    target: Mapping[str, str],
    *,
    stored: Record,
    company_id: Callable[[str], str],
) -> dict[str, Any]:
    """What to send so that ``fields`` become what they are in ``target``.

    ``stored`` is the person as Twenty holds it ({} for a new one); ``company_id`` gives the company of a name.
    """
    touched = frozenset(fields)
    wanted = from_paths(target, touched)
    payload: dict[str, Any] = {}
    for column in COLUMNS:
        if column.field in touched:
            value = wanted[column.field]
            payload[column.twenty] = column.empty if value in (None, []) else value
    if names := {key: wanted[part] or "" for part, key in _NAME_PARTS.items() if part in touched}:
        payload["name"] = names
    if "organization" in touched:
        payload["companyId"] = company_id(wanted["organization"]) if wanted["organization"] else None
    if touched & {"primary_email", "other_emails"}:
        payload["emails"] = _emails(wanted, stored.get("emails") or {})
    if touched & {"primary_phone", "other_phones"}:
        payload["phones"] = _phones(wanted, stored.get("phones") or {})
    if "linkedin_url" in touched:
        payload["linkedinLink"] = _link(wanted["linkedin_url"], stored.get("linkedinLink") or {})
    return payload


def _emails(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    primary = wanted["primary_email"] if "primary_email" in wanted else stored.get("primaryEmail")
    others = stored.get("additionalEmails") or []
    if "other_emails" in wanted:
        others = _merged(others, wanted["other_emails"], _email_of, lambda address: address)
    return {"primaryEmail": primary or "", "additionalEmails": others}


def _phones(wanted: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    if "primary_phone" in wanted:
        payload: dict[str, Any] = phones.primary_payload(wanted["primary_phone"])
    else:
        payload = {key: value or "" for key, value in stored.items() if key.startswith("primary")}
    entries = stored.get("additionalPhones") or []
    if "other_phones" in wanted:
        entries = _merged(entries, wanted["other_phones"], _phone_of, phones.additional_payload)
    return {**payload, "additionalPhones": entries}


def _link(url: str | None, stored: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "primaryLinkLabel": stored.get("primaryLinkLabel") or "",
        "primaryLinkUrl": url or "",
        "secondaryLinks": stored.get("secondaryLinks") or [],
    }


def _merged(
    stored: Iterable[Any], wanted: Iterable[str], canonical: Callable[[Any], str | None], make: Callable[[str], Any]
) -> list[Any]:
    """The stored entries that stay, as they are and in their order, then the new ones."""
    missing = dict.fromkeys(wanted)
    kept = []
    for entry in stored:
        try:
            element = canonical(entry)
        except Unreadable:
            kept.append(entry)  # not ours to judge: what could not be read is not what was removed
            continue
        if element in missing:
            kept.append(entry)
            del missing[element]
    return [*kept, *(make(element) for element in missing)]


def _email_of(entry: Any) -> str | None:
    return canonical_scalar(FieldType.EMAIL, entry or "", region="")


def _phone_of(entry: Any) -> str | None:
    return canonical_scalar(FieldType.PHONE, phones.additional(entry) or "", region="")
