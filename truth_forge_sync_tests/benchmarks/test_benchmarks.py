"""The benchmarks run, and tell the truth about what they find: the cheapest of them, on very few contacts.

What they find is not judged here but for what is counted: a count does not depend on the machine.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as runner
from benchmarks.counted import CountedEngine
from benchmarks.hub_scale import hub_scale
from benchmarks.result import Result, Sizes
from benchmarks.twenty_requests import most_requests, twenty_requests

TINY = Sizes(contacts=20, changed=(7,), small=100, large=1_000, rounds=1)


def test_few_contacts_take_few_requests_to_twenty() -> None:
    results = twenty_requests(TINY)
    assert len(results) == 2
    for result in results:
        assert 0 < result.measured <= most_requests(7) and result.met


def test_changes_are_timed_in_hubs_of_two_sizes_and_by_hand() -> None:
    results = hub_scale(TINY)
    assert [result.against for result in results] == ["into 100", "into 100", "by hand"]
    for result in results:
        assert result.measured > 0 and result.peer


@pytest.mark.parametrize(("measured", "peer", "met"), [(3, None, True), (4, None, False), (6, 2, True), (7, 2, False)])
def test_a_target_is_met_by_the_figure_or_by_the_ratio(measured: float, peer: float | None, met: bool) -> None:
    assert Result("it", measured, "", 3, peer).met is met


@pytest.mark.parametrize(("measured", "code"), [(1, 0), (2, 1)])
def test_a_missed_target_fails_the_run_and_the_figures_are_kept(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    measured: int,
    code: int,
) -> None:
    monkeypatch.setattr(runner, "FILE", tmp_path / "results.json")
    monkeypatch.setitem(runner.BENCHMARKS, "made-up", lambda _sizes: [Result("it", measured, "", target=1)])
    assert runner.main(["made-up"]) == code
    assert "it" in capsys.readouterr().out
    (kept,) = json.loads((tmp_path / "results.json").read_text())["results"]
    assert (kept["measured"], kept["met"]) == (measured, code == 0)


def test_an_unknown_name_is_wrong_use() -> None:
    with pytest.raises(SystemExit, match="2"):
        runner.main(["no-such-benchmark"])


def test_the_hub_s_jobs_are_counted_by_what_they_do(tmp_path: Path) -> None:
    engine = CountedEngine(tmp_path / "hub.duckdb", "identity")
    engine.create_dataset()
    engine.script(["-- a comment\nCREATE TABLE identity.t (n INT64)", "INSERT INTO identity.t VALUES (1)"])
    engine.query("SELECT n FROM identity.t")
    engine.drop([])
    engine.drop(["t"])
    assert [(job.kinds, job.writes) for job in engine.jobs] == [
        (("CREATE", "INSERT"), True),
        (("SELECT",), False),
        (("DROP",), True),
    ]
