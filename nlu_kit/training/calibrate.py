"""After training, before the test figures: what predictions need beyond the weights, fitted on dev.

What class weights and sampling added to the logits is taken off them, as far as dev wants it; all that follows sees
the outputs that predictions come from. Each codec calibrates itself (temperatures, thresholds); then the detector
learns from train and its threshold is tuned.
Nothing that a codec or detector raises in either is worth the loss of a trained model: it is noted, and the model goes
without what could not be fitted. Every process computes the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.heads.codec import Codec, Codecs
from nlu_kit.metrics.calibration import fit_temperature
from nlu_kit.model.codecs import build_codecs
from nlu_kit.model.compute import Computed, each
from nlu_kit.model.confidence import Scored, calibrated_states, scope_figures
from nlu_kit.model.correction import WHOLE, Batches, corrected, corrections
from nlu_kit.model.description import Correction, ScopeSettings
from nlu_kit.model.detector import Scope, build_detector, scores
from nlu_kit.plugin.contracts import Detector, DetectorFeatures
from nlu_kit.training.prepare import Prepared
from nlu_kit.training.threshold import between, too_few, tune
from nlu_kit.training.validation import Validator

FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """``states`` and ``codecs`` are calibrated (as far as it has come), ``plain`` are the codecs before;
    ``corrections`` are taken off the heads' logits. ``scope`` is None where there is no detector, or no example to tune
    it on; ``dev`` has its figures there. ``notes`` say what went wrong."""

    plain: Codecs
    corrections: Mapping[str, Correction]
    states: Mapping[str, Mapping[str, Any]]
    codecs: Codecs
    scope: Scope | None = None
    dev: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()


def uncalibrated(prepared: Prepared) -> Calibrated:
    """What the weights give by themselves, without all that training added."""
    correction = prepared.correction
    shares = dict.fromkeys(correction.shifts, WHOLE if correction.share is None else correction.share)
    taken = corrections(correction.shifts, shares)
    return Calibrated(plain=prepared.codecs, codecs=prepared.codecs, states={}, corrections=taken)


def with_shares(so_far: Calibrated, prepared: Prepared, batches: Batches) -> tuple[Calibrated, list[Computed]]:
    """As much taken back of what training added as dev wants, given what the network makes of dev; and that, for each
    text, with it taken off."""
    shares = prepared.correction.shares(so_far.plain, batches, prepared.dev)
    taken = corrections(prepared.correction.shifts, shares)
    without = ((positions, corrected(computed, taken)) for positions, computed in batches)
    return replace(so_far, corrections=taken), each(without)


def with_confidences(
    so_far: Calibrated, pipeline: Pipeline, prepared: Prepared, computed: Sequence[Computed]
) -> Calibrated:
    """Each codec fitted on ``computed``, what the network makes of dev."""
    try:
        states = calibrated_states(so_far.plain, computed, prepared.dev.targets)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return replace(so_far, notes=[*so_far.notes, f"confidences are not calibrated: {_named(error)}"])
    heads = {name: entry.head for name, entry in pipeline.heads.items()}
    codecs = build_codecs(heads, {name: codec.labels for name, codec in so_far.plain.items()}, states)
    return replace(so_far, states=states, codecs=codecs)


def with_detector(
    so_far: Calibrated, pipeline: Pipeline, prepared: Prepared, validator: Validator, computed: Sequence[Computed]
) -> Calibrated:
    """The pipeline's detector, if it has one, taught and tuned."""
    if pipeline.watched is None:
        return so_far
    codec = so_far.codecs[pipeline.watched]
    try:
        scope, dev = _Tuner(pipeline, pipeline.watched, codec, prepared, validator).tune(computed)
    except Exception as error:  # noqa: BLE001
        note = f"the detector can't be used, and predictions don't say what is out of scope: {_named(error)}"
        return replace(so_far, notes=[*so_far.notes, note])
    return replace(so_far, scope=scope, dev=dev)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


class _Tuner:
    """Teaches one detector and finds its threshold."""

    def __init__(
        self, pipeline: Pipeline, head: str, codec: Codec[Any], prepared: Prepared, validator: Validator
    ) -> None:
        assert pipeline.detector is not None
        self.resolved, self.head, self.codec = pipeline.detector, head, codec
        self.train, self.dev, self.validator = prepared.train, prepared.dev, validator
        self.spec: Any = self.resolved.provided.spec

    def tune(self, dev: Sequence[Computed]) -> tuple[Scope | None, dict[str, float]]:
        """(the detector at work, its figures on dev); None where nothing in scope says what its threshold may be."""
        params: Any = self.resolved.params
        features = self._features(dev) if dev else None
        temperature = 1.0 if features is None else fit_temperature(features.logits, _labels(self.dev, self.head))
        self.detector = build_detector(self.resolved, head=self.head, labels=self.codec.labels, temperature=temperature)
        learnt = self._train_features() if self.spec.learns else None
        if learnt is not None:
            self.detector.fit(learnt)
        matches = [self._matches(position, computed) for position, computed in enumerate(dev)]
        of_dev = [] if features is None else scores(self.detector, features).tolist()
        scored = Scored.of(self.dev.examples, of_dev, matches)
        further = self._train_outside()
        total = replace(scored, outside=np.concatenate([scored.outside, further]))
        least = None
        if learnt is not None and too_few(params, total):
            build = partial(
                build_detector, self.resolved, head=self.head, labels=self.codec.labels, temperature=temperature
            )
            least = least_threshold(build, learnt)
        if not len(scored.inside) and least is None and params.threshold is None:
            return None, {}
        share = _share(scored, len(further), len(self.train))
        threshold, chosen = tune(params, total, share=share, least=least)
        settings = ScopeSettings(head=self.head, temperature=temperature, threshold=threshold, chosen=chosen)
        return Scope(self.detector, settings), scope_figures(scored, threshold)

    def _matches(self, position: int, computed: Computed) -> bool | None:
        outputs = {name: array[None] for name, array in computed.outputs[self.head].items()}
        (prediction,) = self.codec.decode(outputs, [self.dev.encodings[position]])
        return self.codec.matches(self.dev.examples[position], prediction)

    def _train_features(self) -> DetectorFeatures:
        """The training examples in scope."""
        labels = _labels(self.train, self.head)
        own = [i for i, example in enumerate(self.train.examples) if labels[i] >= 0 and not example.out_of_scope]
        computed = self.validator.compute([self.train.encodings[i] for i in own], heads=[self.head])
        return replace(self._features(computed), labels=labels[own])

    def _train_outside(self) -> np.ndarray:
        """The scores of train's out-of-scope examples: the head hasn't learnt from them, so they tell what dev's do."""
        encodings = [self.train.encodings[i] for i, example in enumerate(self.train.examples) if example.out_of_scope]
        if not encodings:
            return np.empty(0)
        return scores(self.detector, self._features(self.validator.compute(encodings, heads=[self.head])))

    def _features(self, computed: Sequence[Computed]) -> DetectorFeatures:
        return DetectorFeatures(
            logits=np.stack([text.outputs[self.head]["logits"] for text in computed]),
            vectors=np.stack([text.vectors for text in computed]),
        )


def least_threshold(build: Callable[[], Detector], learnt: DetectorFeatures) -> float | None:
    """As low as a threshold may be, from the scores of training examples in scope: by detectors that learnt others of
    their label, and by detectors that learnt none. None where all have one label."""
    assert learnt.labels is not None
    labels, counts = np.unique(learnt.labels, return_counts=True)
    if len(labels) < 2:
        return None
    known = np.flatnonzero(np.isin(learnt.labels, labels[counts > 1]))
    if len(known):
        fold = np.empty(len(learnt.labels), dtype=np.int64)
        fold[np.argsort(learnt.labels, kind="stable")] = np.arange(len(fold)) % FOLDS  # spreads every label
        of_known = held_out_scores(build, learnt, fold)[known]
    else:  # each label has one example
        detector = build()
        detector.fit(learnt)
        of_known = scores(detector, learnt)
    return between(of_known, held_out_scores(build, learnt, learnt.labels % min(FOLDS, len(labels))))


def held_out_scores(build: Callable[[], Detector], learnt: DetectorFeatures, fold: np.ndarray) -> np.ndarray:
    """Each example's score by a detector that learnt from other folds only; ``fold`` [N] says which is whose."""
    found = np.empty(len(fold))
    for held in (fold == number for number in np.unique(fold)):
        detector = build()
        detector.fit(_rows(learnt, ~held))
        found[held] = scores(detector, _rows(learnt, held))
    return found


def _rows(features: DetectorFeatures, rows: np.ndarray) -> DetectorFeatures:
    labels = None if features.labels is None else features.labels[rows]
    return replace(features, logits=features.logits[rows], vectors=features.vectors[rows], labels=labels)


def _share(dev: Scored, further: int, train: int) -> float:
    """How much of dev is out of scope; where nothing is, how much of train."""
    return len(dev.outside) / (len(dev.inside) + len(dev.outside)) if len(dev.outside) else further / train


def _labels(dataset: EncodedDataset, head: str) -> np.ndarray:
    return np.array([targets[head]["labels"] for targets in dataset.targets], dtype=np.int64)
