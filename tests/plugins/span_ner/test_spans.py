"""Where entities lie in the table of spans, and which may stand together."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.encoding import Encoding, Word
from nlu_kit.data.example import Entity
from nlu_kit_span_ner import Overlap
from nlu_kit_span_ner.spans import Cell, Placed, compatible, place

# [CLS] the bank of new ##y York [SEP]
TEXT = "the bank of Newy York"
WORDS = (Word(1, 2, 0, 3), Word(2, 3, 4, 8), Word(3, 4, 9, 11), Word(4, 6, 12, 16), Word(6, 7, 17, 21))
ENCODING = Encoding(text=TEXT, ids=tuple(range(8)), words=WORDS, truncated=False)


def entity(start: int, end: int, label: str = "x") -> Entity:
    return Entity(start=start, end=end, label=label)


def test_an_entity_is_at_its_first_subword_and_width() -> None:
    bank, city, part = entity(4, 21, "org"), entity(12, 21, "city"), entity(17, 21, "city")
    placed = place([city, part, bank], ENCODING, 4, "nested")
    assert placed.entities == {Cell(2, 3): bank, Cell(4, 1): city, Cell(6, 0): part}
    assert not placed.unlearnable
    assert not placed.unclear


def test_of_a_wide_one_every_span_within_it_is_known_to_be_none() -> None:
    wide = entity(4, 21)
    assert place([wide], ENCODING, 3, "nested") == Placed(entities={}, unlearnable=[wide], unclear=set())


def test_one_that_fits_no_words_may_be_any_span_that_it_touches() -> None:
    shortened = Encoding(text=TEXT + " and more", ids=ENCODING.ids, words=WORDS, truncated=True)
    cut, beyond = entity(12, 30), entity(25, 30)
    assert place([beyond, cut], shortened, 4, "nested").unlearnable == [cut, beyond]
    assert place([cut], shortened, 4, "nested").unclear == {Cell(4, 0), Cell(4, 1), Cell(6, 0)}
    inside = entity(5, 7)
    assert place([inside], ENCODING, 4, "nested") == Placed(entities={}, unlearnable=[inside], unclear={Cell(2, 0)})
    assert place([entity(5, 19)], ENCODING, 2, "nested").unclear == {
        *(Cell(token, 0) for token in (2, 3, 4, 6)),
        *(Cell(token, 1) for token in (2, 3, 4)),
    }


def test_the_first_of_two_with_the_same_words_keeps_them() -> None:
    first, second = entity(0, 3, "a"), entity(0, 3, "b")
    assert place([second, first], ENCODING, 4, "nested") == Placed({Cell(1, 0): first}, [second], set())


spans_of_text = st.lists(
    st.builds(
        lambda start, size, label: entity(start, start + size, label),
        st.sampled_from([0, 2, 4, 9, 12, 17, 20]),
        st.sampled_from([1, 2, 3, 4, 8, 9, 12, 17]),
        st.sampled_from("xy"),
    ),
    max_size=6,
)


@given(entities=spans_of_text, width=st.integers(1, 5), overlap=st.sampled_from(["allow", "nested", "flat"]))
def test_each_is_either_told_or_lost(entities: list[Entity], width: int, overlap: Overlap) -> None:
    placed = place(entities, ENCODING, width, overlap)
    key = lambda e: (e.start, e.end, e.label)  # noqa: E731
    assert sorted([*placed.entities.values(), *placed.unlearnable], key=key) == sorted(entities, key=key)
    assert not placed.entities.keys() & set(placed.unclear)
    position = {word.token: number for number, word in enumerate(WORDS)}
    for cell, told in placed.entities.items():
        first = position[cell.token]
        assert (told.start, told.end) == (WORDS[first].start, WORDS[first + cell.width].end)
    for cell in placed.unclear:  # of nothing else than what is lost
        first, last = WORDS[position[cell.token]], WORDS[position[cell.token] + cell.width]
        assert any(first.start < lost.end and lost.start < last.end for lost in placed.unlearnable)


def clash(a: Entity, b: Entity, overlap: Overlap) -> bool:
    shared = set(range(a.start, a.end)) & set(range(b.start, b.end))
    nested = shared in (set(range(a.start, a.end)), set(range(b.start, b.end)))
    return bool(shared) and (overlap == "flat" or (overlap == "nested" and not nested))


@given(
    spans=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 4)), max_size=7),
    overlap=st.sampled_from(["allow", "nested", "flat"]),
)
def test_none_that_is_kept_clashes_and_each_that_is_not_does(spans: list[tuple[int, int]], overlap: Overlap) -> None:
    entities = [entity(start, start + width) for start, width in spans]
    kept = compatible(entities, overlap)
    assert not any(clash(a, b, overlap) for a, b in combinations(kept, 2))
    for dropped in entities:
        assert any(dropped is k for k in kept) or any(clash(dropped, k, overlap) for k in kept)
    if overlap == "allow":
        assert kept == entities


@pytest.mark.parametrize(("overlap", "count"), [("allow", 3), ("nested", 2), ("flat", 1)])
def test_the_first_wins(overlap: Overlap, count: int) -> None:
    outer, inner, crossing = entity(4, 21), entity(12, 21), entity(0, 8)
    assert compatible([outer, inner, crossing], overlap) == [outer, inner, crossing][:count]
