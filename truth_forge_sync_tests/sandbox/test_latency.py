"""The time from an edit until all systems agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from truth_forge_sync.assets.workbench import Workbench
from truth_forge_sync.errors import Stop
from truth_forge_sync.sandbox import latency
from truth_forge_sync.sandbox.compare import Comparison, Difference
from truth_forge_sync.sandbox.latency import Lag, measure, summary
from truth_forge_sync_tests.project import make_project

DIFFERS = Comparison({}, 0, (Difference("c1", ("city",), ()),))
AGREES = Comparison({}, 1, ())


def measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: list[Comparison], edits: int, limit: float = 5
) -> tuple[list[Lag], list[str]]:
    make_project(tmp_path, monkeypatch)
    monkeypatch.setenv("LOCAL_DATABASE_URL", f"sqlite:///{tmp_path}/local.db")
    made: list[str] = []
    monkeypatch.setattr(latency, "make_edit", lambda _settings, *, system, field: made.append(system))
    monkeypatch.setattr(latency, "_held", lambda *_: {"row": len(made)})
    monkeypatch.setattr(latency, "compare", lambda _settings: looks.pop(0) if len(looks) > 1 else looks[0])
    return list(measure(Workbench().settings, edits, limit=limit, sleep=lambda _seconds: None)), made


def test_an_edit_has_arrived_when_all_agree_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lags, made = measured(tmp_path, monkeypatch, [AGREES, DIFFERS, DIFFERS, AGREES], 2)
    assert made == ["local", "local"]
    assert all(lag.seconds is not None and lag.seconds < 5 for lag in lags)


def test_an_edit_that_does_not_arrive_in_time_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (lag,), _ = measured(tmp_path, monkeypatch, [AGREES, DIFFERS], 1, limit=0.05)
    assert lag.seconds is None
    assert summary([lag])["arrived"] == 0


def test_nothing_is_measured_where_the_systems_differ_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Stop, match="1 contacts differ"):
        measured(tmp_path, monkeypatch, [DIFFERS], 1)


def test_the_summary_tells_the_distribution() -> None:
    lags = [Lag("local", "city", float(seconds)) for seconds in range(1, 101)]
    assert summary([*lags, Lag("twenty", "city", None)]) == {
        "edits": 101, "arrived": 100, "median_seconds": 50.5, "p95_seconds": 95.0, "most_seconds": 100.0,
    }  # fmt: skip
    assert summary(lags[:1])["median_seconds"] == 1.0
