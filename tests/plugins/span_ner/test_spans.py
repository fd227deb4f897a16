"""Where entities lie in the table of spans, and which may stand together."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.data.encoding import Encoding, Word
from nlu_kit.data.example import Entity
from nlu_kit_span_ner.params import Overlap
from nlu_kit_span_ner.spans import Cell, cells, compatible

# [CLS] the bank of new ##y York [SEP]
TEXT = "the bank of Newy York"
WORDS = (Word(1, 2, 0, 3), Word(2, 3, 4, 8), Word(3, 4, 9, 11), Word(4, 6, 12, 16), Word(6, 7, 17, 21))
ENCODING = Encoding(text=TEXT, ids=tuple(range(8)), words=WORDS, truncated=False)


def entity(start: int, end: int, label: str = "x") -> Entity:
    return Entity(start=start, end=end, label=label)


def test_an_entity_is_at_its_first_subword_and_width() -> None:
    bank, city, part = entity(4, 21, "org"), entity(12, 21, "city"), entity(17, 21, "city")
    assert cells([bank, city, part], ENCODING, 4) == {Cell(2, 3): bank, Cell(4, 1): city, Cell(6, 0): part}


def test_what_has_no_cell() -> None:
    wide, cut, first, second = entity(4, 21), entity(17, 30), entity(0, 3, "a"), entity(0, 3, "b")
    assert cells([wide], ENCODING, 3) == {}
    shortened = Encoding(text=TEXT + " and more", ids=ENCODING.ids, words=WORDS, truncated=True)
    assert cells([cut, entity(25, 30)], shortened, 4) == {}
    assert list(cells([first, second], ENCODING, 4).values()) == [first]


def test_an_entity_inside_a_word_takes_the_word() -> None:
    inside = entity(5, 7)
    assert cells([inside], ENCODING, 4) == {Cell(2, 0): inside}


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
