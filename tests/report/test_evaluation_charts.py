"""The charts of an evaluation: well-formed, readable for any number of labels, and no user's text becomes markup."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.report.bars import LabelBar, label_bars
from nlu_kit.report.highlight import Marked, highlight
from nlu_kit.report.matrix import MOST, OTHERS, confusion_matrix, most_confused, reduce
from nlu_kit.report.reliability import Bin, confidence_histogram, reliability_diagram

EVIL = '<script>alert("&")</script>'


def parse(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if name in element.get("class", "").split()]


def titles(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter("title")]


def test_most_confused() -> None:
    pairs = most_confused(["a", "b", "c"], [[8, 2, 0], [0, 5, 0], [2, 0, 0]], most=5)
    assert [(pair.gold, pair.predicted, pair.count, pair.share) for pair in pairs] == [
        ("c", "a", 2, 1.0),
        ("a", "b", 2, 0.2),
    ]
    assert most_confused(["a"], [[3]], most=5) == []


def test_few_labels_are_all_drawn() -> None:
    assert reduce(["a", "b"], [[1, 2], [3, 4]]) == (["a", "b"], [[1, 2], [3, 4]])


@given(st.integers(MOST + 1, 60), st.integers(0, 5))
def test_many_labels_are_reduced_and_nothing_is_lost(count: int, step: int) -> None:
    labels = [f"l{number}" for number in range(count)]
    counts = [[(3 * i + 5 * j + step) % 4 if i != j else 10 for j in range(count)] for i in range(count)]
    shown, drawn = reduce(labels, counts)
    assert len(shown) == len(drawn) == MOST
    assert shown[-1] == OTHERS
    assert sum(map(sum, drawn)) == sum(map(sum, counts))
    for i, label in enumerate(shown[:-1]):
        assert sum(drawn[i]) == sum(counts[labels.index(label)])


def test_the_matrix_names_each_cell_that_has_something() -> None:
    root = parse(confusion_matrix([EVIL, "b"], [[3, 1], [0, 4000]], name=EVIL))
    assert f"{EVIL} → b: 1 (25 %)" in titles(root)
    assert "b → b: 4,000 (100 %)" in titles(root)
    assert not list(root.iter("script"))
    cells = of_class(root, "cell")
    assert [float(cell.get("fill-opacity", "")) for cell in cells] == [0.75, 0.25, 0.05, 1.0]
    assert re.fullmatch(r"width:\d+(\.\d+)?px", root.get("style", ""))


def test_reliability_marks_what_has_predictions() -> None:
    root = parse(reliability_diagram([Bin(10, 0.95, 0.9), Bin(0, 0.0, 0.0), Bin(2, 0.2, 0.5)], name=EVIL))
    marks = list(root.iter("circle"))
    assert len(marks) == 2
    assert float(marks[0].get("r", "")) == 10.0
    assert 3 < float(marks[1].get("r", "")) < 10
    assert "confidence 95.0, right 90.0: 10 predictions" in titles(root)
    parse(reliability_diagram([Bin(1, 0.5, 1.0)], name="x"))


def test_the_histogram_has_a_bar_for_each_bin_that_is_not_empty() -> None:
    root = parse(confidence_histogram([0, 4, 0, 8], [1, 0, 0, 0], name="x"))
    heights = [float(bar.get("height", "")) for bar in of_class(root, "bar")]
    assert len(heights) == 3
    assert heights[1] == pytest.approx(2 * heights[0])
    assert [label.text for label in of_class(root, "label")] == ["right: 12", "wrong: 1"]
    parse(confidence_histogram([0], [0], name="x"))


def test_label_bars() -> None:
    root = parse(label_bars([LabelBar(EVIL * 3, 0.5, 7), LabelBar("b", 1.0, 1200)], name="F1"))
    widths = [float(bar.get("width", "")) for bar in of_class(root, "bar")]
    assert widths[0] == pytest.approx(widths[1] / 2)
    assert "b: 100.00, 1,200 annotated" in titles(root)
    assert [count.text for count in root.iter("tspan")] == ["7", "1,200"]


def marks(markup: str) -> list[tuple[str, str]]:
    """(tag, text) of marks and labels, in order."""
    return [(element.tag, element.text or "") for element in parse(markup).iter() if element.tag != "bdi"] + [
        ("label", element.text or "") for element in of_class(parse(markup), "label")
    ]


def test_highlight() -> None:
    markup = highlight("in <Paris> 🎉 now", [Marked(3, 10, "city"), Marked(11, 12, "mood", wrong=True)])
    assert marks(markup) == [("mark", "<Paris>"), ("mark", "🎉"), ("label", "city"), ("label", "mood")]
    assert [element.text for element in of_class(parse(markup), "wrong")] == ["🎉", "mood"]
    assert parse(markup).get("dir") == "auto"


def test_spans_may_nest_and_overlap() -> None:
    markup = highlight("new york city", [Marked(0, 13, "place"), Marked(0, 8, "city"), Marked(4, 13, "odd")])
    assert marks(markup) == [
        ("mark", "new "),
        ("mark", "york"),
        ("mark", " city"),
        ("label", "city"),
        ("label", "odd"),
        ("label", "place"),
    ]


@given(
    text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")),
    spans=st.lists(st.tuples(st.integers(-2, 12), st.integers(-2, 14))),
)
def test_no_character_is_lost_or_doubled(text: str, spans: Any) -> None:
    root = parse(highlight(text, [Marked(start, end, "l") for start, end in spans]))
    for label in of_class(root, "label"):
        label.text = ""
    assert "".join(root.itertext()) == text
