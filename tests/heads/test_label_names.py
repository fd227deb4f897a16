"""Names that say nothing, or that several labels have, are no examples of their labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.heads.label_names import affinity, distinct_names, readable, telling

LABELS = [f"label {n}" for n in range(12)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("book_flight", "book flight"),
        ("book-flight", "book flight"),
        ("BookFlight", "Book Flight"),
        ("travel:book.flight", "travel book flight"),
        ("größe_ändern", "größe ändern"),
        ("42", "42"),
        ("__", "__"),
    ],
)
def test_a_label_can_be_read(name: str, words: str) -> None:
    assert readable(name) == words


@pytest.mark.parametrize(
    ("names", "distinct"),
    [
        (["C", "C#", "C++", "Rust"], ["Rust"]),
        (["BookFlight", "book_flight", "hotel"], ["hotel"]),
        (["faq/price", "faq_price", "C#", "C"], []),
        (["-1", "0", "1"], []),
        (["1_star", "2_star"], ["1_star", "2_star"]),
        (["天気", "予約"], ["天気", "予約"]),
        (["?", "__", "ok"], ["ok"]),
    ],
)
def test_names_are_distinct_and_have_letters(names: Sequence[str], distinct: Sequence[str]) -> None:
    assert list(distinct_names(names)) == distinct


def vectors(says: float, *, examples: int = 3, seed: int = 0, common: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """(of the names [12, 384], of the examples [12 * examples, 384]); all have something in common."""
    generator = np.random.default_rng(seed)
    shift = common * generator.normal(size=384)
    centres = generator.normal(size=(12, 384))
    names = says * centres + (1 - says) * generator.normal(size=(12, 384)) + shift
    spread = generator.normal(size=(12 * examples, 384)) / 2
    return names, np.repeat(centres, examples, axis=0) + spread + shift


def labels_of(examples: np.ndarray) -> list[str]:
    return [label for label in LABELS for _ in range(len(examples) // 12)]


@given(seed=st.integers(0, 500), examples=st.sampled_from([1, 5]), common=st.sampled_from([0.0, 1.0, 4.0]))
def test_names_that_say_nothing_are_told_from_those_that_do(seed: int, examples: int, common: float) -> None:
    opaque, of = vectors(0.0, examples=examples, seed=seed, common=common)
    clear, _ = vectors(0.7, examples=examples, seed=seed, common=common)
    assert len(telling(LABELS, opaque, labels_of(of), of)) <= 1
    assert len(telling(LABELS, clear, labels_of(of), of)) == 12


def test_each_name_counts_by_itself_where_most_say_something() -> None:
    places = np.eye(12)
    names = places.copy()
    names[[2, 5]] = names[[5, 2]]  # the one is called like the other
    assert frozenset(LABELS) - telling(LABELS, names, LABELS, places) == {"label 2", "label 5"}


def test_a_name_where_its_examples_are_has_an_affinity_of_one() -> None:
    _, of = vectors(0.0, examples=1)
    assert affinity(LABELS, of, LABELS, of) == {name: pytest.approx(1, abs=0.2) for name in LABELS}
    assert np.mean(list(affinity(LABELS, of, LABELS, of).values())) == pytest.approx(1)


@pytest.mark.parametrize("names", [["a"], [], ["of no example", "nor this"]])
def test_what_cannot_be_measured_is_kept(names: list[str]) -> None:
    generator = np.random.default_rng(0)
    found = telling(names, generator.normal(size=(len(names), 4)), ["a", "a", "b"], generator.normal(size=(3, 4)))
    assert found == set(names)


def test_examples_that_are_all_the_same_tell_nothing() -> None:
    assert affinity(["a", "b"], np.eye(2), ["a", "b"], np.ones((2, 2))) == {}
    assert telling(["a", "b"], np.zeros((2, 2)), ["a", "b"], np.zeros((2, 2))) == {"a", "b"}
