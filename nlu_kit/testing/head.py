"""The contract of a head: its torch half. What its codec must do is in codec.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nlu_kit.data.batch import Batch, collate
from nlu_kit.heads.codec import HeadContext
from nlu_kit.heads.modules import Encoded, Head, Loss
from nlu_kit.model.build import layer_of
from nlu_kit.plugin.contracts import LossContext
from nlu_kit.testing.clauses import NotTried, clause
from nlu_kit.testing.codec import NAME, CodecContract
from nlu_kit.testing.material import encoded
from nlu_kit.testing.parts import CPU, WIDTH, embed, numpy_outputs, same, tokens_of

HANDFUL = 6
LONG = "a long text that makes every other text of its batch shorter, so that these get padding at their ends"


class HeadContract(CodecContract):
    """The clauses of a head. Those of its codec come first: what is wrong there shows here, too."""

    kind = "head"

    def build(self, seed: int = 5) -> Head:
        """A fresh head with random weights, in eval mode."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            head: Head = self.spec.build(self.params, HeadContext(name=NAME, width=WIDTH, labels=self.labels))
        return head.eval()

    def shapes(self) -> dict[str, Sequence[int]]:
        """Found out with two texts of different length: what differs counts tokens."""
        head = self.build()
        found = []
        for text in ("?", LONG):
            encodings = encoded([text])
            found.append(head(embed(tokens_of(encodings), encodings)))
        short, long = found
        return {
            name: tuple(-1 if a != b else a for a, b in zip(short[name].shape[1:], long[name].shape[1:], strict=True))
            for name in short
        }

    def batch(self, positions: Sequence[int]) -> Batch:
        """These examples with their targets, as training gets them."""
        return collate(self.dataset, positions, pad_id=0, device=CPU)

    def encoded(self, batch: Batch, *, padding: float = 0.0) -> Encoded:
        return embed(batch.tokens, batch.encodings, padding=padding)

    def criterion(self, head: Head) -> Loss:
        """The head's own loss, or an installed one that takes what it produces, its default before others."""
        if self.spec.produces == "own_loss":
            own = head.own_loss()
            assert own is not None, "own_loss() gives None"
            return own
        names = [provided.spec.name for provided in self.trial.registry.all("loss")]
        for name in sorted(names, key=lambda name: (name != self.spec.default_loss, name)):
            spec: Any = self.trial.registry.get("loss", name).spec
            if self.spec.produces in spec.consumes:
                counts = self.dataset.class_counts(NAME, len(self.labels))
                context = LossContext(head=NAME, labels=self.labels, class_counts=counts)
                built: Loss = spec.build(spec.params(**spec.trial), context)
                return built
        raise NotTried(f"no loss is installed that takes '{self.spec.produces}'")

    def summed_loss(self, head: Head, batch: Batch, criterion: Loss, inputs: Encoded | None = None) -> Tensor:
        """The summed loss of a batch."""
        outputs = head(self.encoded(batch) if inputs is None else inputs)
        loss: Tensor = criterion(outputs, batch.targets[NAME])
        return loss

    # --- clauses ------------------------------------------------------------------------------------------------------

    @clause
    def layers(self) -> None:
        """`layers` are prefixes of parameter names, the final classifier last; each parameter is in exactly one of
        them, and `lr_scales` speaks of no other."""
        head = self.build()
        names = [name for name, _ in head.named_parameters()]
        for name in names:
            layer_of(name, list(head.layers))  # raises where it is in none, or in several
        self.require(head.layers or not names, "it has parameters, and no layers")
        unknown = set(head.lr_scales) - set(head.layers)
        self.require(not unknown, f"lr_scales names {', '.join(sorted(unknown))}, which are no layers")

    @clause
    def outputs(self) -> None:
        """`forward` gives named float tensors whose first axis is the batch, and finite numbers, also for texts of no
        words. A head with `one_label` gives `logits` of shape [B, C]."""
        encodings = encoded(["book a table", "?", "", LONG])
        found = self.build()(embed(tokens_of(encodings), encodings))
        self.require(found, "there is no output")
        for name, tensor in found.items():
            self.require(isinstance(tensor, Tensor) and tensor.is_floating_point(), f"'{name}' is {tensor!r}"[:200])
            self.require(tensor.shape[:1] == (4,), f"'{name}' has the shape {tuple(tensor.shape)} for 4 texts")
            self.require(torch.isfinite(tensor).all(), f"'{name}' holds numbers that are not finite")
        if self.spec.one_label:
            shape = tuple(found["logits"].shape) if "logits" in found else "no logits"
            self.require(shape == (4, len(self.labels)), f"{shape}, with {len(self.labels)} labels")

    @clause
    def padding(self) -> None:
        """Padding changes nothing: for a text alone, and beside a longer one, the outputs are the same on the text's
        own tokens, whatever numbers stand in the padding."""
        head, (short, long) = self.build(), encoded(["book a table in Paris", LONG])
        alone = numpy_outputs(head(embed(tokens_of([short]), [short])))
        for padding in (0.0, 100.0):
            beside = numpy_outputs(head(embed(tokens_of([short, long]), [short, long], padding=padding)))
            for name, array in alone.items():
                other = beside[name][0]
                self.require(other.ndim == array[0].ndim, f"'{name}' has {other.ndim} axes, and alone {array[0].ndim}")
                region = other[tuple(slice(size) for size in array[0].shape)]
                apart = np.abs(region - array[0]).max(initial=0.0)
                self.require(same(region, array[0]), f"'{name}' differs by {apart:.3g}")

    @clause
    def determinism(self) -> None:
        """The same seed gives the same weights, and in eval mode the same texts give the same outputs."""
        first, second, (encoding,) = self.build(), self.build(), encoded(["play some jazz"])
        pairs = zip(first.state_dict().items(), second.state_dict().items(), strict=True)
        for (name, one), (_, other) in pairs:
            self.require(torch.equal(one, other), f"'{name}' differs between two heads built after the same seed")
        inputs = embed(tokens_of([encoding]), [encoding])
        for name, one in first(inputs).items():
            self.require(torch.equal(one, second(inputs)[name]), f"'{name}' differs between two calls")

    @clause
    def loss_finite(self) -> None:
        """The loss of a batch is a finite scalar, not negative, and its denominator positive."""
        head, batch = self.build(), self.batch(range(len(self.examples)))
        criterion = self.criterion(head)
        loss = self.summed_loss(head, batch, criterion)
        self.require(loss.ndim == 0 and torch.isfinite(loss) and loss >= 0, f"it is {loss}")
        below = criterion.denominator(batch.targets[NAME])
        self.require(below.ndim == 0 and below > 0, f"the denominator is {below}")

    @clause
    def loss_adds_up(self) -> None:
        """The loss is a sum over examples: that of a batch is the sum of its halves', and so are the denominators. So
        several processes, and accumulated gradients, take the step that one process would."""
        head, middle = self.build(), len(self.examples) // 2
        parts = [range(len(self.examples)), range(middle), range(middle, len(self.examples))]
        batches, criterion = [self.batch(part) for part in parts], self.criterion(head)
        whole, *halves = (self.summed_loss(head, batch, criterion) for batch in batches)
        self.require(same(whole, sum(halves), tolerance=1e-3), f"{whole:.6g} against {sum(halves):.6g}")
        below, *lower = (criterion.denominator(batch.targets[NAME]) for batch in batches)
        self.require(same(below, sum(lower)), f"the denominators: {below:.6g} against {sum(lower):.6g}")

    @clause
    def masked(self) -> None:
        """An example without annotation for this head has a loss of 0 and moves no weight."""
        head = self.build()
        batch = collate(self.dataset_of(self.bare), range(3), pad_id=0, device=CPU)
        loss = self.summed_loss(head, batch, self.criterion(head))
        self.require(loss == 0, f"the loss is {loss}")
        if loss.requires_grad:
            torch.autograd.backward(loss)
        moved = [n for n, p in head.named_parameters() if p.grad is not None and bool((p.grad != 0).any())]
        self.require(not moved, f"{', '.join(moved)} get a gradient")

    @clause
    def gradients(self) -> None:
        """The gradient of the loss reaches every parameter of the head and the encoder's vectors, but none of what
        stands in padding; all of it is finite."""
        head = self.build()
        batch = self.batch(range(len(self.examples)))
        inputs = self.encoded(batch)
        leaves = [inputs.tokens_BTD.requires_grad_(), inputs.pooled_BD.requires_grad_()]
        inputs = replace(inputs, tokens_BTD=leaves[0], pooled_BD=leaves[1])
        torch.autograd.backward(self.summed_loss(head, batch, self.criterion(head), inputs))
        for name, parameter in head.named_parameters():
            reached = parameter.grad is not None and bool((parameter.grad != 0).any())
            self.require(reached or not parameter.requires_grad, f"'{name}' gets none")
            self.require(
                parameter.grad is None or torch.isfinite(parameter.grad).all(), f"that of '{name}' is infinite"
            )
        tokens, pooled = (leaf.grad for leaf in leaves)
        reached = any(gradient is not None and bool((gradient != 0).any()) for gradient in (tokens, pooled))
        self.require(reached, "neither the token vectors nor the sentence vectors get any")
        if tokens is not None:
            self.require(not bool((tokens[~inputs.mask_BT] != 0).any()), "padding gets some")

    @clause
    def learns(self) -> None:
        """Some steps of AdamW on a handful of examples halve the loss, at least."""
        head = self.build()
        criterion = self.criterion(head)
        # So few that a linear head can learn them: the vectors are random, and nothing that it learns is general.
        batch = self.batch(range(0, len(self.examples), max(1, len(self.examples) // HANDFUL)))
        inputs, below = self.encoded(batch), criterion.denominator(batch.targets[NAME])
        groups = [{"params": list(module.parameters())} for module in (head, criterion)]
        known = {id(parameter) for parameter in groups[0]["params"]}
        groups[1]["params"] = [parameter for parameter in groups[1]["params"] if id(parameter) not in known]
        optimiser = torch.optim.AdamW([group for group in groups if group["params"]], lr=3e-2)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            first = (self.summed_loss(head.eval(), batch, criterion, inputs) / below).item()
            head.train()
            for _ in range(60):
                optimiser.zero_grad()
                torch.autograd.backward(self.summed_loss(head, batch, criterion, inputs) / below)
                optimiser.step()
            last = (self.summed_loss(head.eval(), batch, criterion, inputs) / below).item()
        self.require(last < first / 2, f"it went from {first:.4g} to {last:.4g} in 60 steps")

    @clause
    def begins_at_a_fit(self) -> None:
        """A head with `wants_vectors` takes the examples' sentence vectors in `initialise`, and its loss on them is
        lower for it. Examples without annotation change nothing, nor does what the head was before."""
        if not self.build().wants_vectors:
            return
        own, both = (
            collate(self.dataset_of(examples), range(len(examples)), pad_id=0, device=CPU)
            for examples in (self.examples, [*self.examples, *self.bare])
        )
        inputs = self.encoded(own)
        further_BD = torch.ones(len(self.bare), WIDTH)
        before, head, other = self.build(1), self.build(1), self.build(2)
        with torch.no_grad():
            head.initialise(inputs.pooled_BD, own.targets[NAME])
            other.initialise(torch.cat([inputs.pooled_BD, further_BD]), both.targets[NAME])
        first, last = (self.summed_loss(one, own, self.criterion(one), inputs).item() for one in (before, head))
        self.require(last < first, f"it went from {first:.4g} to {last:.4g}")
        outputs = other(inputs)
        for name, tensor in head(inputs).items():
            self.require(same(tensor, outputs[name]), f"'{name}' depends on the seed, or on what is not annotated")

    @clause
    def saved_and_loaded(self) -> None:
        """Weights round-trip: another head with these weights gives the same outputs."""
        first, second, (encoding,) = self.build(1), self.build(2), encoded(["play some jazz"])
        second.load_state_dict(first.state_dict())
        inputs = embed(tokens_of([encoding]), [encoding])
        outputs = first(inputs)
        for name, tensor in second(inputs).items():
            self.require(same(tensor, outputs[name]), f"'{name}' differs after loading the state_dict")

    @clause
    def decodes_its_outputs(self) -> None:
        """The codec decodes what the head puts out, for any text: without words, too long, in other scripts."""
        head = self.build()
        codec = self.codec()
        for encodings in self.awkward():
            arrays = numpy_outputs(head(embed(tokens_of(encodings), encodings)))
            found = self.decode(codec, arrays, encodings)
            self.require_predictions(codec, found, len(encodings))
