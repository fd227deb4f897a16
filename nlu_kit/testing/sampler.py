"""The contract of a sampler. No torch."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from nlu_kit.data.example import Example
from nlu_kit.plugin.contracts import Sampler, SamplerContext
from nlu_kit.testing.clauses import clause
from nlu_kit.testing.material import encoded, utterances
from nlu_kit.testing.trial import ComponentContract

BATCH, SEED = 4, 13


class SamplerContract(ComponentContract):
    """The clauses of a sampler."""

    kind = "sampler"

    @property
    def examples(self) -> Sequence[Example]:
        return utterances() if self.trial.examples is None else self.trial.examples

    def build(self, examples: Sequence[Example] | None = None, *, batch_size: int = BATCH) -> Sampler:
        examples = self.examples if examples is None else examples
        context: SamplerContext = SamplerContext(
            examples=examples,
            lengths=np.array([len(encoding) for encoding in encoded([e.text for e in examples])], dtype=np.int64),
            batch_size=batch_size,
            seed=SEED,
            nested=self.trial.nested("sampler", lambda: context),
        )
        built: Sampler = self.spec.build(self.params, context)
        return built

    def plan(self, sampler: Sampler, epoch: int) -> list[list[int]]:
        return [[int(index) for index in batch] for batch in sampler.batches(epoch)]

    def require_plan(self, sampler: Sampler, count: int, batch_size: int, what: str) -> None:
        """Batches that can be trained on."""
        for epoch in range(3):
            plan = [list(batch) for batch in sampler.batches(epoch)]
            self.require(plan, f"{what}: epoch {epoch} has no batch")
            for batch in plan:
                size = len(batch)
                self.require(1 <= size <= batch_size, f"{what}: a batch of {size}; batch_size is {batch_size}")
                for index in batch:
                    whole = isinstance(index, (int, np.integer)) and not isinstance(index, bool)
                    self.require(whole and 0 <= index < count, f"{what}: the index {index!r} among {count} examples")

    # --- clauses ------------------------------------------------------------------------------------------------------

    @clause
    def batches_of_examples(self) -> None:
        """Batches hold indices of examples, at least one and at most `batch_size`, and no epoch is empty."""
        self.require_plan(self.build(), len(self.examples), BATCH, f"{len(self.examples)} examples")

    @clause
    def any_size(self) -> None:
        """There are such batches for one example, for fewer than a batch holds, and for a `batch_size` of 1."""
        for count, size in ((1, 1), (1, 8), (3, 8), (5, 1)):
            examples = self.examples[:count]
            self.require_plan(self.build(examples, batch_size=size), count, size, f"{count} examples by {size}")

    @clause
    def order_of_batches(self) -> None:
        """`order` has the indices of an epoch's batches, one batch after the other."""
        for sampler in (self.build(), self.build(self.examples[:1])):
            for epoch in range(3):
                order = [int(index) for index in sampler.order(epoch)]
                joined = [index for batch in self.plan(sampler, epoch) for index in batch]
                self.require(order == joined, f"in epoch {epoch} it is {order}, and the batches have {joined}")

    @clause
    def reproducible(self) -> None:
        """The plan follows from seed and epoch alone: asked again, in another order, of another sampler and whatever
        the global random generators have drawn, it is the same. Every process computes it for itself."""
        sampler = self.build()
        plans = [self.plan(sampler, epoch) for epoch in range(4)]
        state = _random_states()
        try:
            _draw()
            other = self.build()
            for epoch in (3, 0, 2, 1):
                _draw()
                again = self.plan(sampler, epoch)
                self.require(again == plans[epoch], f"epoch {epoch}, asked again: {again}, not {plans[epoch]}")
                fresh = self.plan(other, epoch)
                self.require(fresh == plans[epoch], f"epoch {epoch}, of another: {fresh}, not {plans[epoch]}")
        finally:
            _restore(state)

    @clause
    def leaves_random_states(self) -> None:
        """It neither seeds nor draws from the global random generators: what else is random would change with it."""
        before = _random_states()
        try:
            sampler = self.build()
            self.plan(sampler, 0)
            sampler.order(1)
            sampler.describe()
            changed = [name for name, state in _random_states().items() if state != before[name]]
        finally:
            _restore(before)
        self.require(not changed, f"it changes the state of {', '.join(changed)}")

    @clause
    def likelihoods(self) -> None:
        """`likelihoods`, where it gives any, is a finite number above 0 for each example."""
        for examples in (self.examples, self.examples[:1]):
            found = self.build(examples).likelihoods()
            if found is None:
                continue
            array = np.asarray(found)
            right = array.shape == (len(examples),) and np.isfinite(array).all() and (array > 0).all()
            self.require(right, f"{found!r} for {len(examples)} examples")

    @clause
    def describe(self) -> None:
        """`describe` gives finite numbers by name, also for one example."""
        for sampler in (self.build(), self.build(self.examples[:1])):
            for name, value in sampler.describe().items():
                number = isinstance(value, (int, float)) and math.isfinite(value)
                self.require(isinstance(name, str) and number, f"{name!r} is {value!r}")


def _random_states() -> dict[str, Any]:
    """Those of the generators that are there; torch is not imported for it."""
    name, keys, *rest = np.random.get_state()
    states: dict[str, Any] = {"random": random.getstate(), "numpy.random": (name, np.asarray(keys).tolist(), *rest)}
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].get_rng_state().tolist()
    return states


def _restore(states: dict[str, Any]) -> None:
    random.setstate(states["random"])
    np.random.set_state(states["numpy.random"])
    if "torch" in states:
        torch = sys.modules["torch"]
        torch.set_rng_state(torch.tensor(states["torch"], dtype=torch.uint8))


def _draw() -> None:
    random.random()
    np.random.random()
    if "torch" in sys.modules:
        sys.modules["torch"].rand(1)
