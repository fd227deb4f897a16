"""Every head's metrics and the sentence exact match, over one set of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nlu_kit.data.example import Example
from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import ConfigError, DataError, Problem, did_you_mean
from nlu_kit.model.protocols import Codec

EXACT_MATCH = "exact_match"


def score(
    codecs: Mapping[str, Codec], examples: Sequence[Example], predictions: Sequence[Prediction]
) -> dict[str, float]:
    """Figures in [0, 1] named ``head.metric``, and ``exact_match``: the share of utterances in which every annotated
    head is entirely right. Heads without a single annotated example are absent."""
    fields = [prediction.fields for prediction in predictions]
    scores = {
        f"{name}.{metric}": value
        for name, codec in codecs.items()
        for metric, value in codec.evaluate(examples, fields).items()
    }
    verdicts = []
    for example, prediction in zip(examples, fields, strict=True):
        matches = [match for codec in codecs.values() if (match := codec.matches(example, prediction)) is not None]
        if matches:
            verdicts.append(all(matches))
    if verdicts:
        scores[EXACT_MATCH] = sum(verdicts) / len(verdicts)
    return scores


def main_metrics(codecs: Mapping[str, Codec]) -> list[str]:
    """The names of each head's main metric, and of the exact match."""
    return [*(f"{name}.{codec.main_metric}" for name, codec in codecs.items()), EXACT_MATCH]


def monitored(scores: Mapping[str, float], monitor: str, codecs: Mapping[str, Codec]) -> float:
    """The one number that early stopping and model selection look at.

    Raises DataError where dev has no annotation at all, ConfigError where the dev figures lack the metric named.
    """
    if monitor == "mean":
        values = [scores[name] for name in main_metrics(codecs) if name in scores and name != EXACT_MATCH]
        if not values:
            raise DataError(
                "no example of the dev set is annotated for any head; annotate some, or set another data.dev"
            )
        return sum(values) / len(values)
    if monitor not in scores:
        hint = did_you_mean(monitor, scores) + f"there are: mean, {', '.join(scores)}"
        raise ConfigError([Problem("training.monitor", f"the dev figures have no '{monitor}'", hint)])
    return scores[monitor]
