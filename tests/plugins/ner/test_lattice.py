"""Viterbi and forward-backward in numpy, against trying every path."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nlu_kit_ner import Scheme
from nlu_kit_ner import lattice as module
from nlu_kit_ner.lattice import Lattice, best_paths, marginals
from nlu_kit_ner.tags import Legal, legal_tags, tag_names

TAGS: dict[Scheme, tuple[str, ...]] = {"bio": tag_names(["x", "y"], "bio"), "bilou": tag_names(["x"], "bilou")}
CLASSES = 5  # of both
schemes = st.sampled_from(list(TAGS))


def legal(scheme: Scheme) -> Legal:
    return legal_tags(TAGS[scheme], scheme)


def arrays(*shape: int, most: float = 20.0) -> st.SearchStrategy[np.ndarray]:
    return npst.arrays(np.float64, shape, elements=st.floats(-most, most, width=16))


def learned(most: float = 20.0) -> st.SearchStrategy[dict[str, np.ndarray]]:
    parts = {"start": (CLASSES,), "steps": (CLASSES, CLASSES), "end": (CLASSES,)}
    return st.fixed_dictionaries({name: arrays(*shape, most=most) for name, shape in parts.items()})


def texts(most: float = 20.0, longest: int = 4) -> st.SearchStrategy[list[np.ndarray]]:
    return st.lists(st.integers(0, longest).flatmap(lambda w: arrays(w, CLASSES, most=most)), max_size=3)


def is_legal(path: np.ndarray, rules: Legal) -> bool:
    steps = all(rules.steps[i, j] for i, j in itertools.pairwise(path))
    return len(path) == 0 or bool(rules.start[path[0]] and rules.end[path[-1]] and steps)


@settings(max_examples=40, deadline=None)
@given(scores=texts(), scheme=schemes, scale=st.none() | learned())
def test_viterbi_finds_the_best_legal_path(every_path: Any, scores: Any, scheme: Scheme, scale: Any) -> None:
    lattice = Lattice.of(legal(scheme), scale)
    paths = best_paths(scores, lattice)
    assert [len(path) for path in paths] == [len(rows) for rows in scores]
    for path, rows in zip(paths, scores, strict=True):
        assert is_legal(path, legal(scheme))
        if len(rows):
            totals = dict(every_path(rows, lattice))
            assert totals[tuple(path.tolist())] == pytest.approx(max(totals.values()))


@settings(max_examples=40, deadline=None)
@given(scores=texts(most=300.0, longest=3), scheme=schemes, scale=st.none() | learned())
def test_marginals_are_shares_of_all_paths(every_path: Any, scores: Any, scheme: Scheme, scale: Any) -> None:
    lattice = Lattice.of(legal(scheme), scale)
    for found, rows in zip(marginals(scores, lattice), scores, strict=True):
        assert found.shape == rows.shape
        if not len(rows):
            continue
        totals = dict(every_path(rows, lattice))
        highest = max(totals.values())
        expected = np.zeros_like(rows)
        for path, total in totals.items():
            expected[np.arange(len(rows)), path] += np.exp(total - highest)
        expected /= expected[0].sum()
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("scheme", TAGS)
def test_both_ways_of_computing_marginals_agree(scheme: Scheme, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    learned = {
        "start": generator.normal(size=5),
        "steps": generator.normal(size=(5, 5)),
        "end": generator.normal(size=5),
    }
    lattice = Lattice.of(legal(scheme), learned)
    scores = [generator.normal(scale=5, size=(length, CLASSES)) for length in (60, 1, 17, 0, 60)]
    by_matrices = marginals(scores, lattice)
    monkeypatch.setattr(module, "_SPREAD", 0.0)
    term_by_term = marginals(scores, lattice)
    for one, other in zip(by_matrices, term_by_term, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_a_batch_is_its_texts_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(5)
    lattice = Lattice.of(
        legal("bilou"), {"start": np.zeros(5), "steps": generator.normal(size=(5, 5)), "end": np.ones(5)}
    )
    scores = [generator.normal(size=(length, CLASSES)) for length in (3, 0, 9, 1, 5, 2)]
    for cells in (1, 60, 10**6):  # one text at a time, a few, all
        monkeypatch.setattr(module, "_CELLS", cells)
        for row, path, shares in zip(scores, best_paths(scores, lattice), marginals(scores, lattice), strict=True):
            assert path.tolist() == best_paths([row], lattice)[0].tolist()
            np.testing.assert_allclose(shares, marginals([row], lattice)[0], atol=1e-12)


any_finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@settings(max_examples=150, deadline=None)
@given(
    scores=st.integers(1, 12).flatmap(lambda w: npst.arrays(np.float32, (w, CLASSES), elements=any_finite)),
    scheme=schemes,
)
def test_no_finite_score_buys_an_illegal_path(scores: np.ndarray, scheme: Scheme) -> None:
    lattice = Lattice.of(legal(scheme))
    assert is_legal(best_paths([scores.astype(np.float64)], lattice)[0], legal(scheme))
    (shares,) = marginals([scores.astype(np.float64)], lattice)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert (shares >= 0).all()


@settings(max_examples=60, deadline=None)
@given(scores=texts(longest=20), scheme=schemes, scale=learned())
def test_marginals_sum_to_one_and_give_illegal_tags_nothing(scores: Any, scheme: Scheme, scale: Any) -> None:
    rules = legal(scheme)
    for shares in marginals(scores, Lattice.of(rules, scale)):
        np.testing.assert_allclose(shares.sum(axis=1), 1.0)
        if len(shares):
            assert (shares[0, ~rules.start] == 0).all()
            assert (shares[-1, ~rules.end] == 0).all()


def test_without_transitions_to_learn_bio_scores_still_see_their_neighbours() -> None:
    scores = np.log(np.array([[0.5, 0.5, 1e-9, 1e-9, 1e-9], [1e-9, 1e-9, 1.0, 1e-9, 1e-9]]))
    (shares,) = marginals([scores], Lattice.of(legal("bio")))
    assert shares[0, 1] == pytest.approx(1.0)  # I-x can only follow B-x


def test_a_high_temperature_levels_and_a_low_one_decides() -> None:
    generator = np.random.default_rng(1)
    lattice = Lattice.of(legal("bio"), {"start": np.ones(5), "steps": generator.normal(size=(5, 5)), "end": np.ones(5)})
    scores = generator.normal(size=(6, CLASSES))
    (path,) = best_paths([scores], lattice)
    hot, cold = (marginals([scores / t], lattice.divided(t))[0] for t in (1e6, 1e-3))
    (level,) = marginals([np.zeros((6, CLASSES))], Lattice.of(legal("bio")))
    np.testing.assert_allclose(hot, level, atol=1e-4)
    assert cold[np.arange(6), path].min() > 0.999


def test_no_words_no_path() -> None:
    lattice = Lattice.of(legal("bio"))
    (path,) = best_paths([np.zeros((0, CLASSES))], lattice)
    assert path.shape == (0,)
    assert path.dtype == np.int64
    assert marginals([np.zeros((0, CLASSES))], lattice)[0].shape == (0, CLASSES)
    assert best_paths([], lattice) == marginals([], lattice) == []
