"""Every bundled detector: what it finds far out, what it keeps, and its formula against a plain one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from nlu_kit.data.labels import LabelSpace
from nlu_kit.metrics.detection import auroc
from nlu_kit.plugin.contracts import DetectorContext, DetectorFeatures
from nlu_kit.registry import Registry

REGISTRY = Registry.load()
NAMES = ["energy", "knn", "mahalanobis", "max_softmax"]
CLASSES, WIDTH = 4, 6


def build(name: str, *, fitted: float = 1.0, **options: Any) -> Any:
    """``fitted`` is the temperature that calibration has found."""
    spec: Any = REGISTRY.get("detector", name).spec
    labels = LabelSpace(tuple("abcd"))
    return spec.build(spec.params(**options), DetectorContext(head="intent", labels=labels, temperature=fitted))


def world(rows: int = 200, seed: int = 0) -> tuple[DetectorFeatures, DetectorFeatures, DetectorFeatures]:
    """(train, further utterances in scope, utterances out of scope): clusters, and what is between them."""
    generator = np.random.default_rng(seed)
    centres = 4 * np.eye(CLASSES, WIDTH)

    def near(labels: np.ndarray) -> np.ndarray:
        return (centres[labels] + 0.4 * generator.normal(size=(len(labels), WIDTH))).astype(np.float32)

    train, further = generator.integers(CLASSES, size=rows), generator.integers(CLASSES, size=rows)
    outside = (1.0 * generator.normal(size=(rows, WIDTH)) + centres.mean(axis=0)).astype(np.float32)
    return (
        features(near(train), labels=train),
        features(near(further)),
        features(outside),
    )


def features(vectors: np.ndarray, labels: np.ndarray | None = None) -> DetectorFeatures:
    return DetectorFeatures(logits=vectors[:, :CLASSES], vectors=vectors, labels=labels)


def test_these_are_bundled_and_one_is_the_default() -> None:
    assert [provided.spec.name for provided in REGISTRY.all("detector")] == NAMES
    assert REGISTRY.default("detector").spec.name == "mahalanobis"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_out_of_scope_scores_higher(name: str) -> None:
    train, inside, outside = world()
    detector = build(name)
    detector.fit(train)
    assert auroc(detector.score(inside), detector.score(outside)) > 0.9


@pytest.mark.parametrize("name", NAMES)
def test_each_utterance_is_scored_for_itself(name: str) -> None:
    train, inside, _ = world(rows=30)
    detector = build(name)
    detector.fit(train)
    alone = [float(detector.score(features(inside.vectors[i : i + 1]))[0]) for i in range(30)]
    assert detector.score(inside) == pytest.approx(alone)


@pytest.mark.parametrize("name", NAMES)
def test_what_it_keeps_is_all_it_needs(name: str) -> None:
    train, inside, _ = world(rows=50)
    taught, again = build(name), build(name)
    taught.fit(train)
    state = {key: np.array(value) for key, value in taught.state().items()}
    assert all(array.dtype == np.float32 for array in state.values())
    assert bool(state) == REGISTRY.get("detector", name).spec.learns  # type: ignore[attr-defined]
    again.load(state)
    assert np.array_equal(again.score(inside), taught.score(inside))


@settings(deadline=None, max_examples=40)
@given(
    npst.arrays(np.float32, st.tuples(st.integers(1, 12), st.just(5)), elements=st.floats(-100, 100, width=32)),
    st.sampled_from(NAMES),
)
def test_scores_are_finite_whatever_comes(vectors: np.ndarray, name: str) -> None:
    """One example, examples that are all the same, vectors of zeros."""
    detector = build(name)
    labels = np.arange(len(vectors)) % 3
    detector.fit(DetectorFeatures(logits=vectors[:, :3], vectors=vectors, labels=labels))
    scores = detector.score(DetectorFeatures(logits=100 * vectors[:, :3], vectors=vectors))
    assert scores.shape == (len(vectors),)
    assert np.isfinite(scores).all()


def test_max_softmax_by_hand_and_where_one_minus_p_is_zero() -> None:
    logits = np.array([[np.log(3), 0.0], [60.0, 0.0]], dtype=np.float32)
    scores = build("max_softmax").score(DetectorFeatures(logits=logits, vectors=logits))
    assert scores == pytest.approx([0.25, np.exp(-60.0)])
    assert scores[1] > 0


def test_max_softmax_takes_the_calibrated_temperature_unless_told() -> None:
    data = features(np.eye(4, 6, dtype=np.float32) * 8)
    assert build("max_softmax", fitted=4.0).score(data) == pytest.approx(3 / (np.exp(2) + 3))
    assert build("max_softmax", fitted=9.0, temperature=4.0).score(data) == pytest.approx(3 / (np.exp(2) + 3))


def test_energy_by_hand() -> None:
    logits = np.array([[1.0, 2.0], [1000.0, 0.0]], dtype=np.float32)
    data = DetectorFeatures(logits=logits, vectors=logits)
    assert build("energy").score(data) == pytest.approx([-np.log(np.e + np.e**2), -1000.0])
    assert build("energy", fitted=2.0).score(data)[0] == pytest.approx(-2 * np.log(np.exp(0.5) + np.e))
    assert build("energy", fitted=7.0, temperature=2.0).score(data)[0] == pytest.approx(-2 * np.log(np.exp(0.5) + np.e))


def test_mahalanobis_against_the_plain_formula() -> None:
    train, inside, _ = world(rows=80)
    detector = build("mahalanobis", shrinkage=0.25, relative=False, unit_length=False)
    detector.fit(train)
    labels = np.asarray(train.labels)
    means = np.stack([train.vectors[labels == c].mean(axis=0) for c in range(CLASSES)]).astype(np.float64)
    centred = train.vectors - means[labels]
    covariance = centred.T @ centred / len(labels)
    shrunk = 0.75 * covariance + 0.25 * np.trace(covariance) / WIDTH * np.eye(WIDTH)
    inverse = np.linalg.inv(shrunk)
    expected = [min((v - m) @ inverse @ (v - m) for m in means) for v in inside.vectors.astype(np.float64)]
    assert detector.score(inside) * WIDTH == pytest.approx(expected, rel=1e-3)


def test_mahalanobis_is_relative_to_the_distance_to_all() -> None:
    train, inside, _ = world(rows=80)
    plain, relative = build("mahalanobis", relative=False), build("mahalanobis")
    for detector in (plain, relative):
        detector.fit(train)
    vectors = train.vectors / np.linalg.norm(train.vectors, axis=1, keepdims=True)
    centred = vectors - vectors.mean(axis=0)
    covariance = centred.T @ centred / len(centred)
    inverse = np.linalg.inv(0.5 * covariance + 0.5 * np.trace(covariance) / WIDTH * np.eye(WIDTH))
    away = inside.vectors / np.linalg.norm(inside.vectors, axis=1, keepdims=True) - vectors.mean(axis=0)
    expected = np.einsum("nd,de,ne->n", away, inverse, away) / WIDTH
    assert plain.score(inside) - relative.score(inside) == pytest.approx(expected, rel=1e-3)


def test_mahalanobis_with_one_class_is_not_relative_to_the_same() -> None:
    train, inside, _ = world(rows=80)
    detector = build("mahalanobis")
    detector.fit(DetectorFeatures(logits=train.logits, vectors=train.vectors, labels=np.zeros(80, dtype=int)))
    assert detector.score(inside).std() > 0.01


@pytest.mark.parametrize("name", ["mahalanobis", "knn"])
def test_the_length_of_a_vector_tells_nothing(name: str) -> None:
    train, inside, _ = world(rows=80)
    detector = build(name)
    detector.fit(train)
    assert detector.score(features(3 * inside.vectors)) == pytest.approx(detector.score(inside), abs=1e-4)


def test_it_does_where_mahalanobis_is_told_so() -> None:
    train, inside, _ = world(rows=80)
    detector = build("mahalanobis", unit_length=False)
    detector.fit(train)
    assert (detector.score(features(3 * inside.vectors)) > detector.score(inside)).all()


def test_mahalanobis_with_fewer_examples_than_dimensions() -> None:
    train, inside, outside = world(rows=5)
    detector = build("mahalanobis")
    detector.fit(train)
    assert np.isfinite(np.concatenate([detector.score(inside), detector.score(outside)])).all()


def test_knn_against_the_plain_formula() -> None:
    train, inside, _ = world(rows=40)
    detector = build("knn", k=3)
    detector.fit(train)
    kept = train.vectors / np.linalg.norm(train.vectors, axis=1, keepdims=True)
    expected = []
    for vector in inside.vectors:
        unit = vector / np.linalg.norm(vector)
        expected.append(sorted(np.linalg.norm(kept - unit, axis=1))[2])
    assert detector.score(inside) == pytest.approx(expected, abs=1e-3)


def test_knn_keeps_so_many_of_each_class() -> None:
    train, inside, _ = world(rows=200)
    detector = build("knn", per_class=7)
    detector.fit(train)
    assert detector.state()["vectors"].shape == (7 * CLASSES, WIDTH)
    assert np.isfinite(detector.score(inside)).all()


def test_knn_with_fewer_vectors_than_k_takes_the_farthest() -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    detector = build("knn", k=9)
    detector.fit(DetectorFeatures(logits=vectors, vectors=vectors, labels=np.array([0, 1])))
    assert detector.score(DetectorFeatures(logits=vectors, vectors=vectors)) == pytest.approx([np.sqrt(2)] * 2)
