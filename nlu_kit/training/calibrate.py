"""After training, before the test figures: what predictions need beyond the weights, fitted on dev.

What class weights and sampling added to the logits is taken off them, as far as dev wants it; all that follows sees
the outputs that predictions come from. Each codec calibrates itself (temperatures, thresholds); then the detector
learns from train and its threshold is tuned.
Nothing that a codec or detector raises in either is worth the loss of a trained model: it is noted, and the model goes
without what could not be fitted. Every process computes the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nlu_kit.config.pipeline import Pipeline, Resolved
from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.data.labels import LabelSpace
from nlu_kit.heads.codec import Codec, Codecs
from nlu_kit.metrics.calibration import fit_temperature
from nlu_kit.model.codecs import build_codecs
from nlu_kit.model.compute import Computed, each
from nlu_kit.model.confidence import Scored, calibrated_states, scope_figures
from nlu_kit.model.correction import WHOLE, Batches, corrected, corrections
from nlu_kit.model.description import Correction, ScopeSettings
from nlu_kit.model.detector import Scope, build_detector, scores
from nlu_kit.plugin.contracts import DetectorFeatures
from nlu_kit.training.prepare import Prepared
from nlu_kit.training.threshold import NOTHING, too_few, tune
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
        """(the detector at work, its figures on dev); None where dev has nothing in scope to tune it on."""
        params: Any = self.resolved.params
        features = self._features(dev)
        temperature = fit_temperature(features.logits, _labels(self.dev, self.head))
        self.detector = build_detector(self.resolved, head=self.head, labels=self.codec.labels, temperature=temperature)
        learnt = self._train_features() if self.spec.learns else None
        if learnt is not None:
            self.detector.fit(learnt)
        matches = [self._matches(position, computed) for position, computed in enumerate(dev)]
        scored = Scored.of(self.dev.examples, scores(self.detector, features).tolist(), matches)
        if not len(scored.inside) and params.threshold is None:
            return None, {}
        further = self._train_outside()
        total = replace(scored, outside=np.concatenate([scored.outside, further]))
        held_out = NOTHING
        if learnt is not None and too_few(params, total):
            held_out = cross_validated(self.resolved, self.head, self.codec.labels, learnt, temperature=temperature)
        share = _share(scored, len(further), len(self.train))
        threshold, chosen = tune(params, total, share=share, held_out=held_out)
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


def cross_validated(
    resolved: Resolved, head: str, labels: LabelSpace, features: DetectorFeatures, *, temperature: float
) -> np.ndarray:
    """The scores of training examples in scope, each by a detector that learnt from the others only; none where there
    are no others. The encoder did learn from them, so these say less than as many of dev would."""
    assert features.labels is not None
    folds = min(FOLDS, len(features.labels))
    if folds < 2:
        return NOTHING
    fold = np.empty(len(features.labels), dtype=np.int64)
    fold[np.argsort(features.labels, kind="stable")] = np.arange(len(fold)) % folds  # spreads every label
    found = np.empty(len(fold))
    for held in (fold == number for number in range(folds)):
        detector = build_detector(resolved, head=head, labels=labels, temperature=temperature)
        detector.fit(_rows(features, ~held))
        found[held] = scores(detector, _rows(features, held))
    return found


def _rows(features: DetectorFeatures, rows: np.ndarray) -> DetectorFeatures:
    labels = None if features.labels is None else features.labels[rows]
    return replace(features, logits=features.logits[rows], vectors=features.vectors[rows], labels=labels)


def _share(dev: Scored, further: int, train: int) -> float:
    """How much of dev is out of scope; where nothing is, how much of train."""
    return len(dev.outside) / (len(dev.inside) + len(dev.outside)) if len(dev.outside) else further / train


def _labels(dataset: EncodedDataset, head: str) -> np.ndarray:
    return np.array([targets[head]["labels"] for targets in dataset.targets], dtype=np.int64)
