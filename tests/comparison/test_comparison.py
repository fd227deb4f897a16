"""From records to figures, intervals and notes; no run needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlu_kit.comparison.comparison import spread, summarise
from nlu_kit.comparison.comparison_table import table_lines
from nlu_kit.experiments.grid import parse_axes
from nlu_kit.experiments.plan import Plan, make_plan
from nlu_kit.experiments.runner import Results


def record(right: list[int], **changes: Any) -> dict[str, Any]:
    part = {"numerators": right, "denominators": [1] * len(right)}
    figure = sum(right) / len(right)
    return {
        "seed": 42,
        "evaluated_on": "test",
        "utterances": len(right),
        "utterances_sha256": "same",
        "scores": {"intent.accuracy": figure, "intent.macro_f1": 0.1, "exact_match": figure},
        "main": ["intent.accuracy", "exact_match"],
        "dev": {"intent.accuracy": 0.5},
        "best_epoch": 2,
        "epochs_run": 3,
        "reason": "finished",
        "seconds": 61.0,
        "peak_memory_mb": 1024.0,
        "device": "cpu",
        "precision": "fp32",
        "epochs": [],
        "run": "runs/x",
        "counts": {"intent.accuracy": part, "exact_match": part},
        **changes,
    }


@pytest.fixture
def plan(write_pipeline: Any, tmp_path: Path) -> Plan:
    return make_plan(write_pipeline(tmp_path), axes=parse_axes(["sampler=random,weighted"]), settings=(), seeds=2)


BAD, GOOD = [1, 0, 0, 0] * 10, [1, 1, 1, 0] * 10


def of(plan: Plan, *records: dict[str, Any] | None) -> dict[str, Any]:
    """Records in the order of the cells; None for a run that failed."""
    results = Results()
    for cell, one in zip(plan.cells, records, strict=True):
        results.failed.append((cell, "no luck")) if one is None else results.records.append((cell, one))
    return summarise(plan, results)


def test_mean_and_sample_deviation() -> None:
    assert spread([1.0, 2.0, 3.0]) == {"mean": 2.0, "sd": 1.0, "by_seed": [1.0, 2.0, 3.0]}
    assert spread([0.5])["sd"] is None


def test_the_better_one_is_found_and_tested(plan: Plan) -> None:
    summary = of(plan, record(BAD), record(GOOD), record(BAD), record(GOOD))
    assert [metric["name"] for metric in summary["metrics"]] == ["intent.accuracy", "exact_match"]
    test = summary["comparisons"]["intent.accuracy"]
    assert test["best"] == 2
    (pair,) = [pair for pair in test["pairs"] if pair["a"] == 2]
    assert pair["difference"] == pytest.approx(0.5)
    assert 0 < pair["low"] < 0.5 < pair["high"]
    assert pair["p"] < 0.001
    low, high = summary["combinations"][1]["metrics"]["intent.accuracy"]["interval"]
    assert low < 0.75 < high
    assert summary["notes"] == []


def test_a_metric_that_is_no_ratio_has_no_p_and_that_is_said(plan: Plan) -> None:
    odd = {"main": ["intent.macro_f1", "exact_match"]}
    summary = of(plan, *(record(right, **odd) for right in (BAD, GOOD, BAD, GOOD)))
    assert list(summary["comparisons"]) == ["exact_match"]
    assert summary["metrics"][0] == {"name": "intent.macro_f1", "resampled": False}
    assert any("No intervals and no p for intent.macro_f1" in note for note in summary["notes"])


def test_other_utterances_in_one_run_leave_no_test(plan: Plan) -> None:
    summary = of(plan, record(BAD), record(GOOD), record(BAD), record(GOOD, utterances_sha256="other"))
    assert summary["comparisons"] == {}
    assert any("not all evaluated on the same utterances" in note for note in summary["notes"])
    assert any("intent.accuracy" in line for line in table_lines(summary))


def test_dev_figures_are_called_too_good(plan: Plan) -> None:
    summary = of(plan, *[record(BAD, evaluated_on="dev")] * 4)
    assert any("names no test set" in note for note in summary["notes"])


def test_failed_runs_and_different_devices_are_noted(plan: Plan) -> None:
    summary = of(plan, record(BAD), record(GOOD, device="cuda:0"), None, record(GOOD))
    assert [len(row["seeds"]) for row in summary["combinations"]] == [1, 2]
    assert summary["combinations"][0]["metrics"]["exact_match"]["sd"] is None
    assert summary["failed"][0]["error"] == "no luck"
    assert any("several devices (cpu, cuda:0)" in note for note in summary["notes"])
    assert any("1 of 4 runs failed" in note for note in summary["notes"])
    gone = of(plan, None, record(GOOD), None, record(GOOD))
    assert [row["number"] for row in gone["combinations"]] == [2]
    assert any(line.startswith("2 weighted") for line in table_lines(gone))


def test_a_tie_is_won_by_the_first(plan: Plan) -> None:
    assert of(plan, *[record(GOOD)] * 4)["comparisons"]["exact_match"]["best"] == 1
