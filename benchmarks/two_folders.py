"""Two folders of vCards that vdirsyncer keeps in step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.peers.environment import seconds_of

_SIDES: Final = ("a", "b")

_CONFIG: Final = """
[general]
status_path = "status"
[pair contacts]
a = "a"
b = "b"
collections = null
"""
_STORAGE: Final = """
[storage {side}]
type = "filesystem"
path = "{side}"
fileext = ".vcf"
"""

_CARD: Final = """BEGIN:VCARD
VERSION:3.0
UID:person-{number}
FN:First {number} Last {number}
N:Last {number};First {number};;;
EMAIL:person.{number}@example.com
EMAIL:other.{number}@example.com
ORG:Company {company}
TITLE:{title}
ADR:;;;City {city};;;
URL:https://www.linkedin.com/in/person-{number}
BDAY:1980-01-01
NOTE:Met at fair {fair}
END:VCARD
"""


@dataclass(frozen=True, slots=True)
class TwoFolders:
    folder: Path

    def fill(self, contacts: int) -> None:
        (self.folder / "config").write_text(_CONFIG + "".join(_STORAGE.format(side=side) for side in _SIDES))
        for side in _SIDES:
            (self.folder / side).mkdir()
        self.edit(range(contacts), (), "Job")
        self._run("discover")
        self.sync()

    def edit(self, first: Sequence[int], second: Sequence[int], title: str) -> None:
        """Give these contacts a title, in the one folder and in the other."""
        for side, numbers in zip(_SIDES, (first, second), strict=True):
            for number in numbers:
                self._card(side, number).write_text(
                    _CARD.format(number=number, title=title, company=number % 1000, city=number % 500, fair=number % 90)
                )

    def sync(self) -> float:
        """Seconds that it took."""
        return self._run("sync")

    def have(self, numbers: Sequence[int], title: str) -> bool:
        """Both of them show the title for each of these contacts."""
        return all(f"TITLE:{title}\n" in self._card(side, number).read_text() for side in _SIDES for number in numbers)

    def _card(self, side: str, number: int) -> Path:
        return self.folder / side / f"person-{number}.vcf"

    def _run(self, command: str) -> float:
        return seconds_of("vdirsyncer_sync.py", command, folder=self.folder)
