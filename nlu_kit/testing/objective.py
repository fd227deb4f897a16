"""The contract of an objective of pre-training."""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nlu_kit.config.components import build_nested
from nlu_kit.corpus.read import read_any
from nlu_kit.data.batch import collate_tokens
from nlu_kit.data.encoding import Encoding
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit.plugin.modules import Backbone, PretrainingObjective, stack_targets
from nlu_kit.plugin.objectives import DataReport, Item, ObjectiveContext
from nlu_kit.testing.clauses import NotTried, clause
from nlu_kit.testing.parts import CPU, TinyEncoder
from nlu_kit.testing.trial import ComponentContract

_BATCH, _STEPS, _RATE, _SEED = 6, 30, 0.02, 5


class ObjectiveContract(ComponentContract):
    """The clauses of an objective, tried with what the spec's `sample` writes and a tiny encoder."""

    kind = "objective"

    @contextmanager
    def built(self) -> Iterator[tuple[PretrainingObjective, TinyEncoder]]:
        """(the objective, the encoder that it is to teach)."""
        if self.spec.sample is None:
            raise NotTried("set `sample` in the spec: a function that writes the data that `trial` names")
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            self.spec.sample(folder)
            encoder = TinyEncoder()
            with torch.random.fork_rng():
                torch.manual_seed(_SEED)
                objective = self.spec.build(self.params, self._context(folder, encoder))
            objective.refresh(encoder)
            yield objective, encoder

    def _context(self, folder: Path, encoder: Backbone) -> ObjectiveContext:
        def no_model(path: Path) -> Backbone:
            raise NotTried(f"it asks for the trained model {path}")

        registry = self.trial.registry
        context = BackboneContext(base_dir=folder)
        return ObjectiveContext(
            name=self.component,
            encoder=encoder,
            seed=_SEED,
            path=lambda path: folder / path,
            read=lambda path: read_any(path, registry),
            backbone=lambda component: build_nested(registry, "backbone", component, context),
            model=no_model,
        )

    def items(self, objective: PretrainingObjective, seed: int = _SEED) -> list[Item]:
        return [
            objective.item(index, np.random.default_rng((seed, index))) for index in range(min(len(objective), _BATCH))
        ]

    def loss(self, objective: PretrainingObjective, encoder: Backbone, items: Sequence[Item]) -> Tensor:
        encodings = [encoding for item in items for encoding in item.encodings]
        tokens = collate_tokens(encodings, pad_id=encoder.pad_id, device=CPU)
        found: Tensor = objective(encoder(tokens), stack_targets(items, CPU), encoder)
        return found

    # --- clauses ------------------------------------------------------------------------------------------------------

    @clause
    def items_alike(self) -> None:
        """There is an item at least; each has the same number of texts, one or more, and targets of the same names,
        which are arrays of the same rank."""
        with self.built() as (objective, _):
            self.require(len(objective) > 0, "it has no item")
            items = self.items(objective)
        shapes = set()
        for item in items:
            texts = list(item.encodings)
            self.require(texts and all(isinstance(text, Encoding) for text in texts), f"the texts are {texts!r}")
            ranks = tuple(sorted((name, np.asarray(value).ndim) for name, value in item.targets.items()))
            shapes.add((len(texts), ranks))
        self.require(len(shapes) == 1, f"they have (texts, ranks of targets) {sorted(shapes)}")

    @clause
    def chance_comes_from_the_generator(self) -> None:
        """The same item of the same generator is the same; the global random states stay as they are."""
        with self.built() as (objective, _):
            before = (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist())
            first, again = self.items(objective), self.items(objective)
            after = (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist())
        self.require(_plain(first) == _plain(again), "the same generator gives other items")
        self.require(before == after, "it draws from a global random state")

    @clause
    def denominators(self) -> None:
        """`denominator` is a positive number, and those of the parts of a batch add up to that of the whole."""
        with self.built() as (objective, _):
            items = self.items(objective)
            whole, *parts = [
                float(objective.denominator(stack_targets(some, CPU))) for some in (items, items[:1], items[1:]) if some
            ]
        self.require(whole > 0 and math.isfinite(whole), f"it is {whole}")
        self.require(math.isclose(whole, sum(parts), rel_tol=1e-5), f"{whole} for a batch, {parts} for its parts")

    @clause
    def teaches_the_encoder(self) -> None:
        """The loss is a finite scalar, and its gradient reaches the encoder and all parameters of its own."""
        with self.built() as (objective, encoder):
            loss = self.loss(objective, encoder, self.items(objective))
            self.require(loss.ndim == 0 and bool(loss.isfinite()), f"the loss is {loss!r}")
            torch.autograd.backward(loss)
        parameters = {f"the encoder's {name}": p for name, p in encoder.named_parameters()}
        parameters |= {f"its own {name}": p for name, p in objective.named_parameters()}
        without = [name for name, p in parameters.items() if p.grad is None or not bool(p.grad.isfinite().all())]
        self.require(not without, f"no finite gradient reaches {', '.join(without)}")

    @clause
    def can_be_learnt(self) -> None:
        """Steps along the gradient on one batch make its loss smaller."""
        with self.built() as (objective, encoder):
            items = self.items(objective)
            optimiser = torch.optim.Adam([*encoder.parameters(), *objective.parameters()], lr=_RATE)
            losses = []
            for _ in range(_STEPS):
                loss = self.loss(objective, encoder, items)
                losses.append(float(loss.detach()))
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
        self.require(losses[-1] < losses[0], f"after {_STEPS} steps it is {losses[-1]:.4g}, and was {losses[0]:.4g}")

    @clause
    def measures(self) -> None:
        """`evaluate` gives finite figures for dev, among them `main`, the same twice, and leaves the modules' modes and
        weights as they are; for test it gives figures, or none."""
        with self.built() as (objective, encoder):
            encoder.train()
            weights = [parameter.detach().clone() for parameter in encoder.parameters()]
            first, again = (dict(objective.evaluate(encoder, "dev")) for _ in range(2))
            test = dict(objective.evaluate(encoder, "test"))
            kept = all(torch.equal(a, b) for a, b in zip(weights, encoder.parameters(), strict=True))
            self.require(encoder.training and kept, "it leaves the encoder in another mode, or with other weights")
        self.require(objective.main in first, f"`main` is {objective.main!r}, the figures are {sorted(first)}")
        self.require(first == again, f"{first}, then {again}")
        figures = {**first, **test}
        odd = [name for name, value in figures.items() if not math.isfinite(value)]
        odd += [name for name, value in figures.items() if name not in objective.unscaled and not -1 <= value <= 1]
        self.require(not odd, f"{', '.join(odd)}: shares are from -1 to 1; what is none belongs into `unscaled`")

    @clause
    def reports(self) -> None:
        """`report` says what the data became: counts of 0 and more, by name."""
        with self.built() as (objective, _):
            report: Any = objective.report()
        self.require(isinstance(report, DataReport) and report.counts, f"it gives {report!r}")
        wrong = {n: c for n, c in {**report.counts, **report.dropped}.items() if not isinstance(c, int) or c < 0}
        self.require(not wrong, f"the counts are {wrong}")


def _plain(items: Sequence[Item]) -> list[Any]:
    return [
        ([encoding.ids for encoding in item.encodings], {n: np.asarray(v).tolist() for n, v in item.targets.items()})
        for item in items
    ]
