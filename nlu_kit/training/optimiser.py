"""AdamW over every layer, steered by the freezing strategy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch

from nlu_kit.errors import PluginError
from nlu_kit.model.build import layer_of, model_layers
from nlu_kit.model.nlu_model import Objective
from nlu_kit.plugin.contracts import Freezing, Layer


class LayerRates:
    """The learning rate of each layer, or None where it is frozen, epoch by epoch.

    The optimiser has one pair of parameter groups per layer (with and without weight decay) for the whole run; a
    strategy only moves rates and ``requires_grad``, so moments survive every change. AdamW allocates nothing for a
    parameter that never gets a gradient.
    """

    def __init__(self, objective: Objective, freezing: Freezing) -> None:
        self.objective = objective
        self.layers: list[Layer] = model_layers(objective)
        self.freezing = freezing
        self.rates: dict[str, float | None] = {}
        self.trainable: list[torch.nn.Parameter] = []
        self.may_train: set[str] = set(freezing.may_train(self.layers, 0, ()))
        names = [layer.name for layer in self.layers]
        self._parameters: dict[str, list[torch.nn.Parameter]] = {name: [] for name in names}
        for name, parameter in objective.named_parameters():
            self._parameters[layer_of(name, names)].append(parameter)

    def optimiser(self, *, weight_decay: float, device: torch.device) -> torch.optim.AdamW:
        """Fused AdamW (Loshchilov & Hutter 2019); biases and norms (fewer than two axes) do not decay."""
        groups: list[dict[str, Any]] = []
        scales = {layer.name: layer.lr_scale for layer in self.layers}
        for layer, parameters in self._parameters.items():
            for decays in (True, False):
                chosen = [parameter for parameter in parameters if (parameter.ndim >= 2) == decays]
                if chosen:
                    decay = weight_decay if decays else 0.0
                    groups.append({"params": chosen, "layer": layer, "weight_decay": decay, "lr": 0.0})
                    groups[-1]["lr_scale"] = scales[layer]
        return torch.optim.AdamW(groups, fused=device.type in ("cpu", "cuda"))

    def plan(self, epoch: int, scores: Sequence[float] = ()) -> dict[str, float | None]:
        """Rate by layer at an epoch, given the dev scores of the epochs before it.

        Raises PluginError unless the strategy puts each layer into exactly one group, and keeps its word about what
        may train.
        """
        rates: dict[str, float | None] = {}
        for group in self.freezing.groups(self.layers, epoch, scores):
            for layer in group.layers:
                if layer in rates or layer not in self._parameters:
                    reason = "in two groups" if layer in rates else "unknown"
                    raise PluginError(f"contract: the freezing strategy's layer '{layer}' is {reason}")
                rates[layer] = group.lr
        missing = [layer for layer in self._parameters if layer not in rates]
        if missing:
            raise PluginError(f"contract: the freezing strategy leaves out {', '.join(missing)}")
        broken = _trained(rates) - self.may_train
        if broken:
            names = ", ".join(sorted(broken))
            raise PluginError(
                f"contract: the freezing strategy trains {names}, which it had said would not train again"
            )
        return rates

    def mark_trainable(self, epochs: int) -> bool:
        """Mark as trainable what may train in some epoch, and only that; whether some epoch trains less than that.

        A strategy may wait for the dev score to stop rising: scores that never rise show what it does then.
        """
        self._require_gradients(self.may_train)
        flat = (0.0,) * epochs
        return any(
            _trained(self.plan(epoch, scores)) != self.may_train
            for epoch in range(epochs)
            for scores in ((), flat[:epoch])
        )

    def enter(self, epoch: int, scores: Sequence[float] = ()) -> None:
        """Freeze and thaw for this epoch."""
        self.rates = self.plan(epoch, scores)
        self.may_train &= set(self.freezing.may_train(self.layers, epoch, scores))
        self._require_gradients(_trained(self.rates))

    def _require_gradients(self, layers: Collection[str]) -> None:
        for layer, parameters in self._parameters.items():
            for parameter in parameters:
                parameter.requires_grad_(layer in layers)
        self.trainable = [
            parameter for layer in self._parameters if layer in layers for parameter in self._parameters[layer]
        ]

    def static_layers(self) -> Sequence[Layer]:
        """The backbone's layers, from the bottom, below the lowest that may train in this or any later epoch."""
        backbone = [layer for layer in self.layers if layer.part == "backbone"]
        return list(itertools.takewhile(lambda layer: layer.name not in self.may_train, backbone))

    def set_modes(self) -> None:
        """Train mode everywhere (dropout on), but eval mode in static layers: their output must not vary. A backbone
        that is static as a whole is so with all its modules, also those without parameters."""
        self.objective.train()
        static = self.static_layers()
        if len(static) == sum(layer.part == "backbone" for layer in self.layers):
            self.objective.model.backbone.eval()
        modules = dict(self.objective.named_modules())
        for layer in static:
            if layer.name in modules:  # a layer may also be a bare parameter, which has no mode
                modules[layer.name].eval()

    def apply(self, optimiser: torch.optim.Optimizer, factor: float) -> None:
        """Set every group's learning rate: strategy's value times layer's scale times schedule's factor."""
        for group in optimiser.param_groups:
            group["lr"] = (self.rates[group["layer"]] or 0.0) * group["lr_scale"] * factor

    def highest(self, factor: float) -> dict[str, float]:
        """The highest rate in force, for ``backbone`` and ``heads``."""
        found = {"backbone": 0.0, "heads": 0.0}
        for layer in self.layers:
            part = "backbone" if layer.part == "backbone" else "heads"
            found[part] = max(found[part], (self.rates[layer.name] or 0.0) * factor)
        return found

    def counts(self) -> dict[str, int]:
        """``total`` and ``trainable`` parameters, now."""
        trainable = sum(layer.parameters for layer in self.layers if self.rates[layer.name] is not None)
        return {"total": sum(layer.parameters for layer in self.layers), "trainable": trainable}


def _trained(rates: Mapping[str, float | None]) -> set[str]:
    return {layer for layer, rate in rates.items() if rate is not None}


def schedule_factor(step: int, *, total: int, warmup: int, kind: str) -> float:
    """Multiplier in [0, 1] for optimiser step ``step`` (from 0) of ``total``.

    Rises linearly over ``warmup`` steps, then falls to 0 by a half cosine (SGDR without restarts, Loshchilov & Hutter
    2017) or linearly, or stays at 1.
    """
    if step < warmup:
        return (step + 1) / warmup
    progress = min((step - warmup) / max(total - warmup, 1), 1.0)
    if kind == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    return 1.0 - progress if kind == "linear" else 1.0
