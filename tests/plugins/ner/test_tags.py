"""Spans to tags and back, in both schemes; which tags are legal."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.encoding import Word
from nlu_kit.data.example import Entity
from nlu_kit_ner import Scheme
from nlu_kit_ner.tags import OUTSIDE, PREFIXES, TaggedSpan, legal_tags, place, spans_of, tag_names, tag_words

BOTH: list[Scheme] = ["bio", "bilou"]
schemes = st.sampled_from(BOTH)


def legal(path: Sequence[str], scheme: Scheme) -> bool:
    """The rules in words: an entity goes on with its own label; in BILOU it must, until its last word."""
    for before, tag in itertools.pairwise([OUTSIDE, *path, OUTSIDE]):
        is_open = before[0] in "BI"
        goes_on = tag[0] in "IL"
        if goes_on and not (is_open and before[2:] == tag[2:]):
            return False
        if scheme == "bilou" and is_open and not goes_on:
            return False
    return True


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


@given(case=aligned(), scheme=schemes)
def test_aligned_spans_survive_the_round_trip(case: tuple[list[Word], list[TaggedSpan]], scheme: Scheme) -> None:
    given_words, spans = case
    entities = [Entity(start=given_words[s.first].start, end=given_words[s.last].end, label=s.label) for s in spans]
    tags = [tag or "lost" for tag in tag_words(given_words, entities, scheme)]
    assert len(tags) == len(given_words)
    assert legal(tags, scheme)
    assert set(tags) <= set(tag_names(["x", "y", "a-b", ""], scheme))
    assert spans_of(tags) == spans
    assert tag_words(given_words, entities[::-1], scheme) == tags


overlapping = st.lists(
    st.builds(
        lambda s, n, label: Entity(start=s, end=s + n, label=label),
        st.integers(0, 30),
        st.integers(1, 12),
        st.sampled_from("xy"),
    ),
    max_size=6,
)


@given(entities=overlapping, sizes=st.lists(st.integers(1, 5), max_size=8))
def test_any_spans_give_legal_tags_that_mean_the_same_in_both_schemes(entities: list[Entity], sizes: list[int]) -> None:
    bio, bilou = ([tag or OUTSIDE for tag in tag_words(words(*sizes), entities, scheme)] for scheme in BOTH)
    assert legal(bio, "bio")
    assert legal(bilou, "bilou")
    assert spans_of(bio) == spans_of(bilou)


@given(tags=st.lists(st.sampled_from(["O", *(f"{p}-{n}" for p in "BILU" for n in "xy")]), max_size=8))
def test_any_tags_make_ordered_disjoint_spans(tags: list[str]) -> None:
    spans = spans_of(tags)
    covered = [position for span in spans for position in range(span.first, span.last + 1)]
    assert covered == [position for position, tag in enumerate(tags) if tag != OUTSIDE]


def test_bilou_by_hand() -> None:
    entities = [
        Entity(start=0, end=2, label="x"),
        Entity(start=3, end=8, label="y"),
        Entity(start=9, end=17, label="x"),
    ]
    tags = tag_words(words(2, 2, 2, 2, 2, 2), entities, "bilou")
    assert tags == ["U-x", "B-y", "L-y", "B-x", "I-x", "L-x"]
    assert tag_words(words(2, 2, 2, 2, 2, 2), entities) == ["B-x", "B-y", "I-y", "B-x", "I-x", "I-x"]


def test_a_tag_that_continues_nothing_opens_a_span() -> None:
    assert spans_of(["I-x", "I-y", "O", "I-y"]) == [TaggedSpan(0, 0, "x"), TaggedSpan(1, 1, "y"), TaggedSpan(3, 3, "y")]
    assert spans_of(["U-x", "I-x", "L-x", "L-x"]) == [
        TaggedSpan(0, 0, "x"),
        TaggedSpan(1, 2, "x"),
        TaggedSpan(3, 3, "x"),
    ]


def test_adjacent_entities_of_one_label_stay_two() -> None:
    entities = [Entity(start=0, end=2, label="x"), Entity(start=3, end=5, label="x")]
    assert tag_words(words(2, 2), entities) == ["B-x", "B-x"]
    assert tag_words(words(2, 2), entities, "bilou") == ["U-x", "U-x"]


def test_what_fits_no_words_is_lost_and_the_words_that_it_touches_are_nobodys() -> None:
    given_words = words(4, 4, 4)  # [0,4) [5,9) [10,14)
    assert tag_words(given_words, [Entity(start=2, end=6, label="x")]) == [None, None, "O"]
    assert tag_words(given_words, [Entity(start=4, end=5, label="x")]) == ["O", "O", "O"]  # the space between
    beside = [Entity(start=0, end=6, label="y"), Entity(start=5, end=14, label="x")]
    assert tag_words(given_words, beside) == [None, "B-x", "I-x"]  # one that is lost takes no word from another


def test_an_entity_that_shares_a_word_with_one_before_it_is_lost_whole() -> None:
    entities = [Entity(start=5, end=14, label="y"), Entity(start=0, end=9, label="x")]
    assert tag_words(words(4, 4, 4), entities) == ["B-x", "I-x", None]
    nested = [Entity(start=0, end=4, label="y"), Entity(start=0, end=9, label="x"), Entity(start=10, end=14, label="z")]
    assert tag_words(words(4, 4, 4), nested, "bilou") == ["B-x", "L-x", "U-z"]


@given(entities=overlapping, sizes=st.lists(st.integers(1, 5), max_size=8))
def test_each_is_either_told_by_tags_or_lost(entities: list[Entity], sizes: list[int]) -> None:
    given_words = words(*sizes)
    placed = place(given_words, entities)
    told = [entity for entity, _ in placed.entities]
    assert sorted([*told, *placed.unlearnable], key=repr) == sorted(entities, key=repr)
    tags = tag_words(given_words, entities)
    found = spans_of([tag or OUTSIDE for tag in tags])
    assert [(given_words[s.first].start, given_words[s.last].end, s.label) for s in found] == [
        (entity.start, entity.end, entity.label) for entity in told
    ]
    for word, tag in zip(given_words, tags, strict=True):
        touched = any(word.start < entity.end and entity.start < word.end for entity in placed.unlearnable)
        assert (tag is None) == (touched and not any(e.start <= word.start < e.end for e in told))


def test_the_tags_of_a_label_stand_together() -> None:
    assert tag_names(["x", "y"], "bio") == ("O", "B-x", "I-x", "B-y", "I-y")
    assert tag_names(["x"], "bilou") == ("O", "B-x", "I-x", "L-x", "U-x")


@pytest.mark.parametrize("scheme", BOTH)
def test_what_is_forbidden_is_exactly_what_is_illegal(scheme: Scheme) -> None:
    tags = tag_names(["x", "y"], scheme)
    found = legal_tags(tags, scheme)
    for length in (1, 2, 3):
        for path in itertools.product(range(len(tags)), repeat=length):
            allowed = found.start[path[0]] and found.end[path[-1]]
            allowed = allowed and all(found.steps[i, j] for i, j in itertools.pairwise(path))
            assert allowed == legal([tags[index] for index in path], scheme), path


@pytest.mark.parametrize("scheme", BOTH)
def test_a_label_space_without_entities(scheme: Scheme) -> None:
    for tags in ((), ("O",)):
        found = legal_tags(tags, scheme)
        assert found.start.shape == found.end.shape == (len(tags),)
        assert found.steps.shape == (len(tags), len(tags))
        assert found.start.all()
        assert found.steps.all()
        assert found.end.all()


def test_schemes_and_prefixes_are_the_same_set() -> None:
    assert sorted(PREFIXES) == sorted(BOTH)
