"""Spans to tags and back; Viterbi against trying every path."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nlu_kit.data.encoding import Word
from nlu_kit.data.example import Entity
from nlu_kit_ner.bio import TaggedSpan, legal_transitions, spans_of, tag_words, viterbi

TAGS = ("O", "B-x", "I-x", "B-y", "I-y")
START, TRANSITIONS = legal_transitions(TAGS)


def legal(path: Sequence[str]) -> bool:
    pairs = zip(["O", *path], path, strict=False)
    return all(not tag.startswith("I-") or before[2:] == tag[2:] for before, tag in pairs)


def words(*sizes: int) -> list[Word]:
    """Words of these lengths, one space apart."""
    found, at = [], 0
    for token, size in enumerate(sizes, start=1):
        found.append(Word(token, token + 1, at, at + size))
        at += size + 1
    return found


@st.composite
def aligned(draw: st.DrawFn) -> tuple[list[Word], list[TaggedSpan]]:
    sizes = draw(st.lists(st.integers(1, 5), max_size=10))
    spans, at = [], 0
    while at < len(sizes):
        length = draw(st.integers(1, min(3, len(sizes) - at)))
        label = draw(st.sampled_from(["x", "y", "a-b", ""]))
        if draw(st.booleans()):
            spans.append(TaggedSpan(at, at + length - 1, label))
        at += length
    return words(*sizes), spans


@given(case=aligned())
def test_aligned_spans_survive_the_round_trip(case: tuple[list[Word], list[TaggedSpan]]) -> None:
    given_words, spans = case
    entities = [Entity(start=given_words[s.first].start, end=given_words[s.last].end, label=s.label) for s in spans]
    tags = tag_words(given_words, entities)
    assert len(tags) == len(given_words)
    assert legal(tags)
    assert spans_of(tags) == spans
    assert tag_words(given_words, entities[::-1]) == tags


@given(tags=st.lists(st.sampled_from(TAGS), max_size=8))
def test_any_tags_make_ordered_disjoint_spans(tags: list[str]) -> None:
    spans = spans_of(tags)
    covered = [position for span in spans for position in range(span.first, span.last + 1)]
    assert covered == [position for position, tag in enumerate(tags) if tag != "O"]


def test_an_inside_tag_that_continues_nothing_opens_a_span() -> None:
    assert spans_of(["I-x", "I-y", "O", "I-y"]) == [TaggedSpan(0, 0, "x"), TaggedSpan(1, 1, "y"), TaggedSpan(3, 3, "y")]


def test_adjacent_entities_of_one_label_stay_two() -> None:
    entities = [Entity(start=0, end=2, label="x"), Entity(start=3, end=5, label="x")]
    assert tag_words(words(2, 2), entities) == ["B-x", "B-x"]


def test_an_entity_takes_every_word_it_touches() -> None:
    given_words = words(4, 4, 4)  # [0,4) [5,9) [10,14)
    assert tag_words(given_words, [Entity(start=2, end=6, label="x")]) == ["B-x", "I-x", "O"]
    assert tag_words(given_words, [Entity(start=4, end=5, label="x")]) == ["O", "O", "O"]  # the space between


def test_where_two_entities_touch_a_word_the_first_keeps_it() -> None:
    entities = [Entity(start=6, end=14, label="y"), Entity(start=0, end=6, label="x")]
    assert tag_words(words(4, 4, 4), entities) == ["B-x", "I-x", "B-y"]


def test_transitions_forbid_exactly_what_is_illegal() -> None:
    for position, tag in enumerate(TAGS):
        assert (START[position] == 0) == legal([tag])
    for (i, before), (j, tag) in itertools.product(enumerate(TAGS), repeat=2):
        allowed = not tag.startswith("I-") or before[2:] == tag[2:]
        assert (TRANSITIONS[i, j] == 0) == allowed, (before, tag)


def test_a_label_space_without_entities() -> None:
    for tags in ((), ("O",)):
        start, transitions = legal_transitions(tags)
        assert start.shape == (len(tags),)
        assert transitions.shape == (len(tags), len(tags))
        assert not start.any()


scores_of = st.integers(1, 4).flatmap(
    lambda length: npst.arrays(np.float64, (length, len(TAGS)), elements=st.floats(-20, 20, width=16))
)


@settings(max_examples=60, deadline=None)
@given(scores=scores_of)
def test_viterbi_finds_the_best_legal_path(scores: np.ndarray) -> None:
    path = viterbi(scores, START, TRANSITIONS)
    assert legal([TAGS[index] for index in path])
    candidates = itertools.product(range(len(TAGS)), repeat=len(scores))
    best = max(
        sum(scores[position, index] for position, index in enumerate(candidate))
        for candidate in candidates
        if legal([TAGS[index] for index in candidate])
    )
    assert scores[np.arange(len(path)), path].sum() == pytest.approx(best)


@given(
    scores=st.integers(1, 12).flatmap(
        lambda length: npst.arrays(
            np.float32, (length, len(TAGS)), elements=st.floats(allow_nan=False, allow_infinity=False, width=32)
        )
    )
)
def test_no_finite_score_buys_an_illegal_path(scores: np.ndarray) -> None:
    path = viterbi(scores.astype(np.float64), START, TRANSITIONS)
    assert legal([TAGS[index] for index in path])


def test_extreme_scores_for_inside_tags_only() -> None:
    scores = np.full((3, len(TAGS)), -3e38)
    scores[0, TAGS.index("I-x")] = scores[1, TAGS.index("I-y")] = scores[2, TAGS.index("I-x")] = 3e38
    assert legal([TAGS[index] for index in viterbi(scores, START, TRANSITIONS)])


def test_no_words_no_path() -> None:
    path = viterbi(np.zeros((0, len(TAGS))), START, TRANSITIONS)
    assert path.shape == (0,)
    assert path.dtype == np.int64
