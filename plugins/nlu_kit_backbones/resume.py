"""Going on above the lowest blocks of an encoder, from what they put out before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from torch import Tensor, nn

from nlu_kit_backbones.layers import Layers


class _EnoughError(Exception):
    """Ends a forward pass whose rest nobody needs."""


class Blocks:
    """The stack of blocks inside an encoder's forward pass, which is left as it is: masks, position biases and whatever
    else surrounds the stack are computed by the encoder's own code. (Embeddings are so too, on the way to the first
    block; they are cheap, and their result is replaced.)

    ``starts``: the numbers of lowest layers that a pass may go on above: every block's place among the backbone's
    layers, bottom to top. Whether the encoder's code puts up with that must be tried.
    """

    def __init__(self, encoder: nn.Module, layers: Layers) -> None:
        parent, _, self._name = layers.stack.rpartition(".")
        self._parent = [encoder.get_submodule(parent)]  # in a list, so that it is not registered a second time
        self._block_at = {
            count: int(prefix.rpartition(".")[2])
            for count, prefix in enumerate(layers.prefixes)
            if prefix.startswith(f"{layers.stack}.")
        }
        self.starts = list(self._block_at)

    def run_lowest(self, run: Callable[[], Any]) -> None:
        """``run`` the encoder as far as its lowest block and no further."""
        calls = 0

        def stop(_module: nn.Module, _inputs: Any) -> None:
            nonlocal calls
            calls += 1
            if calls > 1:
                raise _EnoughError

        hooks = [block.register_forward_pre_hook(stop) for block in self._stack()]
        try:
            with suppress(_EnoughError):
                run()
        finally:
            for hook in hooks:
                hook.remove()

    def input_of(self, count: int, run: Callable[[], Any]) -> Tensor:
        """What goes into the block above the lowest ``count`` layers when ``run`` runs the encoder."""
        seen: list[Tensor] = []

        def stop(_module: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> None:
            seen.append(inputs[0] if inputs else keywords["hidden_states"])
            raise _EnoughError

        block = self._stack()[self._block_at[count]]
        hook = block.register_forward_pre_hook(stop, with_kwargs=True)
        try:
            run()
        except _EnoughError:
            return seen[0]
        finally:
            hook.remove()
        raise AssertionError("the encoder did not run its blocks")

    def above(self, count: int, hidden_BTD: Tensor, run: Callable[[], Tensor]) -> Tensor:
        """``run``'s result with the lower blocks left out and ``hidden_BTD`` going into the first of the others."""

        def put(
            _module: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any]
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            if inputs:
                return (hidden_BTD, *inputs[1:]), keywords
            return inputs, {**keywords, "hidden_states": hidden_BTD}

        upper = self._stack()[self._block_at[count] :]
        hook = upper[0].register_forward_pre_hook(put, with_kwargs=True)
        try:
            with self._replaced(upper):
                return run()
        finally:
            hook.remove()

    def _stack(self) -> nn.ModuleList:
        stack: nn.ModuleList = getattr(self._parent[0], self._name)
        return stack

    @contextmanager
    def _replaced(self, stack: nn.ModuleList) -> Iterator[None]:
        whole = self._stack()
        setattr(self._parent[0], self._name, stack)
        try:
            yield
        finally:
            setattr(self._parent[0], self._name, whole)
