"""Evaluate one model folder on data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nlu_kit.arguments import a_path, whole_number
from nlu_kit.data.example import Example
from nlu_kit.evaluation.cost import OnProgress, cost, predict_all
from nlu_kit.evaluation.data import TestData, read_data
from nlu_kit.evaluation.predictions import Predictions, PredictionSet
from nlu_kit.evaluation.summary import Evaluation, summarise
from nlu_kit.model.codecs import build_codecs
from nlu_kit.model.compute import predict_with
from nlu_kit.model.folder import find_model
from nlu_kit.registry import Registry
from nlu_kit.runtime.predictor import Predictor, Runtime, load

BATCH_SIZE = 32


def no_progress(done: int) -> None:
    """For whoever does not want to hear of progress."""


def evaluate(
    model: str | Path = "runs/latest",
    data: str | Path | TestData | None = None,
    *,
    reader: str | None = None,
    device: str = "cpu",
    threshold: float | None = None,
    runtime: Runtime = "auto",
    batch_size: int = BATCH_SIZE,
    registry: Registry | None = None,
    on_progress: OnProgress = no_progress,
) -> Evaluation:
    """Predict ``data`` with a model folder, or the model in a run's folder, and measure everything.

    ``data`` is a file or folder that an installed reader knows (``reader`` names one, or is JSON with its parameters),
    by default the test set that the model's pipeline names. ``threshold`` replaces the model's own for what is out of
    scope. ``on_progress`` is called with how many more texts are done. Raises ModelError, DataError or PluginError.
    """
    batch_size = whole_number("batch_size", batch_size, least=1)
    registry = registry if registry is not None else Registry.load()
    model = find_model(a_path("model", model))
    if not isinstance(data, TestData):
        data = read_data(None if data is None else a_path("data", data), model=model, registry=registry, reader=reader)
    predictor = load(model, device=device, threshold=threshold, runtime=runtime, registry=registry)
    part, seconds = predict_examples(predictor, data.examples, batch_size=batch_size, on_progress=on_progress)
    texts = [example.text for example in data.examples]
    spent = cost(predictor, texts, batch_size=batch_size, seconds=seconds)
    part = with_uncalibrated(part, predictor, batch_size=batch_size)
    evaluation = summarise(
        Predictions([part]),
        name=predictor.saved.name,
        model=str(model),
        data=str(data.path),
        cost=spent,
    )
    if predictor.scope is not None:
        evaluation.summary["scope"]["threshold"] = predictor.scope.settings.threshold
        evaluation.summary["scope"]["chosen"] = predictor.scope.settings.chosen
    own = predictor.saved.scope
    if threshold is not None and own is not None:
        evaluation.summary["notes"].append(
            f"Scores above {threshold:.6g} count as out of scope, as was asked for; the model's own threshold is "
            f"{own.threshold:.6g}."
        )
    return evaluation


def predict_examples(
    predictor: Predictor,
    examples: Sequence[Example],
    *,
    batch_size: int = BATCH_SIZE,
    on_progress: OnProgress = no_progress,
) -> tuple[PredictionSet, float]:
    """(what the model says to the examples, seconds it took)."""
    texts = [example.text for example in examples]
    predictions, seconds = predict_all(predictor, texts, batch_size=batch_size, on_progress=on_progress)
    encodings = predictor.network.tokenizer.encode(texts)
    watched = None if predictor.scope is None else predictor.scope.settings.head
    return PredictionSet(predictor.codecs, examples, encodings, predictions, watched), seconds


def with_uncalibrated(part: PredictionSet, predictor: Predictor, *, batch_size: int = BATCH_SIZE) -> PredictionSet:
    """The part with what the model would say had nothing been fitted on dev, for the calibration error before that."""
    plain = build_codecs(predictor.saved.heads, predictor.saved.labels)
    return replace(part, uncalibrated=predict_with(predictor.network.run, plain, part.encodings, batch_size=batch_size))
