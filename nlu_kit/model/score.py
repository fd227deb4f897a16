"""Every head's metrics and the sentence exact match, over one set of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlu_kit.data.example import Example
from nlu_kit.data.prediction import Prediction
from nlu_kit.errors import ConfigError, DataError, PluginError, Problem, did_you_mean
from nlu_kit.heads.codec import Codec, Codecs
from nlu_kit.metrics.counts import Counts, accuracy

EXACT_MATCH = "exact_match"


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures in [0, 1] named ``head.metric`` and ``exact_match``; ``counts`` of those that are ratios of sums over the
    utterances. Heads without a single annotated example are absent."""

    figures: Mapping[str, float]
    counts: Mapping[str, Counts]


def measure(codecs: Codecs, examples: Sequence[Example], predictions: Sequence[Prediction]) -> Measured:
    """``exact_match`` is the share of utterances in which every annotated head is entirely right.

    Raises PluginError for counts that are not one of each utterance.
    """
    fields = [prediction.fields for prediction in predictions]
    figures: dict[str, float] = {}
    counts: dict[str, Counts] = {}
    for name, codec in codecs.items():
        counted = head_counts(name, codec, examples, fields)
        counts |= counted
        figures |= {metric: one.value for metric, one in counted.items()}
        figures |= {f"{name}.{metric}": value for metric, value in codec.figures(examples, fields).items()}
    exact = accuracy(exact_matches(codecs, examples, fields))
    if exact.denominators.any():
        counts[EXACT_MATCH] = exact
        figures[EXACT_MATCH] = exact.value
    return Measured(figures, counts)


def head_counts(
    name: str, codec: Codec[Any], examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]
) -> dict[str, Counts]:
    """What the codec counts, as ``head.metric``; empty where nothing is annotated. Raises PluginError for counts that
    are not one of each utterance."""
    counted = {f"{name}.{metric}": counts for metric, counts in codec.counts(examples, predictions).items()}
    for metric, counts in counted.items():
        _check(metric, counts, len(examples))
    return counted if any(counts.denominators.any() for counts in counted.values()) else {}


def exact_matches(
    codecs: Codecs, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]
) -> list[bool | None]:
    """For each utterance whether every annotated head is entirely right; None where none is annotated."""
    verdicts = []
    for example, prediction in zip(examples, predictions, strict=True):
        matches = [match for codec in codecs.values() if (match := codec.matches(example, prediction)) is not None]
        verdicts.append(all(matches) if matches else None)
    return verdicts


def score(codecs: Codecs, examples: Sequence[Example], predictions: Sequence[Prediction]) -> dict[str, float]:
    """The figures alone."""
    return dict(measure(codecs, examples, predictions).figures)


def _check(name: str, counted: Counts, utterances: int) -> None:
    shapes = counted.numerators.shape, counted.denominators.shape
    if shapes != ((utterances,), (utterances,)):
        raise PluginError(
            f"contract: counts of '{name}' must be a numerator and a denominator for each of {utterances} utterances, "
            f"got arrays of the shapes {shapes[0]} and {shapes[1]}"
        )


def main_metrics(codecs: Codecs) -> list[str]:
    """The names of each head's main metric, and of the exact match."""
    return [*(f"{name}.{codec.main_metric}" for name, codec in codecs.items()), EXACT_MATCH]


def monitored(scores: Mapping[str, float], monitor: str, codecs: Codecs) -> float:
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
