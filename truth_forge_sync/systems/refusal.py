"""Why a database said no, in its own words but without a person's data, and which field it named.

PostgreSQL names the constraint or column apart from the values in most messages. Where a message quotes a value, the
quotation is cut out. The DETAIL line, which repeats whole rows, is never shown; all that is taken from it are the
columns of a key, which stand before the values.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from truth_forge_sync.mapping import Columns

_ROW_CLASSES = ("21", "22", "23", "44", "54", "P0")
_ROW_CODES = ("42804", "42846", "428C9")  # wrong type for a column, no cast to it, a generated column
_QUOTED = re.compile(r'"[^"]*"|\'[^\']*\'')
_SQLITE_SAFE = re.compile(
    r"(?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed.*|datatype mismatch|string or blob too big"
    r"|cannot store \w+ value in \w+ column .*",
    re.IGNORECASE | re.DOTALL,
)
_COLUMN = re.compile(r'(?:null value in |cannot insert a non-DEFAULT value into )?column "([^"]*)"')
_KEY = re.compile(r"Key \((.*?)\)=\(", re.DOTALL)


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


def postgres_names(code: str, message: str, detail: str) -> str:
    """What a PostgreSQL error names of the schema: constraint, column, the columns of a key; never a value."""
    named = _COLUMN.match(message)
    key = _KEY.match(detail)
    found = (message if code.startswith("23") else "", named[1] if named else "", key[1] if key else "")
    return " ".join(text for text in found if text)


def sqlite_words(message: str) -> str:
    """An SQLite message that is safe to show: its own constraint messages name only tables and columns."""
    return message if _SQLITE_SAFE.fullmatch(message) else "refused by a rule of the database"


def field_named(names: str, columns: Columns, among: Collection[str]) -> str | None:
    """The one contact field of ``among`` that an error names: by its column, or within a constraint's name
    (``birthday_check``). None where it names none of them, or several."""
    fields = {name.lower(): field for field, name in columns.named.items()}
    # The longest first, so that job_title is not taken for title.
    either = "|".join(map(re.escape, sorted(fields, key=len, reverse=True)))
    found = {fields[name.lower()] for name in re.findall(rf"(?<![a-z])(?:{either})(?![a-z])", names, re.IGNORECASE)}
    found &= set(among)
    return found.pop() if len(found) == 1 else None
