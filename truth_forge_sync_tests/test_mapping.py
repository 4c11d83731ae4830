"""What a user may change about fields, and what is said of a file that can't be understood."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from truth_forge_sync.errors import Stop
from truth_forge_sync.fields import BUILT_IN, Field, FieldType, Policy
from truth_forge_sync.mapping import FILE, Contacts, read_mapping
from truth_forge_sync.systems.twenty.mapping import COLUMNS, Column, _columns

GOOD = """\
[fields.shirt_size]
type = "choice"
choices = ["S", "M"]

[fields.side_emails]
type = "email_list"

[fields.notes]
authority = ["twenty", "local"]

[systems.supabase]
leave_out = ["ai_insights"]
columns = { job_title = "position" }

[systems.twenty.columns]
shirt_size = "tShirt"
nickname = "spitzname"

[systems.twenty]
leave_out = ["organization", "is_me"]
"""


def mapped(folder: Path, text: str) -> Contacts:
    path = folder / FILE
    path.write_text(text)
    return read_mapping(path)


def test_own_fields_come_after_the_built_in_ones_with_the_policy_of_their_type(tmp_path: Path) -> None:
    *before, size, emails = mapped(tmp_path, GOOD).fields
    assert [one.name for one in before] == [one.name for one in BUILT_IN]
    assert size == Field("shirt_size", FieldType.CHOICE, Policy.LATEST, ("S", "M"))
    assert emails == Field("side_emails", FieldType.EMAIL_LIST, Policy.UNION)
    (notes,) = (one for one in before if one.name == "notes")
    assert (notes.policy, notes.authority) == (Policy.AUTHORITY, ("twenty", "local"))


def test_a_system_holds_what_is_not_left_out_under_its_own_names(tmp_path: Path) -> None:
    contacts = mapped(tmp_path, GOOD)
    supabase, local = contacts.columns("supabase"), contacts.columns("local")
    assert "ai_insights" not in supabase.fields
    assert supabase.read({"position": "Chair", "job_title": "not ours", "ai_insights": "{}"}) == {"job_title": "Chair"}
    assert supabase.written({"job_title": "Chair", "deleted_at": None}) == {"position": "Chair", "deleted_at": None}
    assert local.fields == {one.name for one in contacts.fields}


def test_twenty_gets_custom_fields_for_own_fields(tmp_path: Path) -> None:
    columns = {column.field: column for column in _columns(mapped(tmp_path, GOOD))}
    assert columns["shirt_size"] == Column("shirt_size", "tShirt", "SELECT")
    assert columns["side_emails"] == Column("side_emails", "sideEmails", "RAW_JSON")
    assert columns["nickname"] == Column("nickname", "spitzname", "TEXT")
    assert columns["job_title"] == Column("job_title", "jobTitle", "TEXT", custom=False)
    assert "is_me" not in columns


@pytest.mark.parametrize("name", ["jobTitle", "contactId", "emails"])
def test_a_name_that_twenty_has_for_something_else_is_refused(tmp_path: Path, name: str) -> None:
    text = f"[fields.shirt]\ntype = 'text'\n[systems.twenty.columns]\nshirt = '{name}'\n"
    with pytest.raises(Stop, match=f"two fields would be {name}"):
        _columns(mapped(tmp_path, text))


def test_without_a_file_everything_is_as_in_the_contract(tmp_path: Path) -> None:
    assert mapped(tmp_path, "") == Contacts()
    assert _columns(Contacts()) == COLUMNS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[fields.a\n", "line 1"),
        ("\n\n[field.shirt]\ntype = 'text'\n", "line 3, field: there is no such key"),
        ("[fields.shirt]\n", "line 1, fields.shirt: a field of your own needs a type: text, email"),
        ("[fields.shirt]\ntype = 'shirt'\n", "line 2, fields.shirt.type: Input should be 'text'"),
        ("[fields.Shirt]\ntype = 'text'\n", "line 1, fields.Shirt: String should match pattern"),
        ("[fields.shirt]\n\ntype = 'choice'\n", "line 1, fields.shirt: the type choice needs choices"),
        ("[fields.shirt]\ntype = 'choice'\nchoices = ['s']\n", "line 3, fields.shirt.choices: String should match"),
        ("[fields.shirt]\ntype = 'text'\nchoices = ['S']\n", "line 3, fields.shirt.choices: only a field of your own"),
        ("[fields.shirt]\ntype = 'text'\nsize = 3\n", "line 3, fields.shirt.size: there is no such key"),
        ("[fields.notes]\ntype = 'json'\n", "line 2, fields.notes.type: the type of a built-in field can't be changed"),
        ("[fields.version]\ntype = 'text'\n", "line 1, fields.version: this name is taken"),
        ("[fields.notes]\nauthority = ['hubspot']\n", "line 2, fields.notes.authority: Input should be 'bigquery'"),
        ("[fields.notes]\nauthority = ['local', 'local']\n", "line 2, fields.notes.authority: a system is named twice"),
        ("[systems.bigquery]\nleave_out = ['notes']\n", "line 1, systems.bigquery: Input should be 'twenty'"),
        ("[systems.local]\nleave_out = ['note']\n", "line 2, systems.local.leave_out: there is no field note"),
        ("[systems.local]\ncolumns = { note = 'x' }\n", "line 2, systems.local.columns.note: there is no field"),
        ("[systems.local.columns]\nnotes = 'id'\n", "line 2, systems.local.columns.notes: the column id is"),
        ("[systems.local.columns]\nnotes = 'city'\n", "line 1, systems.local.columns: two fields would be city"),
        ("[systems.local.columns]\nnotes = 'a;b'\n", "line 2, systems.local.columns.notes: String should match"),
        (
            "[systems.twenty.columns]\nfirst_name = 'given'\n",
            "line 2, systems.twenty.columns.first_name: it is a part of",
        ),
        (
            "[systems.twenty.columns]\nnotes = 'my_notes'\n",
            "line 2, systems.twenty.columns.notes: Twenty's names are in",
        ),
        (
            "[systems.local]\nleave_out = ['notes']\ncolumns.notes = 'n'\n",
            "line 3, systems.local.columns.notes: the field is left out here",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_key(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(Stop) as caught:
        mapped(tmp_path, text)
    assert says in str(caught.value)
    assert str(caught.value).startswith(FILE)
    assert "docs/mapping.md" in caught.value.remedy


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Stop) as caught:
        mapped(tmp_path, "[fields.a]\n[fields.b]\n[systems.local]\nleave_out = ['c']\n")
    assert [number for number in (1, 2, 4) if f"line {number}," in caught.value.message] == [1, 2, 4]


OWN = """
import sys
from pathlib import Path
from truth_forge_sync_tests.world import World

world = World.embedded(Path(sys.argv[1]))
world.local.put("l-1", {"first_name": "Ann", "shirt_size": "S", "side_emails/a@x.com": "true", "notes": "local"})
world.settle()
world.twenty.put(next(iter(world.twenty.rows)), {"shirt_size": "M", "side_emails/b@x.com": "true", "notes": "twenty"})
world.settle()
world.local.put("l-1", {"notes": "local again"})
world.settle()
world.assert_aligned()
print(world.sql("SELECT first_name, shirt_size, side_emails, notes FROM identity.contacts_master"))
"""


def test_own_fields_live_in_the_hub_and_in_every_system_by_their_policies(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(GOOD)
    (tmp_path / "dagster.yaml").touch()
    project = str(Path(__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", OWN, str(tmp_path)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": project}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(
        [{"first_name": "Ann", "shirt_size": "M", "side_emails": ["a@x.com", "b@x.com"], "notes": "twenty"}]
    )
