"""From a pipeline to its parts: label spaces, codecs, modules. Knows kinds and contracts, no component by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nlu_kit.assets import Assets
from nlu_kit.config.pipeline import Pipeline, Resolved, ResolvedHead, made, reading_order, watchable
from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.data.example import Example
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.prediction import OUT_OF_SCOPE, OUT_OF_SCOPE_SCORE
from nlu_kit.errors import ConfigError, DataError, NothingToLearnError, PluginError, Problem
from nlu_kit.heads.codec import Codec, CodecContext, HeadContext
from nlu_kit.heads.modules import Head, Loss
from nlu_kit.model.nlu_model import NluModel, Objective
from nlu_kit.plugin.contracts import BackboneContext, BalancingContext, Layer, LossContext
from nlu_kit.plugin.modules import Backbone, Balancing

MOST_LABELS = 10_000
"""Of one head. Far more than anybody tells apart; as many as a column of identifiers soon has."""


@dataclass(frozen=True, slots=True)
class FittedHeads:
    """Each head's label space, and the pipeline with just these heads; ``left_out`` says why others are missing."""

    pipeline: Pipeline
    labels: Mapping[str, LabelSpace]
    left_out: Mapping[str, str]


def fit_heads(pipeline: Pipeline, train: Sequence[Example]) -> FittedHeads:
    """Label spaces from train only (empty for a head without classes).

    Heads that the pipeline has because it names none are left out where train has nothing for them, and a detector that
    it has by default goes with the last head that it could watch. Raises DataError where a head that is named finds
    nothing to learn, or what it can't.
    """
    labels: dict[str, LabelSpace] = {}
    idle: dict[str, str] = {}
    for name, entry in pipeline.heads.items():
        try:
            labels[name] = make_codec(entry.head, name, LabelSpace(())).fit_labels(train)
        except NothingToLearnError as error:
            idle[name] = str(error)
        except DataError as error:
            hint = f"mend the training data, or remove heads.{name} from the pipeline"
            raise DataError(f"the head '{name}' can't learn from this: {error}; {hint}") from error
        if len(labels.get(name, ())) > MOST_LABELS:
            raise DataError(_too_many(name, labels[name], train))
    if not idle:
        return FittedHeads(pipeline, labels, {})
    kept = {name: pipeline.heads[name] for name in labels}
    if not kept or "heads" not in pipeline.implied:
        name, why = next(iter(idle.items()))
        without = f", or leave heads.{name} out of the pipeline: {_section(kept)}" if kept else ""
        raise DataError(f"the head '{name}' can't learn from this: {why}; annotate some{without}")
    head = pipeline.training.monitor.partition(".")[0]
    if head in idle:
        raise DataError(f"training.monitor is '{pipeline.training.monitor}', but {idle[head]}")
    detector = pipeline.detector
    if not watchable(kept) and "detector" in pipeline.implied:
        detector = None
    elif pipeline.detector is not None and pipeline.watched in idle:
        raise DataError(f"the detector watches the head '{pipeline.watched}', but {idle[pipeline.watched]}")
    return FittedHeads(replace(pipeline, heads=kept, detector=detector), labels, idle)


def _section(heads: Mapping[str, ResolvedHead]) -> str:
    """``"heads": {"intent": "intent"}``: what to write for these, as far as it is known."""
    return '"heads": {' + ", ".join(f'"{name}": "{entry.head.type}"' for name, entry in heads.items()) + "}"


def _too_many(name: str, labels: LabelSpace, train: Sequence[Example]) -> str:
    shown = ", ".join(repr(label) for label in labels.names[:3])
    return (
        f"the head '{name}' would have {len(labels):,} labels for {len(train):,} examples (such as {shown}), and "
        f"{MOST_LABELS:,} is the most; does its field hold identifiers or texts in place of labels?"
    )


def build_codecs(
    heads: Mapping[str, Resolved],
    labels: Mapping[str, LabelSpace],
    states: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Codec[Any]]:
    """The torch-free half of every head, each after those that it reads. Raises ConfigError where two heads fill the
    same field of a prediction, PluginError where a codec does not read what its spec says."""
    codecs: dict[str, Codec[Any]] = {}
    owners: dict[str, str] = {"text": "the text itself", "truncated": "the truncation flag"}
    owners |= dict.fromkeys((OUT_OF_SCOPE, OUT_OF_SCOPE_SCORE), "the detector")
    reads = {name: tuple(_spec(head).reads(head.params)) for name, head in heads.items()}
    for name in reading_order(reads):
        head = heads[name]
        codecs[name] = make_codec(head, name, labels[name], (states or {}).get(name, {}))
        if tuple(codecs[name].reads) != reads[name]:
            said = f"its spec says that it reads {list(reads[name])}, its codec {list(codecs[name].reads)}"
            raise PluginError(f"contract: the head '{head.type}': {said}; set `reads` of the codec to `context.reads`")
        for field in codecs[name].fields:
            if field in owners:
                hint = f"give heads.{name} another 'field'"
                raise ConfigError([Problem(f"heads.{name}", f"fills '{field}', as does {owners[field]}", hint)])
            owners[field] = f"heads.{name}"
    return codecs


def make_codec(
    head: Resolved, name: str, labels: LabelSpace, state: Mapping[str, Any] = MappingProxyType({})
) -> Codec[Any]:
    """One codec; with empty ``labels``, one that can only fit them. Raises PluginError for a class that lacks a
    method."""
    spec = _spec(head)
    context = CodecContext(name=name, labels=labels, state=state, reads=tuple(spec.reads(head.params)))
    codec: Codec[Any] = made(head.provided, spec.codec, head.params, context)
    return codec


def build_backbone(backbone: Resolved, *, base_dir: Path, assets: Assets | None = None) -> Backbone:
    """Pre-trained, or with ``assets`` restored without weights."""
    module: Backbone = backbone.make(BackboneContext(base_dir=base_dir, assets=assets))
    return module


def build_model(backbone: Backbone, heads: Mapping[str, Resolved], labels: Mapping[str, LabelSpace]) -> NluModel:
    """Backbone and freshly initialised heads."""
    modules: dict[str, Head] = {}
    for name, head in heads.items():
        context = HeadContext(name=name, width=backbone.width, labels=labels[name])
        modules[name] = head.make(context)
    return NluModel(backbone, modules)


def build_objective(
    pipeline: Pipeline, model: NluModel, train: EncodedDataset, labels: Mapping[str, LabelSpace]
) -> Objective:
    """The model with its losses (fitted to train's class counts) and the balancing."""
    losses = {name: _loss(entry, model, train, labels[name]) for name, entry in pipeline.heads.items()}
    context = BalancingContext(heads=list(pipeline.heads))
    balancing: Balancing = pipeline.balancing.make(context)
    return Objective(model, losses, balancing)


def _loss(entry: ResolvedHead, model: NluModel, train: EncodedDataset, labels: LabelSpace) -> Loss:
    if entry.loss is None:
        head: Head = model.heads[entry.name]  # type: ignore[assignment]
        own = head.own_loss()
        if own is None:
            raise PluginError(f"the head '{entry.head.type}' says it computes its own loss, but own_loss() gives none")
        return own
    counts = train.class_counts(entry.name, len(labels))
    loss: Loss = entry.loss.make(LossContext(head=entry.name, labels=labels, class_counts=counts))
    return loss


def model_layers(objective: Objective) -> list[Layer]:
    """The layers that a freezing strategy sees: backbone bottom to top, each head, learnable objective parameters.

    Raises PluginError where a backbone or head leaves a parameter outside its layers, or in two of them.
    """
    model = objective.model
    layers: list[tuple[str, str, str | None, bool]] = [
        (f"model.backbone.{prefix}", "backbone", None, False) for prefix in model.backbone.layers
    ]
    scales: dict[str, float] = {}
    for name, head in model.heads.items():
        prefixes: Sequence[str] = head.layers  # type: ignore[assignment]
        layers += [(f"model.heads.{name}.{prefix}", "head", name, prefix == prefixes[-1]) for prefix in prefixes]
        scales |= {f"model.heads.{name}.{prefix}": scale for prefix, scale in head.lr_scales.items()}  # type: ignore[operator, union-attr]
    layers += [(f"losses.{name}", "objective", None, False) for name in objective.losses]
    layers.append(("balancing", "objective", None, False))

    sizes = dict.fromkeys((prefix for prefix, *_ in layers), 0)
    for parameter_name, parameter in objective.named_parameters():
        sizes[layer_of(parameter_name, list(sizes))] += parameter.numel()
    return [
        Layer(
            name=prefix,
            part=part,
            parameters=sizes[prefix],
            head=head_name,
            final=final,
            lr_scale=scales.get(prefix, 1.0),
        )
        for prefix, part, head_name, final in layers
        if sizes[prefix] or part != "objective"
    ]


def layer_of(parameter: str, layers: Sequence[str]) -> str:
    """The one layer that a parameter belongs to."""
    owners = [layer for layer in layers if parameter == layer or parameter.startswith(f"{layer}.")]
    if len(owners) != 1:
        where = f"in several layers: {', '.join(owners)}" if owners else "in no layer"
        raise PluginError(f"contract: the parameter '{parameter}' is {where}; see `layers` of Backbone and Head")
    return owners[0]


def _spec(resolved: Resolved) -> Any:
    return resolved.provided.spec
