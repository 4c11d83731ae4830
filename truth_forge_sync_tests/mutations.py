"""Break each law in the code, one at a time, and see its tests fail: ``python -m truth_forge_sync_tests.mutations [LAW …]``.

Each mutation replaces one text in one file of a copy of the project, and names the tests that must notice. One that
nobody notices is a law that nothing guards. Exit code 1 where any survives.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PACKAGES = ("truth_forge_sync", "truth_forge_sync_tests")


@dataclass(frozen=True, slots=True)
class Mutation:
    """``file`` and ``tests`` are relative to the two packages; ``old`` occurs in the file."""

    law: int
    what: str
    file: str
    old: str
    new: str
    tests: str


MUTATIONS = (
    Mutation(1, "no overlap with what may become visible late", "sync/pull.py", "cursor.watermark - system.capabilities.settle", "cursor.watermark", "sync/test_laws.py"),
    Mutation(1, "the cursor follows stamps of the future", "sync/pull.py", "min(row.changed_at, read_at + offset)", "row.changed_at", "sync/test_clocks.py"),
    Mutation(1, "a backfill moves the cursor", "hub/sql/cycle/_cursors.sql", "WHERE cycle_id = '{{ cycle }}' AND live", "WHERE cycle_id = '{{ cycle }}'", "sync/test_laws.py"),
    Mutation(2, "e-mails keep their case", "canonical.py", "found.normalized.lower()", "found.normalized", "test_contact.py"),
    Mutation(3, "whatever moved its stamp is a change", "hub/sql/cycle/compare.sql", "is_observed AND NOT is_echo AND COALESCE(seen, '') <> COALESCE(held, '')", "is_observed AND NOT is_echo AND (moved OR COALESCE(seen, '') <> COALESCE(held, ''))", "sync/test_flip_flops.py sync/test_laws.py sync/test_model.py"),
    Mutation(3, "a row whose version stands still is as it is known", "hub/sql/cycle/rows.sql", "AND {{ m.held_digest('latest.fields') }} = bases.held_digest", "AND TRUE", "sync/test_news.py"),
    Mutation(4, "our own writes count as edits", "hub/sql/cycle/compare.sql", "echoes.value IS NOT NULL AS is_echo", "FALSE AS is_echo", "sync/test_crash.py"),
    Mutation(4, "looks that are older than our own write count", "hub/sql/cycle/rows.sql", "COALESCE(latest.read_at >= bases.known_at, TRUE)", "TRUE", "sync/test_laws.py sync/test_sweep.py"),
    Mutation(5, "the earlier claim wins", "hub/sql/cycle/decide.sql", "authority, stamp DESC, follows DESC", "authority, stamp, follows DESC", "sync/test_laws.py sync/test_clocks.py"),
    Mutation(5, "ties go the other way", "hub/sql/cycle/decide.sql", "changed_at DESC, rank, native_id", "changed_at DESC, rank DESC, native_id", "sync/test_laws.py"),
    Mutation(5, "a slow clock loses its edits", "hub/sql/cycle/decide.sql", "WHEN NOT follows THEN changed_at", "WHEN TRUE THEN changed_at", "sync/test_laws.py"),
    Mutation(5, "authority is ignored", "hub/sql/cycle/decide.sql", "PARTITION BY contact_id, path ORDER BY authority, stamp", "PARTITION BY contact_id, path ORDER BY stamp", "sync/test_authority.py"),
    Mutation(6, "a missing column erases", "hub/sql/cycle/compare.sql", "AND {{ m.field('facts.path') }} IN UNNEST(systems.fields)\n", "\n", "sync/test_laws.py sync/test_model.py"),
    Mutation(6, "an unreadable value erases", "hub/sql/cycle/compare.sql", "AND {{ m.field('facts.path') }} NOT IN UNNEST(native_rows.unread_fields)\n    ) AS is_observed", "\n    ) AS is_observed", "sync/test_laws.py"),
    Mutation(6, "a contact counts as settled while a field of it could not be read", "hub/sql/cycle/compare.sql", " OR was_unread OR ARRAY_LENGTH(unread_fields) > 0)", ")", "sync/test_scope.py"),
    Mutation(7, "what lost is forgotten", "hub/sql/cycle/decide.sql", "is_change AND (outlived OR place > 1)", "is_change AND outlived", "sync/test_laws.py"),
    Mutation(7, "what was accepted is not told", "hub/sql/cycle/apply.sql", "  WHERE settled.is_accepted\n", "  WHERE settled.is_accepted AND settled.accepted_value IS NULL\n", "sync/test_laws.py"),
    Mutation(8, "a create takes another id each time", "hub/sql/cycle/writes.sql", "COALESCE(\n      native_rows.native_id,\n      IF(REGEXP", "COALESCE(\n      native_rows.native_id, GENERATE_UUID(),\n      IF(REGEXP", "sync/test_crash.py sync/test_laws.py"),
    Mutation(8, "creates go to systems that were not read", "sync/push.py", "if not is_read:", "if False:", "sync/test_laws.py"),
    Mutation(8, "a contact counts as settled while writes to it are on their way", "hub/sql/cycle/compare.sql", "  SELECT contact_id FROM {{ dataset }}.sync_intents\n  UNION DISTINCT\n", "", "sync/test_scope.py"),
    Mutation(8, "a contact counts as settled that a system has no row of", "hub/sql/cycle/compare.sql", "    OR COUNT(systems.system) < (SELECT COUNT(*) FROM {{ dataset }}.sync_systems WHERE active)\n", "", "sync/test_scope.py"),
    Mutation(9, "what we sent is taken for what was stored", "hub/staging.py", '"value": held.get(path), "sent": wanted or ""', '"value": wanted, "sent": wanted or ""', "sync/test_walk.py sync/test_machine.py"),
    Mutation(10, "a refusal parks nothing", "hub/sql/cycle/writes.sql", "  WHERE NOT is_parked\n", "", "sync/test_refusals.py"),
    Mutation(10, "a contact counts as settled while a value of it is parked", "hub/sql/cycle/compare.sql", "  SELECT contact_id FROM {{ dataset }}.sync_errors WHERE kind = 'refused' AND status <> 'resolved'\n  UNION DISTINCT\n  SELECT contact_id FROM {{ dataset }}.sync_edits", "  SELECT contact_id FROM {{ dataset }}.sync_edits", "sync/test_scope.py"),
    Mutation(10, "a refused write is not taken apart", "sync/isolate.py", "    if len(write.changes) < 2:", "    if True:", "sync/test_refusals.py"),
    Mutation(10, "no back-off", "hub/sql/cycle/acknowledge.sql", "5 * CAST(POW(2, LEAST(COALESCE(s.earlier_attempts, 0), 9)) AS INT64)", "5", "sync/test_refusals.py"),
    Mutation(11, "an interrupted cycle is forgotten", "sync/reconcile.py", "    if is_decided:\n        todo", "    if False:\n        todo", "sync/test_power_cuts.py"),
    Mutation(11, "shares that were not decided are taken for done", "sync/reconcile.py", 'hub.run("give_back", "finish",', 'hub.run("finish",', "sync/test_power_cuts.py"),
    Mutation(11, "what was recorded before a crash is recorded again", "hub/sql/cycle/apply.sql", "t.recorded_at >= TIMESTAMP_MICROS({{ todo.decided_at }})", "t.recorded_at >= CURRENT_TIMESTAMP()", "sync/test_power_cuts.py"),
    Mutation(11, "a create that was not acknowledged is made again", "systems/contacts_table.py", "if current is not None and current.contact_id == write.contact_id:", "if False:", "systems/test_memory.py systems/test_local_sqlite.py"),
    Mutation(12, "every observation is news", "hub/sql/cycle/judge.sql", "moved OR differs AND hold_reason IS NULL AS is_news", "TRUE AS is_news", "sync/test_model.py"),
    Mutation(12, "what was written is not known by what it holds", "hub/sql/cycle/acknowledge.sql", "held = s.held, held_digest = {{ m.held_digest('s.held') }}", "held = s.held, held_digest = 0", "sync/test_news.py"),
    Mutation(12, "our own writes are decided about again", "hub/sql/cycle/rows.sql", "    NOT COALESCE(\n      NOT latest.deleted", "    TRUE OR NOT COALESCE(\n      NOT latest.deleted", "sync/test_news.py"),
    Mutation(13, "a delete beats a later edit", "hub/sql/cycle/decide.sql", "AND winning_value = 'true' AND COALESCE(edits.edited_at > winning_stamp, FALSE) AS outlived", "AND FALSE AS outlived", "sync/test_laws.py"),
    Mutation(13, "a row that is missing in a complete read is there", "sync/pull.py", "system.capabilities.reads_all and window == Window()", "False", "sync/test_sweep.py"),
    Mutation(14, "no brake", "hub/sql/cycle/judge.sql", "WHEN is_loss AND braked.system IS NOT NULL THEN 'brake'", "WHEN FALSE THEN 'brake'", "sync/test_brakes.py"),
    Mutation(14, "the brake forgets what waits", "hub/sql/cycle/_brake.sql", "WHERE reason = 'brake' AND status = 'held' AND contact_id NOT IN", "WHERE FALSE AND contact_id NOT IN", "sync/test_brakes.py"),
    Mutation(14, "the share does not matter", "hub/sql/cycle/_brake.sql", "COUNT(DISTINCT contact_id) * 10000 >", "1 + COUNT(DISTINCT contact_id) * 0 +", "sync/test_brakes.py sync/test_model.py"),
    Mutation(14, "what waits goes on waiting though the row is as it was", "hub/sql/cycle/rows.sql", "    OR CONCAT(latest.system", "    OR FALSE AND CONCAT(latest.system", "sync/test_brakes.py"),
    Mutation(14, "what waited once waits for ever", "hub/sql/cycle/plan.sql", "(hold_reason IS NULL) <> (held_at IS NULL)", "hold_reason IS NOT NULL AND held_at IS NULL", "sync/test_brakes.py"),
    Mutation(14, "flip-flops are spread", "hub/sql/cycle/judge.sql", "WHEN flipping.path IS NOT NULL THEN 'flip_flop'", "WHEN FALSE THEN 'flip_flop'", "sync/test_flip_flops.py"),
    Mutation(14, "every share of a large cycle has a brake of its own", "sync/decision.py", "may_lose = news.strangers < news.arrived or due.holds", "may_lose = False", "sync/test_shares.py"),
    Mutation(15, "shared mailboxes identify a person", "hub/sql/shared/_macros.sql", "info|sales", "nobody|sales", "sync/test_identity.py"),
    Mutation(15, "the first of two candidates is taken", "hub/sql/cycle/match.sql", "WHEN first_label = last_label THEN first_label", "WHEN TRUE THEN first_label", "sync/test_identity.py"),
    Mutation(15, "a phone identifies without a name", "hub/sql/shared/_macros.sql", ", '|', LOWER({{ first_name }}), ' ', LOWER({{ last_name }}))", ")", "sync/test_identity.py"),
    Mutation(15, "a row that is gone waits for a word for ever", "sync/reconcile.py", "        close_departed(hub)\n", "", "inbox/test_review.py"),
    Mutation(16, "a sweep compares only what changed", "sync/due.py", "everything = more_to_hold or any(batch.complete for batch in state.batches)", "everything = more_to_hold", "sync/test_sweep.py"),
)  # fmt: skip


def survives(mutation: Mutation, copy: Path) -> bool:
    """Apply the mutation to the copy, run its tests, and take it back. True where no test failed."""
    file = copy / "truth_forge_sync" / mutation.file
    text = file.read_text()
    if mutation.old not in text:
        raise SystemExit(f"law {mutation.law}, {mutation.what}: {mutation.file} has no such text any more")
    file.write_text(text.replace(mutation.old, mutation.new))
    try:
        tests = [f"truth_forge_sync_tests/{test}" for test in mutation.tests.split()]
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    finally:
        file.write_text(text)
    if done.returncode not in (0, 1):
        raise SystemExit(
            f"law {mutation.law}, {mutation.what}: the tests did not run\n{done.stdout[-2000:]}{done.stderr}"
        )
    return done.returncode == 0


def main(laws: list[int]) -> int:
    chosen = [mutation for mutation in MUTATIONS if not laws or mutation.law in laws]
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="truth-forge-") as folder:
        copy = Path(folder)
        for package in PACKAGES:
            shutil.copytree(PROJECT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "README.md", "dagster.yaml", "workspace.yaml"):
            shutil.copy(PROJECT / file, copy)
        for mutation in chosen:
            survived = survives(mutation, copy)
            survivors += survived
            print(f"{'SURVIVES' if survived else 'noticed ':8} law {mutation.law:2}: {mutation.what}", flush=True)
    print(f"{len(chosen)} mutations, {survivors} survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main([int(law) for law in sys.argv[1:]]))
