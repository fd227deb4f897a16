"""Outputs and targets to try a loss with: made up, and those of installed heads that it says it can train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.registry import Registry
from nlu_kit.testing.codec import NAME
from nlu_kit.testing.head import HeadContract
from nlu_kit.testing.trial import Trial

LABELS = LabelSpace(("a", "b", "c", "never"))
"""Of the made-up targets. The last never occurs, as a label may that only other splits have."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a head puts out for some examples, and their targets; ``counts`` [C] are the targets' by class."""

    name: str
    outputs: Mapping[str, Tensor]
    targets: Mapping[str, Tensor]
    labels: LabelSpace
    counts: np.ndarray

    def __len__(self) -> int:
        return len(next(iter(self.targets.values())))

    def rows(self, rows: Sequence[int]) -> Material:
        """Some of the examples."""
        outputs = {name: tensor[list(rows)] for name, tensor in self.outputs.items()}
        return replace(self, outputs=outputs, targets={name: t[list(rows)] for name, t in self.targets.items()})

    def masked(self, rows: Sequence[int]) -> Material:
        """The same with the targets of these examples taken away."""
        targets = {}
        for name, tensor in self.targets.items():
            targets[name] = tensor.clone()
            targets[name][list(rows)] = torch.nan if tensor.is_floating_point() else IGNORE
        return replace(self, targets=targets)

    def scaled(self, factor: float) -> Material:
        return replace(self, outputs={name: factor * tensor for name, tensor in self.outputs.items()})

    def leaves(self) -> Material:
        """With outputs that gather gradients."""
        outputs = {name: tensor.detach().clone().requires_grad_() for name, tensor in self.outputs.items()}
        return replace(self, outputs=outputs)


def materials(consumes: frozenset[str], registry: Registry) -> list[Material]:
    """All that a loss with these ``consumes`` can be tried with."""
    found = [made_up("logits per sentence", 12), made_up("logits per token", 6, 5)] if "logits" in consumes else []
    return [*found, *_of_heads(consumes, registry)]


def made_up(name: str, *shape: int) -> Material:
    """Random logits [*shape, C] and labels [*shape], a fifth of them IGNORE."""
    generator = torch.Generator().manual_seed(11)
    logits = 2 * torch.randn(*shape, len(LABELS), generator=generator)
    labels = torch.randint(0, len(LABELS) - 1, shape, generator=generator)
    labels.view(-1)[::5] = IGNORE
    counts = torch.bincount(labels[labels >= 0], minlength=len(LABELS)).numpy()
    return Material(name, {"logits": logits}, {"labels": labels}, LABELS, counts)


def _of_heads(consumes: frozenset[str], registry: Registry) -> Iterator[Material]:
    for provided in registry.all("head"):
        spec: Any = provided.spec
        if spec.produces not in consumes:
            continue
        contract = HeadContract(Trial(spec=spec, section=dict(spec.trial), registry=registry))
        try:
            head, batch = contract.build(), contract.batch(range(len(contract.examples)))
            with torch.no_grad():
                outputs = dict(head(contract.encoded(batch)))
        except Exception:  # noqa: BLE001 - whatever is wrong with a head is for its own checks to say
            continue
        counts = contract.dataset.class_counts(NAME, len(contract.labels))
        targets = batch.targets[NAME]
        yield Material(f"what the head '{spec.name}' puts out", outputs, targets, contract.labels, counts)
