"""The contract of a loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import torch
from torch import Tensor

from nlu_kit.data.labels import IGNORE
from nlu_kit.errors import ConfigError
from nlu_kit.heads.modules import Loss
from nlu_kit.plugin.contracts import LossContext
from nlu_kit.testing.clauses import NotTried, clause
from nlu_kit.testing.codec import NAME
from nlu_kit.testing.loss_material import Material, materials
from nlu_kit.testing.parts import equal, same
from nlu_kit.testing.trial import ComponentContract


class LossContract(ComponentContract):
    """The clauses of a loss."""

    kind = "loss"

    @cached_property
    def materials(self) -> list[tuple[Material, Loss]]:
        """What to try it with, each with a loss built for it."""
        found = materials(self.spec.consumes, self.trial.registry)
        if not found:
            raise NotTried(f"no head is installed that produces {' or '.join(sorted(self.spec.consumes))}")
        built = []
        for material in found:
            try:
                built.append((material, self.build(material)))
            except ConfigError:  # its parameters speak of other labels
                if material is found[-1] and not built:
                    raise
        return built

    def build(self, material: Material) -> Loss:
        context = LossContext(head=NAME, labels=material.labels, class_counts=material.counts)
        built: Loss = self.spec.build(self.params, context)
        return built

    def tried(self, change: Callable[[Material], Material]) -> Iterator[tuple[Material, Loss, Tensor]]:
        """Each material after ``change``, with outputs that gather gradients, and the loss of it."""
        for material, loss in self.materials:
            changed = change(material).leaves()
            yield changed, loss, loss(changed.outputs, changed.targets)

    def backward(self, material: Material, total: Tensor) -> Mapping[str, Tensor]:
        """The gradient of each output; zeros where there is none."""
        torch.autograd.backward(total)
        return {
            name: torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            for name, tensor in material.outputs.items()
        }

    # --- clauses ------------------------------------------------------------------------------------------------------

    @clause
    def scalars(self) -> None:
        """The summed loss and its denominator are finite scalars, and with targets the denominator is positive, also
        where a class of the head never occurs in train."""
        for material, loss, total in self.tried(lambda material: material):
            below = loss.denominator(material.targets)
            self.require(total.ndim == 0 and total.isfinite(), f"{material.name}: the loss is {total}")
            self.require(below.ndim == 0 and below.isfinite() and below > 0, f"{material.name}: it divides by {below}")

    @clause
    def adds_up(self) -> None:
        """Loss and denominator are sums over examples: of a batch they are the sum of its pieces', however it is cut.
        So several processes, and accumulated gradients, take the step that one process would."""
        for material, loss in self.materials:
            count = len(material)
            cuts = [[range(0, 2), range(2, count)], [range(row, row + 1) for row in range(count)]]
            for pieces in ([material.rows(rows) for rows in cut] for cut in cuts):
                for what, whole, parts in (
                    ("losses", loss(material.outputs, material.targets), [loss(p.outputs, p.targets) for p in pieces]),
                    ("denominators", loss.denominator(material.targets), [loss.denominator(p.targets) for p in pieces]),
                ):
                    added = torch.stack([part.detach() for part in parts]).sum()
                    found = f"{material.name}: {what} of {len(pieces)} pieces add up to {added:.6g}, not {whole:.6g}"
                    self.require(same(added, whole.detach(), tolerance=1e-3), found)

    @clause
    def masked(self) -> None:
        """What has no target (IGNORE, or NaN among floats) counts nothing: the loss and its denominator are those of
        the others, and it gets no gradient."""
        for material, loss, total in self.tried(lambda material: material.masked(range(0, len(material), 2))):
            left = material.rows(range(1, len(material), 2))
            for what, found, expected in (
                ("the loss", total, loss(left.outputs, left.targets)),
                ("the denominator", loss.denominator(material.targets), loss.denominator(left.targets)),
            ):
                found, expected = found.detach(), expected.detach()
                self.require(same(found, expected, tolerance=1e-3), f"{material.name}: {what} counts them")
            for name, gradient in self.backward(material, total).items():
                idle = gradient[::2].any() or gradient[_untargeted(material, gradient)].any()
                self.require(not idle, f"{material.name}: '{name}' gets a gradient where no target is")

    @clause
    def nothing_to_learn(self) -> None:
        """For a batch without any target the loss is 0, so is the denominator, and every gradient is 0; there is one
        nonetheless, since other processes wait for it."""
        for material, loss, total in self.tried(lambda material: material.masked(range(len(material)))):
            self.require(total == 0, f"{material.name}: the loss is {total}")
            below = loss.denominator(material.targets)
            self.require(below == 0, f"{material.name}: the denominator is {below}")
            self.require(total.requires_grad, f"{material.name}: the loss is cut off from the outputs")
            for name, gradient in self.backward(material, total).items():
                self.require(bool((gradient == 0).all()), f"{material.name}: '{name}' gets {gradient.flatten()[:4]}")

    @clause
    def extreme_outputs(self) -> None:
        """Outputs that are huge, or all 0, give a finite loss and finite gradients."""
        for factor in (0.0, 1e2, 1e4):
            for material, _, total in self.tried(lambda material, factor=factor: material.scaled(factor)):  # type: ignore[misc]
                what = f"{material.name}, times {factor:g}"
                self.require(total.isfinite(), f"{what}: the loss is {total}")
                for name, gradient in self.backward(material, total).items():
                    self.require(gradient.isfinite().all(), f"{what}: the gradient of '{name}' is not finite")

    @clause
    def leads_to_targets(self) -> None:
        """Following its gradient lowers it and leads to the targets: of `logits` the label has the highest at last, or,
        where each label is for itself, one above 0 where it is there and below where it is not."""
        for material, loss in self.materials:
            leaves = material.leaves()
            optimiser = torch.optim.Adam(list(leaves.outputs.values()), lr=0.3)
            losses = []
            for _ in range(80):
                optimiser.zero_grad()
                total = loss(leaves.outputs, leaves.targets)
                torch.autograd.backward(total)
                optimiser.step()
                losses.append(total.item())
            self.require(losses[-1] < losses[0], f"{material.name}: it went from {losses[0]:.4g} to {losses[-1]:.4g}")
            right = _right(leaves)
            self.require(right is None or right > 0.9, f"{material.name}: {right or 0:.0%} of the targets are reached")

    @clause
    def prior_shift(self) -> None:
        """`log_prior_shift`, where there is one, is a finite number for each class of the head: decoding takes it off
        the logits."""
        for material, loss in self.materials:
            shift = loss.log_prior_shift()
            if shift is None:
                continue
            right = shift.shape == (len(material.labels),) and bool(shift.isfinite().all())
            self.require(right, f"{material.name}: {shift} for {len(material.labels)} classes")

    @clause
    def repeatable(self) -> None:
        """Twice the same outputs and targets give the same loss, and neither is changed."""
        for material, loss in self.materials:
            kept = {name: tensor.clone() for name, tensor in (*material.outputs.items(), *material.targets.items())}
            totals = [loss(material.outputs, material.targets) for _ in range(2)]
            loss.denominator(material.targets)
            self.require(torch.equal(*totals), f"{material.name}: {totals[0]:.6g} and {totals[1]:.6g}")
            for name, tensor in (*material.outputs.items(), *material.targets.items()):
                self.require(equal(tensor, kept[name]), f"{material.name}: '{name}' is changed")

    @clause
    def half_precision(self) -> None:
        """It is computed in float32 whatever the outputs are: under autocast, where they are bfloat16 or float16, the
        loss is float32 and what the same outputs give as float32."""
        for dtype in (torch.bfloat16, torch.float16):
            for material, loss in self.materials:
                low = {name: tensor.to(dtype) for name, tensor in material.outputs.items()}
                with torch.autocast("cpu", dtype=dtype):
                    found = loss(low, material.targets)
                expected = loss({name: tensor.float() for name, tensor in low.items()}, material.targets)
                what = f"{material.name} as {str(dtype).removeprefix('torch.')}"
                self.require(found.dtype == torch.float32, f"{what}: the loss is {found.dtype}")
                self.require(same(found, expected, tolerance=1e-3), f"{what}: {found:.6g}, not {expected:.6g}")


def _untargeted(material: Material, output: Tensor) -> Tensor:
    """Where an output has no target of its own; nowhere, if it is not plain which target is whose."""
    labels = material.targets.get("labels")
    if labels is None or labels.shape not in (output.shape, output.shape[:-1]):
        return torch.zeros(len(output), dtype=torch.bool)
    return labels.isnan() if labels.is_floating_point() else labels == IGNORE


def _right(material: Material) -> float | None:
    """The share of targets ``labels`` that the outputs ``logits`` speak for; None where that can't be told."""
    logits, labels = material.outputs.get("logits"), material.targets.get("labels")
    if logits is None or labels is None:
        return None
    if labels.is_floating_point() and labels.shape == logits.shape:
        known = ~labels.isnan()
        return float(((logits > 0) == (labels > 0.5))[known].float().mean())
    if not labels.is_floating_point() and labels.shape == logits.shape[:-1]:
        known = labels != IGNORE
        return float((logits.argmax(dim=-1) == labels)[known].float().mean())
    return None
