"""Why a database said no, in its own words but without a person's data.

PostgreSQL names the constraint or column apart from the values in most messages; the DETAIL line, which repeats whole
rows, is never read. Where a message quotes a value, the quotation is cut out.
"""

from __future__ import annotations

import re

from truth_forge_sync.contact import FIELD

_ROW_CLASSES = ("21", "22", "23", "44", "54", "P0")
_ROW_CODES = ("42804", "42846", "428C9")  # wrong type for a column, no cast to it, a generated column
_QUOTED = re.compile(r'"[^"]*"|\'[^\']*\'')
_SQLITE_SAFE = re.compile(
    r"(?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed.*|datatype mismatch|string or blob too big", re.IGNORECASE
)


def judges_the_row(code: str) -> bool:
    """Whether an SQLSTATE says that a row is to blame, rather than the server, our rights or the schema."""
    return code[:2] in _ROW_CLASSES or code in _ROW_CODES


def postgres_words(code: str, message: str) -> str:
    """A PostgreSQL message that is safe to show, with its SQLSTATE ``code`` in front.

    Class 23 (constraints) names only tables, columns and constraints. Other classes that quote input lose the quotation
    and all that follows a colon. What a trigger of the database's owner raises could hold anything: its code stays.
    """
    if code.startswith("23"):
        return f"{code} {message}".strip()
    if code.startswith(("22", "21", "42", "54")):
        return f"{code} {_QUOTED.sub('…', message.partition(':')[0])}".strip()
    return f"error {code}" if code else "no reason given"


def sqlite_words(message: str) -> str:
    """An SQLite message that is safe to show: its own constraint messages name only tables and columns."""
    return message if _SQLITE_SAFE.fullmatch(message) else "refused by a rule of the database"


def field_named(*texts: str | None) -> str | None:
    """The contact field that an error names: as a column, or within a constraint's name (``birthday_check``)."""
    words = " ".join(text for text in texts if text)
    found = [name for name in FIELD if re.search(rf"(?<![a-z]){name}(?![a-z])", words)]
    return max(found, key=len, default=None)
