"""How long to train, and which epoch to keep, where the pipeline does not say."""

from __future__ import annotations

from dataclasses import replace

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.corpus.split import ENOUGH
from nlu_kit.plugin.contracts import Sampler

STEPS, LEAST, MOST = 400, 10, 40
"""Steps in all, and the epochs that it may take to make these."""


def with_epochs(pipeline: Pipeline, sampler: Sampler) -> Pipeline:
    """The pipeline with a number of epochs. Where it has none: so many that there are ``STEPS`` steps, within bounds.
    So the fewer examples there are, the more often each is seen."""
    if pipeline.training.epochs is not None:
        return pipeline
    steps = sum(1 for _ in sampler.batches(0))
    epochs = max(LEAST, min(MOST, round(STEPS / max(1, steps))))
    return replace(pipeline, training=pipeline.training.model_copy(update={"epochs": epochs}))


def epochs_of(pipeline: Pipeline) -> int:
    """Of a pipeline that has a number of epochs."""
    assert pipeline.training.epochs is not None, "prepare has seen to it"
    return pipeline.training.epochs


def selects(pipeline: Pipeline, dev: int) -> bool:
    """Whether the epoch with the best score on ``dev`` examples is kept; else the last one is."""
    wanted = pipeline.training.model_selection
    return dev >= ENOUGH if wanted == "auto" else wanted == "best"
