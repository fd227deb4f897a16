"""The layers of an encoder bottom to top, read off one tiny forward pass, and how long an input it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nlu_kit.errors import ModelError


def layer_prefixes(encoder: Any) -> list[str]:
    """Parameter-name prefixes bottom to top; every parameter falls under exactly one.

    The stack of blocks is the module list as long as the config's number of layers. Everything else goes where its
    influence begins: below the first block whose output depends on it (embeddings, but also the relative position
    biases that every block of MPNet and DeBERTa reads), or on top where no block's output does (a final norm).
    So no layer changes what the layers before it compute, whatever the order in which the modules were registered.

    Raises ModelError for an architecture without such a stack.
    """
    stack, blocks = stack_of(encoder)
    begins = _first_dependent_block(encoder, blocks)
    names = [f"{stack}.{position}" for position in range(len(blocks))]
    beside: dict[str, int] = {}  # prefix -> the lowest block that depends on any of its parameters
    for name, parameter in encoder.named_parameters():
        prefix = _child_beside(stack, name)
        if prefix not in names:
            beside[prefix] = min(beside.get(prefix, len(blocks)), begins.get(parameter, len(blocks)))
    prefixes: list[str] = []
    for position in range(len(blocks) + 1):
        prefixes += [prefix for prefix, first in beside.items() if first == position]
        prefixes += names[position : position + 1]
    return prefixes


def usable_positions(encoder: Any) -> int | None:
    """The longest input in tokens that the encoder has positions for; None where it has no such limit.

    The position embeddings of RoBERTa and its kin begin after the padding index.
    """
    for name, module in encoder.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding) and module.padding_idx is not None:
            return module.num_embeddings - module.padding_idx - 1
    positions: int | None = getattr(encoder.config, "max_position_embeddings", None)
    return positions


def token_limit(encoder: Any, *, asked: int | None, usual: int) -> int:
    """How many tokens to cut at: what the user asked for, else ``usual`` as far as the encoder has positions.

    Raises ModelError where the user asked for more than that.
    """
    positions = usable_positions(encoder)
    if asked is None:
        return usual if positions is None else min(usual, positions)
    if positions is not None and asked > positions:
        raise ModelError(
            f"max_length is {asked}, but this encoder takes at most {positions} tokens; "
            f"set backbone.max_length to {positions} or less, or leave it out"
        )
    return asked


def stack_of(encoder: Any) -> tuple[str, nn.ModuleList]:
    depth = getattr(encoder.config, "num_hidden_layers", None)
    for name, module in encoder.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return name, module
    raise ModelError(f"{type(encoder).__name__} has no stack of {depth} layers: this architecture is not supported")


def _child_beside(stack: str, parameter: str) -> str:
    """The prefix of ``parameter`` one step below what its name has in common with ``stack``."""
    path, parts = stack.split("."), parameter.split(".")
    shared = 0
    while shared < len(path) and parts[shared] == path[shared]:
        shared += 1
    return ".".join(parts[: shared + 1])


def _first_dependent_block(encoder: Any, blocks: nn.ModuleList) -> dict[Tensor, int]:
    """For each parameter that reaches a block's output, the position of the lowest such block.

    Autograd's graph of a forward pass over three tokens answers this without a guess about names; no gradient is
    computed.
    """
    first: dict[Tensor, int] = {}
    seen: set[Any] = set()

    def visit(position: int, output: Any) -> None:
        pending = [tensor.grad_fn for tensor in _tensors(output)]
        while pending:
            node = pending.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            if hasattr(node, "variable"):  # the leaf that a gradient would be added to
                first.setdefault(node.variable, position)
            pending += [following for following, _ in node.next_functions]

    hooks = [
        block.register_forward_hook(lambda _module, _inputs, output, position=position: visit(position, output))
        for position, block in enumerate(blocks)
    ]
    training = encoder.training
    try:
        encoder.eval()  # dropout would draw random numbers, and a run must not depend on this
        with torch.inference_mode(False), torch.enable_grad():
            ids_BT = torch.ones(1, 3, dtype=torch.long)
            encoder(input_ids=ids_BT, attention_mask=torch.ones_like(ids_BT))
    finally:
        encoder.train(training)
        for hook in hooks:
            hook.remove()
    return first


def _tensors(output: Any) -> Iterator[Tensor]:
    """A block gives a tensor, or a tuple with one."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, (tuple, list)):
        for item in output:
            yield from _tensors(item)
