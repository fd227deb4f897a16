"""The encoder as its embeddings and a stack of blocks; from a learning rate for each layer to parameter groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from nlu_kit.plugin import Layer, ParameterGroup

_NUMBERED = re.compile(r"(?:^|\.)\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Layer names: ``embeddings`` is all that lies below the first block, ``blocks`` go from bottom to top."""

    embeddings: tuple[str, ...]
    blocks: tuple[tuple[str, ...], ...]


def encoder_stack(layers: Sequence[Layer]) -> Stack:
    """Take the backbone's layers apart. No layer is left out.

    A block is a layer whose name ends in a number (``encoder.layer.3``). What lies between two blocks goes with the
    upper one, which reads it, and what lies above the last (a final norm) with that one. A backbone that numbers
    nothing has its first layer as embeddings and each further one as a block.
    """
    names = [layer.name for layer in layers if layer.part == "backbone"]
    starts = [position for position, name in enumerate(names) if _NUMBERED.search(name)]
    if not starts:
        return Stack(embeddings=tuple(names[:1]), blocks=tuple((name,) for name in names[1:]))
    ends = [*starts[:-1], len(names) - 1]  # each block ends with its number, the last with whatever is on top
    begins = [starts[0], *(end + 1 for end in ends[:-1])]
    blocks = tuple(tuple(names[begin : end + 1]) for begin, end in zip(begins, ends, strict=True))
    return Stack(embeddings=tuple(names[: starts[0]]), blocks=blocks)


def rates_of(stack: Stack, embeddings: float | None, blocks: Sequence[float | None]) -> Mapping[str, float | None]:
    """Rate (None: frozen) by layer name, given one rate for the embeddings and one for each block."""
    rates: dict[str, float | None] = dict.fromkeys(stack.embeddings, embeddings)
    for names, rate in zip(stack.blocks, blocks, strict=True):
        rates |= dict.fromkeys(names, rate)
    return rates


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
