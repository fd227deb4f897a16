"""The torch-free half of the `sentiment` head: targets, decoding, metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nlu_kit.plugin import IGNORE, Codec, Encoding, Example, HeadReport, LabelSpace, classification_report
from nlu_kit_sentiment.annotation import stars_of
from nlu_kit_sentiment.ordinal import above, fit_temperature, steps
from nlu_kit_sentiment.params import SentimentParams
from nlu_kit_sentiment.prediction import SentimentPrediction


class SentimentCodec(Codec):
    """Fills ``output`` with a SentimentPrediction."""

    main_metric = "closeness"

    def __init__(self, params: SentimentParams, labels: LabelSpace, state: Mapping[str, Any]) -> None:
        self.params, self.labels = params, labels
        self.output = params.output
        self.fields: Sequence[str] = (self.output,)
        self.temperature = float(state.get("temperature", 1.0))

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        """``labels``: the steps above the lowest; IGNORE without stars."""
        stars = stars_of(example, self.params)
        return {"labels": np.asarray(IGNORE if stars is None else stars - self.params.lowest, dtype=np.int64)}

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        """From ``cumulative`` [B, K - 1]: as many steps up as are more likely passed than not. That is the median,
        which has the least absolute error to be expected, and no temperature changes it."""
        chances = above(outputs["cumulative"], temperature=self.temperature)
        return [
            {self.output: self._prediction(*row)}
            for row in zip(outputs["cumulative"], chances, steps(chances), strict=True)
        ]

    def _prediction(self, logits: np.ndarray, chances: np.ndarray, probabilities: np.ndarray) -> SentimentPrediction:
        step = int((np.minimum.accumulate(logits) > 0).sum())
        return SentimentPrediction(
            value=self.params.lowest + float(chances.sum()),
            stars=self.params.lowest + step,
            confidence=float(probabilities[step]),
        )

    def gold(self, example: Example) -> Mapping[str, Any] | None:
        stars = stars_of(example, self.params)
        if stars is None:
            return None
        return {self.output: SentimentPrediction(value=float(stars), stars=stars, confidence=1.0)}

    def matches(self, example: Example, prediction: Mapping[str, Any]) -> bool | None:
        stars = stars_of(example, self.params)
        return None if stars is None else bool(prediction[self.output].stars == stars)

    def evaluate(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
        """Over the examples with stars: ``closeness``, 1 less the mean absolute error in parts of the scale;
        ``accuracy``, the share that is exact; ``within_one``, the share that is one step off at most."""
        gold, predicted = self._rated(examples, predictions)
        if not gold:
            return {}
        errors = np.abs(np.array(gold) - np.array(predicted))
        return {
            "closeness": 1 - float(errors.mean()) / (self.params.highest - self.params.lowest),
            "accuracy": float((errors == 0).mean()),
            "within_one": float((errors <= 1).mean()),
        }

    def report(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> HeadReport:
        """A row for each number of stars, and which was taken for which."""
        gold, predicted = self._rated(examples, predictions)
        return classification_report([str(stars) for stars in gold], [str(stars) for stars in predicted])

    def _rated(
        self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]
    ) -> tuple[list[int], list[int]]:
        """(annotated, predicted) stars, where there are some."""
        pairs = [
            (stars, prediction[self.output].stars)
            for example, prediction in zip(examples, predictions, strict=True)
            if (stars := stars_of(example, self.params)) is not None
        ]
        return [gold for gold, _ in pairs], [predicted for _, predicted in pairs]

    def calibrate(
        self, outputs: Sequence[Mapping[str, np.ndarray]], targets: Sequence[Mapping[str, np.ndarray]]
    ) -> Mapping[str, Any]:
        """``temperature``; nothing where no example has stars."""
        rated = [
            (output["cumulative"], int(target["labels"]))
            for output, target in zip(outputs, targets, strict=True)
            if target["labels"] != IGNORE
        ]
        if not rated:
            return {}
        return {
            "temperature": fit_temperature(np.stack([o for o, _ in rated]), np.array([label for _, label in rated]))
        }

    def judged(self, example: Example, prediction: Mapping[str, Any]) -> Sequence[tuple[float, bool]]:
        right = self.matches(example, prediction)
        return () if right is None else [(prediction[self.output].confidence, right)]

    def unseen(self, example: Example) -> Sequence[str]:
        """A step that train never had lies between others, or beyond them: it can be got right."""
        return ()
