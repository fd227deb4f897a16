"""Two models: which utterances changed, and whether that is more than luck."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nlu_kit.errors import DataError, ModelError
from nlu_kit.evaluation.diff import compare, gate
from nlu_kit.evaluation.diff_page import diff_page
from nlu_kit.evaluation.diff_table import diff_lines
from nlu_kit.evaluation.figures import mcnemar

A = [
    ("wake me", "wake", [], "wake", 0.9, []),
    ("in Paris", "book", [(3, 8, "city")], "play", 0.8, [(3, 8, "city")]),
    ("play <b>jazz</b>", "play", [], "play", 0.7, [(0, 4, "time")]),
    ("play rock", "play", [], "play", 0.6, []),
]
B = [
    ("wake me", "wake", [], "play", 0.9, []),
    ("in Paris", "book", [(3, 8, "city")], "book", 0.8, []),
    ("play <b>jazz</b>", "play", [], "play", 0.7, []),
    ("play rock", "play", [], "play", 0.6, []),
]


@pytest.fixture
def summary(make_part: Any) -> dict[str, Any]:
    return compare(make_part(A), make_part(B), models=("old", "new"), data="d")


def test_what_changed(summary: dict[str, Any]) -> None:
    told = [(change["text"], change["change"], change["heads"]) for change in summary["changes"]]
    assert told == [
        ("wake me", "worse", {"intent": "worse"}),
        ("in Paris", "mixed", {"intent": "better", "ner": "worse"}),
        ("play <b>jazz</b>", "better", {"ner": "better"}),
    ]
    right = {name: (row["better"], row["worse"], row["both_right"]) for name, row in summary["right"].items()}
    assert right == {"exact_match": (1, 1, 1), "intent": (1, 1, 2), "ner": (1, 1, 2)}
    figure = summary["figures"]["exact_match"]
    assert figure["first"] == figure["second"] == 0.5
    assert figure["test"]["low"] < 0 < figure["test"]["high"]
    assert figure["test"]["p"] == pytest.approx(0.5, abs=0.02)
    spans = summary["figures"]["ner.f1"]
    assert (spans["first"], spans["second"]) == pytest.approx((2 / 3, 0))
    assert spans["test"]["difference"] == pytest.approx(-2 / 3)
    assert spans["test"]["p"] > 0.6


def test_the_other_way_round_is_the_opposite(make_part: Any, summary: dict[str, Any]) -> None:
    back = compare(make_part(B), make_part(A), models=("new", "old"), data="d")
    for name, row in summary["right"].items():
        assert (row["better"], row["worse"]) == (back["right"][name]["worse"], back["right"][name]["better"])
        assert row["p"] == back["right"][name]["p"]


def test_the_gate_counts_utterances_that_were_right_and_are_not(summary: dict[str, Any]) -> None:
    assert gate(summary, 1)["passed"]
    assert gate(summary, 0) == {"max_regressions": 0, "regressions": 1, "passed": False}
    summary["gate"] = gate(summary, 0)
    lines = diff_lines(summary)
    assert lines[-1] == "failed: 1 utterances got worse, at most 0 may"
    assert any("wake me" in line and "intent worse" in line for line in lines)


def test_the_page_escapes_texts(summary: dict[str, Any]) -> None:
    markup = diff_page(summary)
    assert "<b>jazz" not in markup
    assert "play</mark>" in markup
    assert "<script" not in markup


def test_only_heads_of_the_same_name_are_compared(make_part: Any) -> None:
    first, second = make_part(A), make_part(B)
    alone = replace(second, codecs={"intent": second.codecs["intent"], "mood": second.codecs["ner"]})
    found = compare(first, alone, models=("old", "new"), data="d")
    assert list(found["right"]) == ["exact_match", "intent"]
    assert found["right"]["exact_match"] == found["right"]["intent"]
    assert found["notes"] == [
        "Only old has the heads ner: they are not compared.",
        "Only new has the heads mood: they are not compared.",
    ]
    nothing = replace(second, codecs={"mood": second.codecs["ner"]})
    with pytest.raises(ModelError, match="no head of the same name"):
        compare(first, nothing, models=("old", "new"), data="d")


def test_data_without_annotation(make_part: Any) -> None:
    bare = make_part([("x", None, None, "play", 0.5, [])])
    with pytest.raises(DataError, match="annotated"):
        compare(bare, bare, models=("old", "new"), data="d")


def test_data_that_is_all_out_of_scope(make_part: Any) -> None:
    rows = [("sing\n\x1b[1m", "oos", None, "play", 0.9, [])]
    parts = [make_part(rows, scores=[score]) for score in (0.9, 0.1)]
    summary = compare(*parts, models=("a", "b"), data="d")
    assert gate(summary, 0) == {"max_regressions": 0, "regressions": 1, "passed": False}
    assert "  sing ␛[1m  (out_of_scope worse; t.jsonl:1)" in diff_lines(summary)


def test_a_detector_that_got_better(make_part: Any) -> None:
    rows = [*A, ("why", "oos", None, "play", 0.5, [])]
    before, after = make_part(rows, scores=[0, 0, 0, 0.9, 0.1]), make_part(rows, scores=[0, 0, 0, 0, 0.9])
    found = compare(before, after, models=("old", "new"), data="d")
    assert (found["right"]["out_of_scope"]["better"], found["right"]["out_of_scope"]["worse"]) == (2, 0)
    assert found["right"]["exact_match"]["better"] == 0, "that is over heads, as everywhere"
    assert found["right"]["entirely_right"]["better"] == 2
    assert {change["text"]: change["heads"] for change in found["changes"]} == {
        "play rock": {"out_of_scope": "better"},
        "why": {"out_of_scope": "better"},
    }


def test_the_gate_counts_what_is_newly_rejected(make_part: Any) -> None:
    """The labels are the same; but the second model turns away one utterance in scope, and takes in one out of it."""
    rows = [*A, ("why", "oos", None, "play", 0.5, []), ("hm", None, None, "play", 0.5, [])]
    before, after = (make_part(rows, scores=scores) for scores in ([0, 0, 0, 0, 0.9, 0], [0.9, 0.9, 0, 0, 0.1, 0.9]))
    found = compare(before, after, models=("old", "new"), data="d")
    assert found["right"]["exact_match"]["worse"] == 0
    assert gate(found, 1) == {"max_regressions": 1, "regressions": 2, "passed": False}
    assert {change["text"]: change["change"] for change in found["changes"]} == {
        "wake me": "worse",
        "why": "worse",
        "in Paris": "mixed",  # its intent was wrong before
    }, "no_progress said whether the last one is in scope"
    assert gate(compare(before, before, models=("old", "old"), data="d"), 0)["passed"]
    blind = compare(before, replace(after, watched=None), models=("old", "new"), data="d")
    assert gate(blind, 0)["passed"]
    assert "entirely_right" not in blind["right"]
    assert blind["notes"] == ["Only old has a detector: what it rejects is not compared."]


def test_other_intents_are_out_of_scope_for_one_model(make_part: Any) -> None:
    def notes(first: list[str], second: list[str]) -> Any:
        part = make_part(A)
        return compare(part, part, models=("old", "new"), data="d", out_of_scope=(first, second))["notes"]

    (note,) = notes(["oos"], ["oos", "chat"])
    assert "(oos for old and chat, oos for new): here, all of these are" in note
    assert "(none for old and oos for new)" in notes([], ["oos"])[0]
    assert notes(["chat", "oos"], ["oos", "chat"]) == []


@pytest.mark.parametrize(
    ("better", "worse", "p"), [(0, 0, 1.0), (1, 0, 1.0), (5, 0, 2 / 32), (8, 1, 20 / 512), (3, 3, 1.0)]
)
def test_mcnemar_by_hand(better: int, worse: int, p: float) -> None:
    assert mcnemar(better, worse) == mcnemar(worse, better) == pytest.approx(p)


def test_mcnemar_of_many() -> None:
    assert 0 < mcnemar(3000, 2000) < 1e-9
