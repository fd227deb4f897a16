"""The contract of a freezing strategy. No torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from nlu_kit.errors import ConfigError
from nlu_kit.plugin.contracts import Freezing, FreezingContext, Layer, ParameterGroup
from nlu_kit.testing.clauses import clause
from nlu_kit.testing.isolated import place, run_isolated
from nlu_kit.testing.trial import ComponentContract

EPOCHS, BLOCKS = 8, (0, 1, 2, 3, 6)
HISTORIES = {
    "rising": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
    "flat": (0.5,) * EPOCHS,
    "falling": (0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1),
    "rising and falling": (0.1, 0.3, 0.2, 0.2, 0.4, 0.1, 0.1, 0.1),
}
_ASK = """
from nlu_kit.plugin import FreezingContext, Layer
def nested(component):
    from nlu_kit.config.components import build_nested
    from nlu_kit.registry import Registry
    from nlu_kit.plugin import Component
    known = component if isinstance(component, Component) else Component.model_validate(component)
    return build_nested(Registry.load(), "freezing", known, context)
context = FreezingContext(epochs=2, nested=nested)
strategy = find(task["build"])(params, context)
layers = [Layer(**layer) for layer in task["layers"]]
strategy.groups(layers, 0, ())
strategy.may_train(layers, 0, ())
"""


def model(blocks: int) -> list[Layer]:
    """Embeddings, so many blocks, two heads, a learnable balancing."""
    encoder = ["embeddings", *(f"encoder.layer.{number}" for number in range(blocks))]
    return [
        *(Layer(name=f"model.backbone.{name}", part="backbone", parameters=50) for name in encoder),
        Layer(name="model.heads.intent.hidden", part="head", parameters=10, head="intent"),
        Layer(name="model.heads.intent.classifier", part="head", parameters=5, head="intent", final=True),
        Layer(name="model.heads.ner.classifier", part="head", parameters=5, head="ner", final=True, lr_scale=10.0),
        Layer(name="balancing", part="objective", parameters=2),
    ]


def trained(groups: Sequence[ParameterGroup]) -> set[str]:
    return {name for group in groups if group.lr is not None for name in group.layers}


class FreezingContract(ComponentContract):
    """The clauses of a freezing strategy, each tried with encoders of 0 to 6 blocks and with dev scores that rise, stay
    and fall."""

    kind = "freezing"

    def build(self, epochs: int = EPOCHS) -> Freezing:
        context: FreezingContext = FreezingContext(epochs=epochs, nested=self.trial.nested("freezing", lambda: context))
        built: Freezing = self.spec.build(self.params, context)
        return built

    def runs(self) -> Iterator[tuple[Freezing, list[Layer], Sequence[float], str]]:
        """A strategy, a model that it takes, and what the dev scores of its epochs will be."""
        for epochs in (1, EPOCHS):
            strategy = self.build(epochs)
            for blocks in self.suitable(strategy):
                for name, scores in HISTORIES.items():
                    yield strategy, model(blocks), scores[:epochs], f"{blocks} blocks, {epochs} epochs, scores {name}"

    def suitable(self, strategy: Freezing) -> list[int]:
        """Numbers of blocks that it does not refuse: it may say that it wants more of them."""
        found: list[int] = []
        for blocks in BLOCKS:
            try:
                strategy.groups(model(blocks), 0, ())
            except ConfigError:
                if blocks == BLOCKS[-1] and not found:
                    raise
                continue
            found.append(blocks)
        return found

    # --- clauses ------------------------------------------------------------------------------------------------------

    @clause
    def every_layer_once(self) -> None:
        """In every epoch each layer is in exactly one group, and no group has a layer that is not there."""
        for strategy, layers, scores, what in self.runs():
            expected = sorted(layer.name for layer in layers)
            for epoch in range(len(scores)):
                found = sorted(n for group in strategy.groups(layers, epoch, scores[:epoch]) for n in group.layers)
                self.require(found == expected, f"{what}, epoch {epoch}: {found}")

    @clause
    def rates(self) -> None:
        """A learning rate is positive and finite, or None: frozen."""
        for strategy, layers, scores, what in self.runs():
            for epoch in range(len(scores)):
                for group in strategy.groups(layers, epoch, scores[:epoch]):
                    fine = group.lr is None or (0 < group.lr < math.inf)
                    self.require(fine, f"{what}, epoch {epoch}: {group.lr!r}")

    @clause
    def something_trains(self) -> None:
        """In every epoch something trains: a step without any gradient can't be taken."""
        for strategy, layers, scores, what in self.runs():
            for epoch in range(len(scores)):
                groups = strategy.groups(layers, epoch, scores[:epoch])
                self.require(trained(groups), f"{what}: nothing does in epoch {epoch}")

    @clause
    def pure(self) -> None:
        """It remembers nothing and changes nothing: the same layers, epoch and scores give the same answer, whatever
        it was asked before, and whether it is this strategy or another with its parameters."""
        for strategy, layers, scores, what in self.runs():
            given, epochs = list(layers), range(len(scores))
            answers = [self._answer(strategy, layers, epoch, list(scores[:epoch])) for epoch in epochs]
            fresh = self.build(len(scores))
            for epoch in reversed(epochs):
                history = list(scores[:epoch])
                for asked in (strategy, fresh):
                    again = self._answer(asked, layers, epoch, history)
                    self.require(again == answers[epoch], f"{what}, epoch {epoch}: {answers[epoch]}, then {again}")
                self.require(layers == given, f"{what}: it changes the layers that it is given")
                self.require(history == list(scores[:epoch]), f"{what}: it changes the scores that it is given")

    def _answer(self, strategy: Freezing, layers: list[Layer], epoch: int, scores: list[float]) -> tuple[object, ...]:
        return tuple(strategy.groups(layers, epoch, scores)), frozenset(strategy.may_train(layers, epoch, scores))

    @clause
    def may_train_shrinks(self) -> None:
        """What `may_train` has left out once it never names again: the output of such layers may have been kept."""
        for strategy, layers, scores, what in self.runs():
            promised = {layer.name for layer in layers}
            for epoch in range(len(scores)):
                found = set(strategy.may_train(layers, epoch, scores[:epoch]))
                self.require(found <= promised, f"{what}, epoch {epoch}: {', '.join(sorted(found - promised))}")
                promised = found

    @clause
    def may_train_covers(self) -> None:
        """What trains in an epoch `may_train` has named in this epoch and in each before."""
        for strategy, layers, scores, what in self.runs():
            promised = {layer.name for layer in layers}
            for epoch in range(len(scores)):
                promised &= set(strategy.may_train(layers, epoch, scores[:epoch]))
                found = trained(strategy.groups(layers, epoch, scores[:epoch])) - promised
                self.require(not found, f"{what}, epoch {epoch}: {', '.join(sorted(found))} trains unannounced")

    @clause
    def no_layers(self) -> None:
        """Without layers there are no groups, and nothing may train."""
        strategy = self.build()
        for epoch in (0, EPOCHS - 1):
            groups, may = strategy.groups((), epoch, ()), strategy.may_train((), epoch, ())
            self.require(not groups and not may, f"groups {list(groups)}, may_train {list(may)}")

    @clause
    def without_torch(self) -> None:
        """Building and asking it imports neither torch nor transformers: it sees descriptions of layers, no tensors."""
        layers = [{"name": layer.name, "part": layer.part, "parameters": 1, "final": layer.final} for layer in model(2)]
        task = {
            "params": place(self.spec.params),
            "build": place(self.spec.build),
            "section": dict(self.trial.section),
            "layers": layers,
        }
        done = run_isolated(_ASK, task)
        self.require(not done.error, f"it fails in a process of its own: {done.error}")
        self.require(not done.imported, f"it imports {done.imported}")
