"""From a pipeline to its modules. Knows kinds and contracts, no component by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nlu_kit.assets import Assets
from nlu_kit.config.pipeline import Pipeline, Resolved, ResolvedHead
from nlu_kit.data.dataset import EncodedDataset
from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import PluginError
from nlu_kit.heads.codec import HeadContext
from nlu_kit.heads.modules import Head, Loss
from nlu_kit.model.nlu_model import NluModel, Objective
from nlu_kit.plugin.contracts import BackboneContext, BalancingContext, Layer, LossContext
from nlu_kit.plugin.modules import Backbone, Balancing


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
