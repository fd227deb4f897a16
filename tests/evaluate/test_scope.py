"""What a detector does with utterances in and out of scope."""

from __future__ import annotations

from typing import Any

import pytest

from nlu_kit.evaluate.part import Answers
from nlu_kit.evaluate.scope import scope_section
from nlu_kit.evaluate.summary import summarise

ROWS = [
    ("a", "play", [], "play", 0.9, []),
    ("b", "play", [], "book", 0.9, []),
    ("c", "book", [], "book", 0.9, []),
    ("d", "oos", None, "book", 0.9, []),
    ("e", "oos", None, "book", 0.9, []),
]
SCORES = [0.1, 0.2, 0.6, 0.55, 0.3]


def test_by_hand(make_part: Any) -> None:
    found = scope_section(Answers([make_part(ROWS, scores=SCORES)]))
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


def test_scores_of_different_models_are_not_compared(make_part: Any) -> None:
    parts = [make_part(ROWS, scores=SCORES), make_part(ROWS, scores=SCORES)]
    figures = scope_section(Answers(parts))["figures"]
    assert figures["recall"] == 1 / 2
    assert "auroc" not in figures


def test_the_summary_has_the_figures(make_part: Any) -> None:
    summary = summarise(Answers([make_part(ROWS, scores=SCORES)]), name="x", model="m", data="d").summary
    assert summary["figures"]["out_of_scope.recall"]["value"] == 1 / 2
    assert summary["figures"]["intent.accuracy"]["value"] == pytest.approx(2 / 3)  # those out of scope have no intent


def test_a_model_that_cannot_tell(make_part: Any) -> None:
    summary = summarise(Answers([make_part(ROWS)]), name="x", model="m", data="d").summary
    assert not any(name.startswith("out_of_scope") for name in summary["figures"])
    assert any("2 utterances are out of scope, and this model has nothing" in note for note in summary["notes"])
