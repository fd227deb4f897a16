"""From a learning rate for each layer to parameter groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from nlu_kit.plugin import Layer, ParameterGroup


def training(groups: Iterable[ParameterGroup]) -> set[str]:
    """The names of the layers that have a rate."""
    return {name for group in groups if group.lr is not None for name in group.layers}


def group_by_rate(layers: Sequence[Layer], rate: Callable[[Layer], float | None]) -> list[ParameterGroup]:
    """One group for each distinct rate (None: frozen), in the order in which the layers first show it."""
    groups: dict[float | None, list[str]] = {}
    for layer in layers:
        groups.setdefault(rate(layer), []).append(layer.name)
    return [ParameterGroup(layers=tuple(names), lr=lr) for lr, names in groups.items()]


def group_encoder_and_rest(
    layers: Sequence[Layer], encoder: Mapping[str, float | None], head_lr: float
) -> list[ParameterGroup]:
    """The backbone's layers at ``encoder``'s rates, by name; heads and learnable objectives at ``head_lr``."""
    return group_by_rate(layers, lambda layer: encoder[layer.name] if layer.part == "backbone" else head_lr)
