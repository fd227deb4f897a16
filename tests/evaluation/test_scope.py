"""What a detector does with utterances in and out of scope."""

from __future__ import annotations

from typing import Any

import pytest

from nlu_kit.errors import DataError
from nlu_kit.evaluation.figures import scope_section
from nlu_kit.evaluation.predictions import Predictions
from nlu_kit.evaluation.summary import summarise

ROWS = [
    ("a", "play", [], "play", 0.9, []),
    ("b", "play", [], "book", 0.9, []),
    ("c", "book", [], "book", 0.9, []),
    ("d", "oos", None, "book", 0.9, []),
    ("e", "oos", None, "book", 0.9, []),
]
SCORES = [0.1, 0.2, 0.6, 0.55, 0.3]


def test_by_hand(make_part: Any) -> None:
    found = scope_section(Predictions([make_part(ROWS, scores=SCORES)]))
    assert (found["in_scope"], found["out_of_scope"], found["detector"]) == (3, 2, True)
    assert found["figures"] == pytest.approx(
        {
            "in_scope_accuracy": 1 / 3,
            "false_rejection": 1 / 3,
            "recall": 1 / 2,
            "precision": 1 / 2,
            "auroc": 4 / 6,
            "fpr95": 1.0,
        }
    )


def test_the_intervals_are_of_the_same_ratios(make_part: Any) -> None:
    found = scope_section(Predictions([make_part(ROWS * 20, scores=SCORES * 20)]))
    assert set(found["intervals"]) == {"in_scope_accuracy", "false_rejection", "recall", "precision"}
    for name, (low, high) in found["intervals"].items():
        assert low < found["figures"][name] < high
        assert high - low < 0.5


def test_a_detector_that_rejects_nothing_has_no_interval_of_its_precision(make_part: Any) -> None:
    found = scope_section(Predictions([make_part(ROWS, scores=[0.0] * 5)]))
    assert found["figures"]["precision"] == 0
    assert set(found["intervals"]) == {"in_scope_accuracy", "false_rejection", "recall"}
    assert found["intervals"]["recall"] == pytest.approx([0, 1 - 0.025**0.5])


def test_data_that_is_all_out_of_scope(make_part: Any) -> None:
    """Whoever collects such texts wants to know how many are recognised; nothing else can be measured."""
    summary = summarise(Predictions([make_part(ROWS[3:], scores=SCORES[3:])]), name="x", model="m", data="d").summary
    assert {name: figure["value"] for name, figure in summary["figures"].items()} == {"out_of_scope.recall": 0.5}
    assert summary["errors"]["kinds"] == {"out_of_scope: accepted": 1}
    with pytest.raises(DataError, match=r"every annotated example of d is out of scope, and the model has no detector"):
        summarise(Predictions([make_part(ROWS[3:])]), name="x", model="m", data="d")


def test_scores_of_different_models_are_not_compared(make_part: Any) -> None:
    parts = [make_part(ROWS, scores=SCORES), make_part(ROWS, scores=SCORES)]
    figures = scope_section(Predictions(parts))["figures"]
    assert figures["recall"] == 1 / 2
    assert "auroc" not in figures


def test_the_summary_has_the_figures(make_part: Any) -> None:
    summary = summarise(Predictions([make_part(ROWS, scores=SCORES)]), name="x", model="m", data="d").summary
    assert summary["figures"]["out_of_scope.recall"]["value"] == 1 / 2
    assert summary["figures"]["intent.accuracy"]["value"] == pytest.approx(2 / 3)  # those out of scope have no intent


def test_a_model_that_cannot_tell(make_part: Any) -> None:
    summary = summarise(Predictions([make_part(ROWS)]), name="x", model="m", data="d").summary
    assert not any(name.startswith("out_of_scope") for name in summary["figures"])
    assert any("2 utterances are out of scope, and this model has nothing" in note for note in summary["notes"])
