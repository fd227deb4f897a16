"""The contract of a detector. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from safetensors.numpy import load, save

from nlu_kit.data.labels import LabelSpace
from nlu_kit.plugin.contracts import Detector, DetectorContext, DetectorFeatures
from nlu_kit.testing.clauses import clause
from nlu_kit.testing.codec import NAME
from nlu_kit.testing.isolated import place, run_isolated
from nlu_kit.testing.material import random_arrays
from nlu_kit.testing.trial import ComponentContract

LABELS, WIDTH = LabelSpace(("a", "b", "c")), 12
_SCORE = """
import numpy as np
from nlu_kit.data.labels import LabelSpace
from nlu_kit.plugin import DetectorFeatures
from nlu_kit.plugin import DetectorContext
labels = LabelSpace(tuple(task["labels"]))
detector = find(task["build"])(params, DetectorContext(head=task["head"], labels=labels, temperature=1.0))
arrays = np.load(sys.argv[2])
features = DetectorFeatures(logits=arrays["logits"], vectors=arrays["vectors"], labels=arrays["labels"])
if task["learns"]:
    detector.fit(features)
detector.score(features)
detector.state()
"""


def familiar(count: int = 45, *, labels: int = 3) -> DetectorFeatures:
    """What training gives: a cloud of sentence vectors for each label, logits that speak for it."""
    generator = np.random.default_rng(7)
    classes = np.arange(count) % labels
    vectors = 4 * np.eye(WIDTH)[classes] + 0.3 * generator.normal(size=(count, WIDTH))
    logits = 6 * np.eye(labels)[classes] + generator.normal(size=(count, labels))
    return DetectorFeatures(logits=logits.astype(np.float32), vectors=vectors.astype(np.float32), labels=classes)


def strange(count: int = 15) -> DetectorFeatures:
    """What resembles none of that: vectors that point elsewhere, logits that speak for nothing."""
    generator = np.random.default_rng(8)
    vectors = 4 * np.eye(WIDTH)[3 + np.arange(count) % 3] + 0.3 * generator.normal(size=(count, WIDTH))
    logits = 0.1 * generator.normal(size=(count, len(LABELS)))
    return DetectorFeatures(logits=logits.astype(np.float32), vectors=vectors.astype(np.float32))


def rows(features: DetectorFeatures, places: Sequence[int] | np.ndarray) -> DetectorFeatures:
    """Some of the utterances, without their labels: as at prediction."""
    return DetectorFeatures(logits=features.logits[places], vectors=features.vectors[places])


class DetectorContract(ComponentContract):
    """The clauses of a detector."""

    kind = "detector"

    def build(self, labels: LabelSpace = LABELS) -> Detector:
        """One that has learnt nothing."""
        built: Detector = self.spec.build(self.params, DetectorContext(head=NAME, labels=labels, temperature=1.3))
        return built

    def trained(self, features: DetectorFeatures | None = None, labels: LabelSpace = LABELS) -> Detector:
        """One after training: it has learnt, if the spec says that it does."""
        detector = self.build(labels)
        if self.spec.learns:
            detector.fit(familiar() if features is None else features)
        return detector

    def require_finite(self, found: object, what: str) -> None:
        scores = np.asarray(found, dtype=np.float64)
        self.require(np.isfinite(scores).all(), f"{what}: {scores[~np.isfinite(scores)][:3]}")

    def stored(self, detector: Detector) -> Mapping[str, np.ndarray]:
        """Its state as the model folder gives it back."""
        arrays: Mapping[str, np.ndarray] = load(
            save({name: np.ascontiguousarray(array) for name, array in detector.state().items()})
        )
        return arrays

    # --- clauses ------------------------------------------------------------------------------------------------------

    @clause
    def scores(self) -> None:
        """It gives each utterance one finite float, whether labels are known or not."""
        detector = self.trained()
        for features in (familiar(), strange(), replace(familiar(), labels=None)):
            scores, count = np.asarray(detector.score(features)), len(features.logits)
            self.require(np.issubdtype(scores.dtype, np.floating), f"they are {scores.dtype}")
            self.require(scores.shape == (count,), f"they have the shape {scores.shape}, not ({count},)")
            self.require_finite(scores, "usual features")

    @clause
    def each_for_itself(self) -> None:
        """An utterance's score does not depend on the others of its batch, nor on their order, nor on labels: at
        prediction there is one, and no label."""
        detector, features = self.trained(), familiar()
        whole, count = np.asarray(detector.score(features)), len(features.logits)
        shuffled = np.random.default_rng(3).permutation(count)
        for what, places in (
            ("without labels", np.arange(count)),
            ("in another order", shuffled),
            *((f"number {row} alone", np.array([row])) for row in range(0, count, 9)),
        ):
            found = np.asarray(detector.score(rows(features, places)))
            apart = np.abs(found - whole[places]).max()
            self.require(np.allclose(found, whole[places], rtol=1e-4, atol=1e-5), f"{what} it is off by {apart:.3g}")

    @clause
    def changes_nothing(self) -> None:
        """Learning and scoring leave the features as they are, and scoring leaves the detector as it is: other
        utterances scored in between change no score."""
        features, kept = familiar(), familiar()
        detector = self.trained(features)
        first = np.array(detector.score(features))
        detector.score(strange())
        again = np.asarray(detector.score(features))
        self.require(np.array_equal(first, again), f"a score changes by {np.abs(first - again).max():.3g}")
        for name in ("logits", "vectors", "labels"):
            self.require(np.array_equal(getattr(features, name), getattr(kept, name)), f"the {name} are changed")

    @clause
    def any_features(self) -> None:
        """Any finite features give finite scores: zeros, huge numbers, all the same."""
        detector, generator = self.trained(), np.random.default_rng(0)
        pairs = zip(random_arrays((6, len(LABELS))), random_arrays((6, WIDTH), seed=1), strict=True)
        for logits, vectors in pairs:
            other = generator.normal(size=(6, WIDTH)).astype(np.float32)
            for tried in (vectors, other):
                found = detector.score(DetectorFeatures(logits=logits, vectors=tried))
                self.require_finite(found, f"logits like {logits[0, 0]:.3g}, vectors like {tried[0, 0]:.3g}")

    @clause
    def little_data(self) -> None:
        """It learns from little, and then gives finite scores: one example, one label, examples that are all alike."""
        alike = replace(familiar(), vectors=np.ones((45, WIDTH), dtype=np.float32))
        for what, features, count in (
            ("one example", familiar(1), 3),
            ("one label", familiar(20, labels=1), 1),
            ("the same vector each time", alike, 3),
        ):
            logits = np.resize(features.logits, (len(features.vectors), count))
            features = replace(features, logits=logits)
            detector = self.trained(features, LabelSpace(LABELS.names[:count]))
            self.require_finite(detector.score(features), what)
            tried = replace(strange(), logits=strange().logits[:, :count])
            self.require_finite(detector.score(tried), f"{what}, then strange utterances")

    @clause
    def strange_scores_higher(self) -> None:
        """What resembles nothing in train (other vectors, logits that speak for no label) has the higher score."""
        detector = self.trained()
        known, unknown = (float(np.median(detector.score(f))) for f in (familiar(), strange()))
        self.require(unknown > known, f"in the median {unknown:.4g}, and {known:.4g} for what it was trained with")

    @clause
    def stored_and_loaded(self) -> None:
        """What it has learnt is in its `state`, as arrays that safetensors can store: another one that loads them gives
        the same scores. One that learns has a state."""
        detector = self.trained()
        state = self.stored(detector)
        self.require(state or not self.spec.learns, "the spec says that it learns, but its state is empty")
        other = self.build()
        if state:
            other.load(state)
        first, second = (np.asarray(d.score(familiar())) for d in (detector, other))
        self.require(np.allclose(first, second, rtol=1e-4, atol=1e-5), f"off by {np.abs(first - second).max():.3g}")

    @clause
    def without_torch(self) -> None:
        """It learns and scores without importing torch or transformers: a runtime without them serves the same
        model."""
        features = familiar()
        task = {
            "params": place(self.spec.params),
            "build": place(self.spec.build),
            "section": dict(self.trial.section),
            "labels": LABELS.names,
            "head": NAME,
            "learns": self.spec.learns,
        }
        arrays = {"logits": features.logits, "vectors": features.vectors, "labels": np.asarray(features.labels)}
        done = run_isolated(_SCORE, task, arrays)
        self.require(not done.error, f"it fails in a process of its own: {done.error}")
        self.require(not done.imported, f"it imports {done.imported}")
