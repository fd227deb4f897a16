"""What a pipeline's freezing strategy does to each layer, epoch by epoch, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.corpus.read import read_corpus
from nlu_kit.data.dataset import encode_dataset
from nlu_kit.model.build import build_backbone, build_model, build_objective
from nlu_kit.model.codecs import build_codecs, fit_heads
from nlu_kit.model.nlu_model import Objective
from nlu_kit.plugin.contracts import Freezing
from nlu_kit.training.duration import epochs_of, with_epochs
from nlu_kit.training.optimiser import LayerRates
from nlu_kit.training.prepare import build_freezing, build_sampler
from nlu_kit.training.recipe import with_recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerState:
    """A layer in some epoch.

    ``state`` is ``"trains"``, ``"frozen"`` or ``"static"`` (frozen for good, with all below it); ``rate`` is the
    strategy's learning rate times the layer's scale, before warmup and schedule, and None where it does not train.
    """

    name: str
    state: str
    rate: float | None
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRange:
    """Epochs ``first`` to ``last``, from 0 and inclusive, in which the layers' states stay the same."""

    first: int
    last: int
    layers: Sequence[LayerState]

    @property
    def total(self) -> int:
        """How many parameters there are."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def training(self) -> int:
        """How many of them train."""
        return sum(layer.parameters for layer in self.layers if layer.state == "trains")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterPlan:
    """All epochs of a run. ``plateau`` is what happens when the dev score never rises, for a strategy that then does
    something else than the one in ``ranges``, which knows no scores; else None."""

    ranges: Sequence[EpochRange]
    plateau: Sequence[EpochRange] | None


def parameter_plan(pipeline: Pipeline) -> ParameterPlan:
    """Build what ``pipeline`` composes and ask its strategy about every epoch.

    Reads the corpus, because a head's size depends on its labels, and loads the backbone. Raises what training would:
    DataError, ConfigError, PluginError or ModelError.
    """
    corpus = read_corpus(pipeline)
    fitted = fit_heads(pipeline, corpus.train)
    pipeline, labels = fitted.pipeline, fitted.labels
    codecs = build_codecs({name: entry.head for name, entry in pipeline.heads.items()}, labels)
    pipeline, _ = with_recipe(pipeline, codecs, corpus.train)
    heads = {name: entry.head for name, entry in pipeline.heads.items()}
    backbone = build_backbone(pipeline.backbone, base_dir=pipeline.base_dir)
    train = encode_dataset(corpus.train, backbone.tokenizer, codecs)  # losses count its classes
    objective = build_objective(pipeline, build_model(backbone, heads, labels), train, labels)
    epochs = epochs_of(with_epochs(pipeline, build_sampler(pipeline, train)))
    if not epochs:
        return ParameterPlan(ranges=[], plateau=None)
    freezing = build_freezing(pipeline.freezing, pipeline.registry, epochs=epochs)
    ranges = _ranges(objective, freezing, [() for _ in range(epochs)])
    plateau = _ranges(objective, freezing, [(0.0,) * epoch for epoch in range(epochs)])
    return ParameterPlan(ranges=ranges, plateau=plateau if plateau != ranges else None)


def _ranges(objective: Objective, freezing: Freezing, scores: Sequence[Sequence[float]]) -> list[EpochRange]:
    """Equal epochs in one; ``scores`` holds for each epoch the dev scores before it."""
    rates = LayerRates(objective, freezing)
    found: list[EpochRange] = []
    for epoch, before in enumerate(scores):
        rates.enter(epoch, before)
        layers = _states(rates)
        if found and found[-1].layers == layers:
            found[-1] = EpochRange(first=found[-1].first, last=epoch, layers=layers)
        else:
            found.append(EpochRange(first=epoch, last=epoch, layers=layers))
    return found


def _states(rates: LayerRates) -> list[LayerState]:
    static = {layer.name for layer in rates.static_layers()}
    states = []
    for layer in rates.layers:
        rate = rates.rates[layer.name]
        state = "trains" if rate is not None else "static" if layer.name in static else "frozen"
        rate = None if rate is None else rate * layer.lr_scale
        states.append(LayerState(name=layer.name, state=state, rate=rate, parameters=layer.parameters))
    return states
