"""Every statement that the hub can send passes Google's own analyzer, against the hub's own tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
import sqlglot
from jinja2 import Environment, meta, nodes
from sqlglot import exp

from truth_forge_sync.history.merge import MERGE_MANIFEST
from truth_forge_sync.hub import statements
from truth_forge_sync.hub.hub import BATCH_MANIFEST, SYSTEMS_MANIFEST
from truth_forge_sync.hub.staging import OUTCOMES, STAGED
from truth_forge_sync.hub.statements import COLUMNS, FOLDER, render
from truth_forge_sync.inbox.asked import ASKED
from truth_forge_sync.inbox.conflicts import CHOSEN_CONFLICTS
from truth_forge_sync.inbox.errors import CHOSEN_ERRORS
from truth_forge_sync.sync.decision import DECIDING, Share
from truth_forge_sync.sync.reviews import DECIDED_REVIEWS
from truth_forge_sync_tests.hub.analyzer import GoogleSQL, RefusedByGoogle

DATASET = "identity"
PATHS = {path.stem: path for path in FOLDER.glob("*/*.sql")}
FILES = {name for name in PATHS if not name.startswith("_")}

MOST_REFERENCES = 60

LOADED = {
    "sync_staged_b1": STAGED,
    "sync_staged_b2": STAGED,
    "sync_outcomes_p1": OUTCOMES,
    "sync_manifest_b1": BATCH_MANIFEST,
    "sync_manifest_s1": SYSTEMS_MANIFEST,
    "sync_manifest_a1": ASKED,
    "sync_manifest_k1": CHOSEN_CONFLICTS,
    "sync_manifest_e1": CHOSEN_ERRORS,
    "sync_manifest_r1": DECIDED_REVIEWS,
    "sync_manifest_m1": MERGE_MANIFEST,
}
"""The tables that come from files."""

ALL: Mapping[str, int] = defaultdict(lambda: 1)
NOTHING: Mapping[str, int] = defaultdict(int)
"""Rows of todo.sql: everything is to be done, nothing is."""

A_SHARE = Share("0000000000000001", "0000000000000002")
LIMITS = {"loss_limit_count": (20,), "loss_limit_basis_points": (1000,), "allowed_losses": (0,)}

# What fills each file's placeholders: several values make several renderings. In the order of a cycle, since some
# statements make the tables that later ones read.
PLACEHOLDERS: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "schema": {},
    "columns": {
        "table": ("contacts_master",),
        "missing": ([], ["nickname", "llm_context", "other_emails"]),
        "types": ({"nickname": "STRING", "llm_context": "JSON", "other_emails": "ARRAY<STRING>"},),
    },
    "systems": {"batch": ("s1",)},
    "batch": {"batch": ("b1",)},
    "state": {},
    "name_contacts": {},
    "hand_edits": {"count_only": (False, True)},
    "begin": {
        "cycle": ("c1",),
        "run": ("r1",),
        "trigger": ("schedule",),
        "edits": (True, False),
        "batches": ([], ["b1"], ["b1", "b2"]),
    },
    "rows": {
        "cycle": ("c1",),
        "batch_tables": ([], ["sync_staged_b1"], ["sync_staged_b1", "sync_staged_b2"]),
        "complete_batches": ([], ["b1", "b2"]),
        "holds": (False, True),
    },
    "departed": {
        "batches": (["b1"], ["b1", "b2"]),
        "batch_tables": ([], ["sync_staged_b1"], ["sync_staged_b1", "sync_staged_b2"]),
    },
    "news": {"cycle": ("c1",), "everything": (False, True)},
    "unmoved": {"cycle": ("c1",)},
    "match": {"cycle": ("c1",)},
    "linked": {"cycle": ("c1",)},
    "split": {"cycle": ("c1",)},
    "compare": {
        "cycle": ("c1",),
        "everything": (True, False),
        "release": (True, False),
        "counting": (False, True),
        "share": (None, A_SHARE),
        "preview": (False, True),
    },
    "losses": {"cycle": ("c1",)},
    "braked": {"cycle": ("c1",), **LIMITS},
    "judge": {"cycle": ("c1",), "is_braked": (False, True), "flip_limit": (6,), **LIMITS},
    "decide": {
        "cycle": ("c1",),
        "share": (None, A_SHARE),
        "preview": (False, True),
        "authorities": ((), (("city", ("twenty", "local")), ("notes", ("bigquery",)))),
    },
    "writes": {"cycle": ("c1",)},
    "plan": {"cycle": ("c1",)},
    "todo": {"cycle": ("c1",)},
    "wide": {"cycle": ("c1",), "todo": (ALL, NOTHING)},
    "apply": {"cycle": ("c1",), "now": ("1700000000000000",), "todo": (ALL, NOTHING)},
    "tell": {"cycle": ("c1",), "everything": (True, False), "todo": (ALL, NOTHING)},
    "aside": {"cycle": ("c1",), "todo": (ALL, NOTHING)},
    "finish": {"cycle": ("c1",), "everything": (True, False), "is_split": (False, True), "todo": (ALL, NOTHING)},
    "result": {"cycle": ("c1",), "since": ("1700000000000000",)},
    "changes_by_field": {"cycle": ("c1",), "since": ("1700000000000000",)},
    "status": {},
    "preview": {"cycle": ("c1",)},
    "give_back": {"cycle": ("c1",)},
    "abandon": {"cycle": ("c1",)},
    "pending": {"system": ("twenty",), "kind": ("create", "patch")},
    "contacts_asked": {"asked": ("a1",)},
    "conflicts": {"asked": (None, "a1"), "contact": (None, "a1"), "everything": (False, True), "limit": (50,)},
    "conflicts_restore": {"batch": ("k1",)},
    "conflicts_dismiss": {"batch": (None, "k1")},
    "reviews": {"asked": (None, "a1"), "everything": (False, True)},
    "review_decide": {"batch": ("r1",)},
    "errors": {"asked": (None, "a1"), "everything": (False, True)},
    "errors_retry": {"batch": (None, "e1")},
    "native_rows": {"asked": ("a1",), "system": ("twenty",)},
    "resync": {"batch": ("a1",)},
    "holds": {},
    "held_changes": {},
    "holds_reject": {"system": (None, "twenty")},
    "show_contact": {"asked": ("a1",)},
    "merges": {},
    "merge": {"batch": ("m1",)},
    "merge_apply": {"merge": ("m1",)},
    "unmerge": {"merge": ("m1",)},
    "rewind_cycle": {"cycle": ("c1",)},
    "rewind": {"batch": ("w1",), "cycle": ("c1", None), "since": ("1700000000000000",), "system": (None, "twenty")},
    "rewind_counts": {"batch": ("w1",)},
    "rewind_details": {"batch": ("w1",)},
    "rewind_apply": {"batch": ("w1",), "scope": ("c1",)},
    "acknowledge": {
        "push": ("p1",),
        "written": (True, False),
        "refused": (True, False),
        "earlier_holds": (True, False),
        "earlier_refusals": (True, False),
    },
    "pushed": {
        "system": ("twenty",),
        "counts": (defaultdict(lambda: "0000000000000007"),),
    },
}


def renderings(name: str) -> list[dict[str, Any]]:
    """A file's placeholders filled in every way that one of them alone can change."""
    choices = PLACEHOLDERS[name]
    plain = {placeholder: values[0] for placeholder, values in choices.items()}
    return [plain, *(plain | {name: value} for name, values in choices.items() for value in values[1:])]


@pytest.fixture(scope="module")
def loaded() -> GoogleSQL:
    """The analyzer with the hub's schema and the loaded tables."""
    google = GoogleSQL(DATASET)
    for statement in render("schema", dataset=DATASET):
        google.analyze(statement)
    for table, schema in LOADED.items():
        google.loaded(table, schema)
    return google


@pytest.fixture(scope="module")
def google(loaded: GoogleSQL) -> GoogleSQL:
    """With the tables of one cycle, too."""
    for name in ("rows", "match", "split", "braked", *DECIDING, "wide"):
        for statement in render(name, dataset=DATASET, **renderings(name)[0]):
            loaded.analyze(statement)
    return loaded


def test_every_file_is_covered_and_has_a_name_of_its_own() -> None:
    assert len(PATHS) == len(list(FOLDER.glob("*/*.sql")))
    assert set(PLACEHOLDERS) == FILES


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_branch_of_a_file_is_rendered(name: str) -> None:
    environment: Environment = statements._environment()
    template = environment.parse(PATHS[name].read_text())
    partials = "".join(path.read_text() for partial, path in PATHS.items() if partial.startswith("_"))
    placeholders, shared = (
        meta.find_undeclared_variables(tree) - set(environment.globals) - {"dataset"}
        for tree in (template, environment.parse(partials))
    )
    assert placeholders <= set(PLACEHOLDERS[name]) <= placeholders | shared
    for branch in template.find_all((nodes.If, nodes.CondExpr)):
        assert isinstance(branch, nodes.If | nodes.CondExpr)
        tested = branch.test.name if isinstance(branch.test, nodes.Name) else None
        if tested in placeholders:
            assert {bool(value) for value in PLACEHOLDERS[name][tested]} == {True, False}, tested


@pytest.mark.parametrize(
    ("name", "identifiers"),
    [pytest.param(name, one, id=f"{name}-{n}") for name in PLACEHOLDERS for n, one in enumerate(renderings(name))],
)
def test_google_accepts_every_statement(google: GoogleSQL, name: str, identifiers: dict[str, Any]) -> None:
    with google.lacking("contacts_master", identifiers.get("missing", ())):
        for statement in render(name, dataset=DATASET, **identifiers):
            google.analyze(statement)


def references(statement: str) -> int:
    """Tables that a statement reads when every use of a CTE counts anew."""
    tree = sqlglot.parse_one(statement, read="bigquery")
    bodies = {cte.alias: cte.this for cte in tree.find_all(exp.CTE)}

    @cache
    def count(name: str | None) -> int:
        body = bodies[name] if name else tree
        tables = [table for table in body.find_all(exp.Table) if name or table.find_ancestor(exp.CTE) is None]
        return sum(count(table.name) if not table.db and table.name in bodies else 1 for table in tables if table.name)

    return count(None)


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_statement_is_too_complex_for_bigquery(name: str) -> None:
    # BigQuery keeps no CTE's rows: each use is planned and run again, and a query that grows too large is refused.
    for identifiers in renderings(name):
        for statement in render(name, dataset=DATASET, **identifiers):
            assert references(statement) <= MOST_REFERENCES


def test_the_catalog_holds_what_schema_and_load_make(loaded: GoogleSQL) -> None:
    assert {column.name for column in COLUMNS} < set(loaded.columns("contacts_master"))
    assert loaded.columns("sync_staged_b1") == STAGED.names


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE identity.contacts_master SET notes = NULL", "must have a WHERE clause"),
        ("DELETE FROM identity.sync_links", "must have a WHERE clause"),
        ("UPDATE identity.contacts_master SET version = 'one' WHERE TRUE", "type INT64"),
        ("INSERT INTO identity.sync_links (system, contact_id) VALUES ('local', 1)", "type INT64"),
        ("SELECT first_nam FROM identity.contacts_master", "Unrecognized name: first_nam"),
        ("SELECT 1 FROM identity.contacts", "Table not found"),
        ("SELECT f.pat FROM identity.sync_staged_b1 AS s CROSS JOIN UNNEST(s.fields) AS f", "does not exist in STRUCT"),
        ("SELECT contact_id FROM identity.contacts_master WHERE other_emails = other_phones", "ARRAY<STRING>"),
        ("SELECT DISTINCT llm_context FROM identity.contacts_master", "JSON"),
        (
            "SELECT system FROM identity.sync_links QUALIFY ROW_NUMBER() OVER (ORDER BY native_id) = 1",
            "QUALIFY clause must",
        ),
        ("SELECT COALESCE(version, 'none') FROM identity.contacts_master", "No matching signature"),
        ("CREATE TABLE identity.sync_x AS SELECT 1 AS n, 2 AS n", "duplicate name"),
        ("ALTER TABLE identity.contact_master ADD COLUMN x STRING", "Table not found"),
        ("DROP TABLE identity.sync_nothing", "no such table"),
    ],
)
def test_the_gate_refuses_what_bigquery_would(loaded: GoogleSQL, statement: str, reason: str) -> None:
    with pytest.raises(RefusedByGoogle, match=reason):
        loaded.analyze(statement)
