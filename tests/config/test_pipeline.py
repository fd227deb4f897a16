"""Heads that read what other heads decoded: the order, and what is said where there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.config.pipeline import reading_order, reading_problems
from nlu_kit.errors import ConfigError

NAMES = st.sampled_from("abcdef")


def test_a_head_comes_after_those_it_reads_and_the_rest_stay_in_order() -> None:
    assert reading_order({"relations": ["ner"], "intent": [], "ner": [], "events": ["relations", "ner"]}) == [
        "intent", "ner", "relations", "events",
    ]  # fmt: skip


def test_a_head_that_is_not_there_is_named_with_the_nearest() -> None:
    (problem,) = reading_problems({"relations": ["nre"], "ner": []})
    assert problem.path == "heads.relations"
    assert "'nre'" in problem.message
    assert "did you mean 'ner'?" in problem.hint


def test_heads_that_wait_for_each_other_are_named() -> None:
    with pytest.raises(ConfigError, match=r"wait for each other's predictions: a, b, c"):
        reading_order({"a": ["b"], "b": ["a"], "c": ["b"], "d": []})


def test_a_head_can_not_read_itself() -> None:
    assert len(reading_problems({"a": ["a"]})) == 1


@given(reads=st.dictionaries(NAMES, st.lists(NAMES, max_size=3), max_size=6))
def test_either_there_is_an_order_that_keeps_every_promise_or_there_is_a_problem(reads: dict[str, list[str]]) -> None:
    if reading_problems(reads):
        with pytest.raises(ConfigError):
            reading_order(reads)
        return
    order = reading_order(reads)
    assert sorted(order) == sorted(reads)
    assert all(order.index(other) < order.index(name) for name, others in reads.items() for other in others)
