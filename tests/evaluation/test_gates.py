"""Thresholds, and the JUnit file that shows them."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from nlu_kit.errors import ConfigError
from nlu_kit.evaluation.evaluation_files import junit_text
from nlu_kit.evaluation.gates import MAXIMUM, Gate, check_gates, parse_gates, unknown_figures
from nlu_kit.evaluation.predictions import Predictions
from nlu_kit.evaluation.summary import summarise

FIGURES = {"intent.accuracy": {"value": 0.9}, "exact_match": {"value": 0.5}, "intent.ece": {"value": 0.04}}


def test_gates() -> None:
    gates = parse_gates(["intent.accuracy=0.9", "exact_match=.75"])
    assert gates == [Gate("intent.accuracy", 0.9), Gate("exact_match", 0.75)]
    assert [gate["passed"] for gate in check_gates(gates, FIGURES)] == [True, False]


def test_gates_from_above() -> None:
    gates = parse_gates(["exact_match=0.5"], ["intent.ece=0.04", "intent.ece=0.03"])
    assert gates == [Gate("exact_match", 0.5), Gate("intent.ece", 0.04, MAXIMUM), Gate("intent.ece", 0.03, MAXIMUM)]
    assert [gate["passed"] for gate in check_gates(gates, FIGURES)] == [True, True, False]


@pytest.mark.parametrize(
    ("minima", "maxima", "told"),
    [
        (["out_of_scope.fpr95=0.1"], [], r"'out_of_scope.fpr95' is better when it is lower\n    write --fail-over out"),
        (["intent.ece_uncalibrated=0.1"], [], "better when it is lower"),
        (
            [],
            ["exact_match=0.9"],
            "'exact_match' is better when it is higher\n    write --fail-under exact",
        ),
        (["x"], ["y=2"], "2 problems on the command line"),
    ],
)
def test_a_figure_with_the_wrong_option(minima: list[str], maxima: list[str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_gates(minima, maxima)


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("intent.accuracy", "can't read"),
        ("=0.5", "can't read"),
        ("intent.accuracy=high", "can't read"),
        ("intent.accuracy=nan", "can't read"),
        ("intent.accuracy=95", "95 percent is 0.95"),
        ("intent.accuracy=-1", "not from 0 to 1"),
    ],
)
def test_gates_that_are_none(argument: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_gates([argument, "exact_match=0.5"])


def test_a_figure_that_there_is_not() -> None:
    gates = [Gate("intent.acuracy", 0.5), Gate("exact_match", 0.5)]
    assert [gate["metric"] for gate in check_gates(gates, FIGURES)] == ["exact_match"], "the others are checked"
    (problem,) = unknown_figures(gates, FIGURES)
    assert problem.message == "there is no figure 'intent.acuracy'"
    assert problem.hint == "did you mean 'intent.accuracy'? there are: intent.accuracy, exact_match, intent.ece"


def test_junit(answers: Predictions) -> None:
    summary: dict[str, Any] = summarise(answers, name='a "b" <c> \x07', model="m", data="d").summary
    gates = [Gate("intent.accuracy", 0.99), Gate("intent.accuracy", 0.1), Gate("ner.recall", 0.1)]
    gates += [Gate("intent.ece", 0.01, MAXIMUM), Gate("ner.f2", 0.5)]
    summary["gates"] = check_gates(gates, summary["figures"])
    root = ElementTree.fromstring(junit_text(summary, unknown_figures(gates, summary["figures"])).encode())
    (suite,) = root
    assert [suite.get(key) for key in ("tests", "failures", "errors")] == ["6", "2", "1"]
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert list(cases) == ["intent.accuracy", "ner.f1", "exact_match", "ner.recall", "intent.ece", "--fail-under"]
    failure, other = suite.iter("failure")
    assert failure in list(cases["intent.accuracy"])
    assert failure.get("message") == "intent.accuracy is 66.67 %, below the minimum of 99 %"
    assert other.get("type") == "fail-over"
    assert str(other.get("message")).endswith("%, above the maximum of 1 %")
    (error,) = suite.iter("error")
    assert error in list(cases["--fail-under"])
    assert error.get("message") == "there is no figure 'ner.f2'"
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert float(properties["exact_match"] or "") == summary["figures"]["exact_match"]["value"]
