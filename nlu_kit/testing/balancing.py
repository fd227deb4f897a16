"""The contract of a balancing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from nlu_kit.plugin.contracts import BalancingContext
from nlu_kit.plugin.modules import Balancing
from nlu_kit.testing.clauses import clause
from nlu_kit.testing.parts import equal, same
from nlu_kit.testing.trial import ComponentContract

HEADS = ("intent", "ner")
LOSSES = ({"intent": 1.5, "ner": 0.4}, {"intent": 0.0, "ner": 0.0}, {"intent": 2e4, "ner": 1e-6})
EPOCHS = ({"intent": 1.2, "ner": 0.8}, {"intent": 0.6, "ner": 0.7}, {"intent": 0.6, "ner": 0.0})


def tensors(losses: Mapping[str, float]) -> dict[str, Tensor]:
    """As the model gives them: scalars that gather gradients."""
    return {head: torch.tensor(loss, requires_grad=True) for head, loss in losses.items()}


class BalancingContract(ComponentContract):
    """The clauses of a balancing, tried with heads called `intent` and `ner`, and with `intent` alone."""

    kind = "balancing"

    def build(self, heads: Sequence[str] = HEADS, *, epochs: int = 0) -> Balancing:
        """A fresh one that has heard of so many epochs."""
        with torch.random.fork_rng():
            torch.manual_seed(5)
            built: Balancing = self.spec.build(self.params, BalancingContext(heads=list(heads)))
        for losses in EPOCHS[:epochs]:
            built.end_epoch({head: losses[head] for head in heads})
        return built

    def ages(self) -> list[Balancing]:
        """A new one, and one after each epoch."""
        return [self.build(epochs=epochs) for epochs in range(len(EPOCHS) + 1)]

    # --- clauses ------------------------------------------------------------------------------------------------------

    @clause
    def total(self) -> None:
        """The heads' losses become one finite scalar, also when they are 0, or very unlike each other."""
        for balancing in self.ages():
            for losses in LOSSES:
                total = balancing(tensors(losses))
                self.require(total.ndim == 0 and total.isfinite(), f"{total} for {losses}")

    @clause
    def gradients(self) -> None:
        """Every head's loss counts: the total rises with each of them. Gradients are finite, those of the balancing's
        own parameters too, and each of these gets one."""
        for balancing in self.ages():
            losses = tensors(LOSSES[0])
            torch.autograd.backward(balancing(losses))
            for head, loss in losses.items():
                counts = loss.grad is not None and loss.grad.isfinite() and loss.grad > 0
                self.require(counts, f"that of the loss of '{head}' is {loss.grad}")
            for name, parameter in balancing.named_parameters():
                fine = parameter.grad is not None and parameter.grad.isfinite().all()
                self.require(fine or not parameter.requires_grad, f"that of '{name}' is {parameter.grad}")

    @clause
    def pieces(self) -> None:
        """The totals of a batch's pieces, whose `share`s add up to 1, add up to the total of the whole."""
        whole = LOSSES[0]
        for balancing in self.ages():
            expected = balancing(tensors(whole)).detach()
            for shares in ((0.25, 0.75), (0.5, 0.3, 0.2)):
                totals = []
                for piece, share in enumerate(shares):
                    # heads' losses need not be spread as the examples are: the last piece has all of one head's
                    parts = {head: loss * share for head, loss in whole.items()}
                    parts["ner"] = whole["ner"] if piece == len(shares) - 1 else 0.0
                    totals.append(balancing(tensors(parts), share=share).detach())
                added = torch.stack(totals).sum()
                self.require(same(added, expected), f"{added:.6g} in {len(shares)} pieces, {expected:.6g} as a whole")

    @clause
    def one_head(self) -> None:
        """It works for a pipeline with one head, before and after epochs."""
        for epochs in range(len(EPOCHS) + 1):
            losses = tensors({HEADS[0]: 1.5})
            total = self.build(HEADS[:1], epochs=epochs)(losses)
            self.require(total.ndim == 0 and total.isfinite(), f"the total is {total}")
            torch.autograd.backward(total)
            gradient = losses[HEADS[0]].grad
            self.require(gradient is not None and gradient > 0, f"the gradient of its loss is {gradient}")

    @clause
    def forward_remembers_nothing(self) -> None:
        """Only `end_epoch` and training change it: the number of pieces must not matter, so `forward` keeps nothing,
        and gives the same total again."""
        for balancing in self.ages():
            before = {name: tensor.clone() for name, tensor in balancing.state_dict().items()}
            totals = [balancing(tensors(losses)).detach() for losses in (LOSSES[0], LOSSES[2], LOSSES[0])]
            self.require(torch.equal(totals[0], totals[2]), f"{totals[0]:.6g}, and later {totals[2]:.6g}")
            for name, tensor in balancing.state_dict().items():
                self.require(equal(tensor, before[name]), f"'{name}' is changed")

    @clause
    def saved_and_loaded(self) -> None:
        """All that it has heard of epochs is in its `state_dict`: another one that loads it gives the same totals, in
        this epoch and after further ones."""
        for epochs in range(len(EPOCHS)):
            first, second = self.build(epochs=epochs), self.build()
            second.load_state_dict(first.state_dict())
            for further in (None, *EPOCHS):
                if further is not None:
                    first.end_epoch(further)
                    second.end_epoch(further)
                totals = [balancing(tensors(LOSSES[0])).detach() for balancing in (first, second)]
                self.require(same(*totals), f"{totals[0]:.6g}, and from its state_dict {totals[1]:.6g}")
