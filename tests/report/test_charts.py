"""Charts are well-formed, show every figure where it belongs, and let no user's text become markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from nlu_kit.report.bars import Bar, bar_chart
from nlu_kit.report.curves import Series, learning_curves
from nlu_kit.report.scatter import Cloud, scatter
from nlu_kit.report.svg import tag

EVIL = '<script>alert("&")</script>'


def parse(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if name in element.get("class", "").split()]


def test_a_bar_is_as_long_as_its_figure() -> None:
    root = parse(
        bar_chart(
            [Bar(1, "a", 0.5, [0.4, 0.6], (0.3, 0.7)), Bar(2, "b", 1.0, [1.0], None), Bar(3, "c", 0.0, [0.0], None)],
            name="x",
        )
    )
    widths = [float(bar.get("width", "")) for bar in of_class(root, "bar")]
    assert widths[0] == pytest.approx(widths[1] / 2)
    assert widths[2] < 1
    assert len(of_class(root, "seed")) == 2
    assert len(of_class(root, "whisker")) == 3
    assert [value.text for value in of_class(root, "value")] == ["50.00", "100.00", "0.00"]


def test_a_curve_is_solid_as_far_as_all_runs_go() -> None:
    series = Series(1, "a", [[0.1, 0.2, 0.3, 0.5], [0.3, 0.4]])
    assert series.shared == 2
    assert series.means() == pytest.approx([0.2, 0.3, 0.3, 0.5])
    root = parse(learning_curves([series, Series(2, "b", [[0.7]])], name="x"))
    points = [len(re.findall(r"[ML]", line.get("d", ""))) for line in of_class(root, "line")]
    assert points == [2, 3, 1]  # solid, dotted from the last shared point on, and the single epoch of b
    assert len(of_class(root, "band")) == 1
    assert [name.text for name in of_class(root, "name")] == ["1", "2"]


def test_a_scatter_marks_means_and_runs() -> None:
    root = parse(
        scatter([Cloud(1, "a", [(0.9, 0.2), (0.8, 0.4)]), Cloud(2, "b", [(0.9, 0.9)])], x_name="i", y_name="n")
    )
    assert len(of_class(root, "dot")) == 2
    assert len(of_class(root, "seed")) == 2
    titles = [title.text for title in root.iter() if title.tag == "title"]
    assert titles == ["1 a: 85.00 / 30.00", "2 b: 90.00 / 90.00"]


def test_equal_figures_have_a_chart_too() -> None:
    parse(scatter([Cloud(1, "a", [(1.0, 0.0)])], x_name="i", y_name="n"))
    parse(learning_curves([Series(1, "a", [[0.0]])], name="x"))


def test_text_does_not_become_markup() -> None:
    drawn = [
        bar_chart([Bar(1, EVIL, 0.5, [0.5], None)], name=EVIL),
        learning_curves([Series(1, EVIL, [[0.1]])], name=EVIL),
        scatter([Cloud(1, EVIL, [(0.5, 0.5)])], x_name=EVIL, y_name=EVIL),
    ]
    for markup in drawn:
        assert not [element for element in parse(markup).iter() if element.tag == "script"]


def test_attributes() -> None:
    assert tag("a", class_="x", data_label='"', x=1.50, y=None, name="n") == (
        '<a class="x" data-label="&quot;" x="1.5" name="n"></a>'
    )
