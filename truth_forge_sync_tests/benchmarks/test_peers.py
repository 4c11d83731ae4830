"""Ours and its peers do the same work in the comparisons, and a peer that cannot be had is no target met."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import __main__ as runner
from benchmarks.against_dlt import against_dlt
from benchmarks.against_vdirsyncer import against_vdirsyncer, keep_in_step
from benchmarks.peers import environment
from benchmarks.result import Result, Sizes
from benchmarks.two_folders import TwoFolders

TINY = Sizes(paired=400, extracted=30, rounds=1)

needs_peers = pytest.mark.skipif(
    environment.peers_python() is None, reason="nobody made the peers' environment (make bench does)"
)


def test_our_pair_brings_an_edit_of_either_side_to_the_other_and_then_is_idle() -> None:
    with keep_in_step(10) as pair:
        pair.edit([2], [5], "Judge")
        assert not pair.have([2, 5], "Judge")
        changing = pair.sync()
        assert pair.have([2, 5], "Judge") and not pair.have([2, 5, 6], "Judge")
        assert 0 < min(pair.sync() for _ in range(2)) < changing


@needs_peers
def test_vdirsyncer_brings_an_edit_of_either_side_to_the_other(tmp_path: Path) -> None:
    folders = TwoFolders(tmp_path)
    folders.fill(10)
    folders.edit([2], [5], "Judge")
    assert not folders.have([2, 5], "Judge")
    assert folders.sync() > 0
    assert folders.have([2, 5], "Judge") and not folders.have([6], "Judge")


@needs_peers
def test_two_way_syncs_are_compared_with_changes_and_without() -> None:
    changed, idle = against_vdirsyncer(TINY)
    for result in (changed, idle):
        assert isinstance(result, Result) and result.measured > 0 and result.peer


@needs_peers
def test_extraction_is_compared_by_the_api_and_by_the_database() -> None:
    results = against_dlt(TINY)
    assert [result.against for result in results if isinstance(result, Result)] == [
        "dlt, REST",
        "dlt, SQL",
        "dlt, SQL and Arrow",
    ]


def test_peers_that_cannot_be_installed_are_told_as_skipped_and_meet_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("./no-such-folder\n")
    monkeypatch.delenv(environment.PYTHON_VARIABLE, raising=False)
    monkeypatch.setattr(environment, "REQUIREMENTS", requirements)
    monkeypatch.setattr(environment, "ENVIRONMENT", tmp_path / "environment")
    monkeypatch.setattr(environment, "INSTALLED", tmp_path / "environment" / "installed")
    monkeypatch.setattr(runner, "FILE", tmp_path / "results.json")

    assert runner.main(["vdirsyncer", "--paired", "400", "--rounds", "1"]) == 1

    assert "skipped" in capsys.readouterr().out
    kept = json.loads((tmp_path / "results.json").read_text())["results"]
    assert len(kept) == 2 and all("no-such-folder" in result["skipped"] for result in kept)
    assert not environment.INSTALLED.exists()
