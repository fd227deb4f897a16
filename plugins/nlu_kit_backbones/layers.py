"""The layers of an encoder bottom to top, read off one tiny forward pass, and how long an input it takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn

from nlu_kit.plugin import ModelError
from nlu_kit_backbones.quiet import quiet


@dataclass(frozen=True, slots=True)
class Layers:
    """``prefixes`` of parameter names bottom to top; every parameter but the ``idle`` ones falls under exactly one.
    ``stack`` is the name of the module list that holds the blocks, ``width`` the length of a token's vector."""

    prefixes: list[str]
    stack: str
    width: int
    idle: frozenset[Tensor]


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of a module in a module list: where it stands there, and the autograd nodes of what it gave."""

    stack: str
    position: int
    nodes: list[Any]


def find_layers(encoder: Any) -> Layers:
    """Take an encoder apart, by one forward pass over three tokens.

    The stack of blocks is the module list whose members run as often, all together, as the config has layers: each
    once, but for the shared blocks of ALBERT, which count as one layer however often they run. Everything else goes
    where its influence begins: below the first block whose output depends on it (embeddings, but also the relative
    position biases that every block of MPNet and DeBERTa reads), or on top where no block's output does (a final norm).
    So no layer changes what the layers before it compute, whatever the order in which the modules were registered.
    What the result does not depend on (XLNet's vector for masks) or is fixed (RoFormer's sinusoids) is idle.

    Raises ModelError for an architecture without such a stack, and for one that can't encode a plain text.
    """
    calls, result_BTD = _trace(encoder)
    stack, depth = _stack(encoder, calls)
    on_top = _Call(stack, depth, _nodes(result_BTD))
    first = _first_dependents([*(call for call in calls if call.stack == stack), on_top])
    used = _first_dependents([on_top])
    names = [f"{stack}.{position}" for position in range(depth)]
    beside: dict[str, int] = {}  # prefix -> the lowest block that depends on any of its parameters
    for name, parameter in encoder.named_parameters():
        prefix = _child_beside(stack, name)
        if parameter in used and prefix not in names:
            beside[prefix] = min(beside.get(prefix, depth), first[parameter])
    prefixes: list[str] = []
    for position in range(depth + 1):
        prefixes += [prefix for prefix, lowest in beside.items() if lowest == position]
        prefixes += names[position : position + 1]
    idle = frozenset(parameter for parameter in encoder.parameters() if parameter not in used)
    return Layers(prefixes, stack, width=result_BTD.shape[-1], idle=idle)


def set_aside(encoder: nn.Module, idle: Collection[Tensor]) -> None:
    """Make buffers of the idle parameters: stored as ever, but nothing trains them, or waits for their gradients."""
    for module in encoder.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter in idle:
                delattr(module, name)
                module.register_buffer(name, parameter.detach())


def _stack(encoder: Any, calls: list[_Call]) -> tuple[str, int]:
    """The name and length of the stack of blocks."""
    depth = getattr(encoder.config, "num_hidden_layers", None)
    for name, module in encoder.named_modules():
        if isinstance(module, nn.ModuleList) and sum(call.stack == name for call in calls) == depth:
            return name, len(module)
    raise ModelError(f"{type(encoder).__name__} has no stack of {depth} layers: this architecture is not supported")


def _child_beside(stack: str, parameter: str) -> str:
    """The prefix of ``parameter`` one step below what its name has in common with ``stack``."""
    path, parts = stack.split("."), parameter.split(".")
    shared = 0
    while shared < len(path) and parts[shared] == path[shared]:
        shared += 1
    return ".".join(parts[: shared + 1])


def _trace(encoder: Any) -> tuple[list[_Call], Tensor]:
    """What the members of module lists give in a forward pass over three tokens, in order, and its result.

    Autograd's graph answers what depends on what without a guess about names; no gradient is computed.
    """
    calls: list[_Call] = []
    blocks = [
        (name, position, block)
        for name, module in encoder.named_modules()
        if isinstance(module, nn.ModuleList)
        for position, block in enumerate(module)
    ]
    training = encoder.training
    try:
        for name, position, block in blocks:
            block.forward = _noting(block.forward, name, position, calls)
        encoder.eval()  # dropout would draw random numbers, and a run must not depend on this
        with torch.inference_mode(False), torch.enable_grad(), quiet():
            ids_BT = torch.ones(1, 3, dtype=torch.long)
            output = encoder(input_ids=ids_BT, attention_mask=torch.ones_like(ids_BT))
            result_BTD: Tensor = output.last_hidden_state
            return calls, result_BTD
    except Exception as error:  # whatever an architecture's own code raises where it needs more than a text
        name = type(encoder).__name__
        raise ModelError(
            f"{name} can't encode a plain text ({describe(error)}): this architecture is not supported"
        ) from error
    finally:
        encoder.train(training)
        for _, _, block in blocks:
            block.__dict__.pop("forward", None)


def _noting(forward: Callable[..., Any], stack: str, position: int, calls: list[_Call]) -> Callable[..., Any]:
    """``forward``, noting what it gives. (SqueezeBERT calls it directly: a hook would miss that.)"""

    @wraps(forward)
    def noting(*inputs: Any, **keywords: Any) -> Any:
        output = forward(*inputs, **keywords)
        calls.append(_Call(stack, position, _nodes(output)))
        return output

    return noting


def describe(error: Exception) -> str:
    """An error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _first_dependents(calls: list[_Call]) -> dict[Tensor, int]:
    """For each parameter that reaches what a call gave, the position of the lowest such block."""
    first: dict[Tensor, int] = {}
    seen: set[Any] = set()
    for call in calls:
        pending = list(call.nodes)
        while pending:
            node = pending.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            if hasattr(node, "variable"):  # the leaf that a gradient would be added to
                first.setdefault(node.variable, call.position)
            pending += [following for following, _ in node.next_functions]
    return first


def _nodes(output: Any) -> list[Any]:
    """The autograd nodes of a block's output: a tensor, or several in a tuple or, as SqueezeBERT's, a dict."""
    return [tensor.grad_fn for tensor in _tensors(output)]


def _tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, (tuple, list, dict)):
        for item in output.values() if isinstance(output, dict) else output:
            yield from _tensors(item)


def usable_positions(encoder: Any) -> int | None:
    """The longest input in tokens that the encoder has positions for; None where it has no such limit.

    The position embeddings of RoBERTa and its kin begin after the padding index; XLNet says -1 for no limit.
    """
    positions = getattr(encoder.config, "max_position_embeddings", None)
    for name, module in encoder.named_modules():
        begin = getattr(module, "padding_idx", None)
        if name.endswith("position_embeddings") and begin is not None:
            positions = module.weight.shape[0] - begin - 1  # I-BERT's table is no nn.Embedding
            break
    return positions if isinstance(positions, int) and positions > 0 else None


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
