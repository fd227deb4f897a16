"""Confidences: what codecs fit for them on dev, how far they can be trusted, and what is recognised as out of scope."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlu_kit.data.dataset import Targets
from nlu_kit.data.example import Example
from nlu_kit.data.prediction import OUT_OF_SCOPE_SCORE, Prediction
from nlu_kit.errors import PluginError
from nlu_kit.heads.codec import Codec, Codecs
from nlu_kit.metrics.calibration import expected_calibration_error
from nlu_kit.metrics.detection import rejection_scores
from nlu_kit.model.compute import Computed


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Out-of-scope scores of examples, higher = further out: ``inside`` [N] of those in scope, ``right`` [N] whether
    their label was found; ``outside`` [M] of those out of scope. Either may be empty."""

    inside: np.ndarray
    right: np.ndarray
    outside: np.ndarray

    @classmethod
    def of(cls, examples: Sequence[Example], scores: Sequence[float], matches: Sequence[bool | None]) -> Scored:
        """``matches`` is None for examples without a label: these are left out, unless they are out of scope."""
        triples = list(zip(examples, scores, matches, strict=True))
        inside = [(score, match) for example, score, match in triples if not example.out_of_scope and match is not None]
        return cls(
            inside=np.array([score for score, _ in inside], dtype=np.float64),
            right=np.array([match for _, match in inside], dtype=bool),
            outside=np.array([score for example, score, _ in triples if example.out_of_scope], dtype=np.float64),
        )


def scope_figures(scored: Scored, threshold: float) -> dict[str, float]:
    """``out_of_scope.recall``, ``out_of_scope.auroc`` and so on; see ``rejection_scores``."""
    figures = rejection_scores(scored.inside, scored.right, scored.outside, threshold=threshold)
    return {f"out_of_scope.{name}": value for name, value in figures.items()}


def predicted_scope_figures(
    codec: Codec[Any], threshold: float, examples: Sequence[Example], predictions: Sequence[Prediction]
) -> dict[str, float]:
    """The same from predictions; ``codec`` is that of the head that the detector watches."""
    matches = [codec.matches(e, prediction.fields) for e, prediction in zip(examples, predictions, strict=True)]
    scores = [prediction.fields[OUT_OF_SCOPE_SCORE] for prediction in predictions]
    return scope_figures(Scored.of(examples, scores, matches), threshold)


def calibration_errors(
    codecs: Codecs, examples: Sequence[Example], predictions: Sequence[Prediction]
) -> dict[str, float]:
    """By head the expected calibration error, for those that can judge what they predict."""
    errors = {}
    for name, codec in codecs.items():
        pairs = zip(examples, predictions, strict=True)
        found = [pair for example, prediction in pairs for pair in codec.confidence_pairs(example, prediction.fields)]
        if found:
            confidences, right = (np.array(column) for column in zip(*found, strict=True))
            errors[name] = expected_calibration_error(confidences, right)
    return errors


def calibrated_states(
    codecs: Codecs, computed: Sequence[Computed], targets: Sequence[Targets]
) -> dict[str, dict[str, Any]]:
    """What each codec's ``calibrate`` fits, as the model folder holds it.

    ``computed`` and ``targets`` are of the same texts. Raises PluginError for what is no JSON, or not of the shape that
    the codec says (``Codec.State``).
    """
    states = {}
    for name, codec in codecs.items():
        outputs, wanted = [text.outputs[name] for text in computed], [target[name] for target in targets]
        try:
            state = json.dumps(dict(codec.calibrate(outputs, wanted)), allow_nan=False)
            codec.State.model_validate_json(state, strict=True)
        except (TypeError, ValueError) as error:
            raise PluginError(
                f"contract: calibrate() of the head '{name}' must give JSON in the shape of its State: {error}"
            ) from error
        states[name] = json.loads(state)
    return states
