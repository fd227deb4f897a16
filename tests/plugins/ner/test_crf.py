"""The CRF in torch: against every path by hand, the numpy half, and pytorch-crf where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu_kit.data.labels import IGNORE
from nlu_kit_ner import Scheme
from nlu_kit_ner.crf import Crf, _log_partition
from nlu_kit_ner.lattice import Lattice, best_paths, marginals
from nlu_kit_ner.tags import Legal, legal_tags, tag_names

TAGS: dict[Scheme, tuple[str, ...]] = {"bio": tag_names(["x", "y"], "bio"), "bilou": tag_names(["x"], "bilou")}
CLASSES = 5
ANYTHING = Legal(start=np.ones(3, bool), steps=np.ones((3, 3), bool), end=np.ones(3, bool))


def filled(rules: Legal, seed: int, *, scale: float = 1.0) -> Crf:
    crf = Crf(rules)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    return crf


def batch(seed: int, lengths: list[int], classes: int = CLASSES, *, scale: float = 2.0) -> tuple[Any, Any]:
    """Scores [B, W, C] and mask [B, W]."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(len(lengths), max(lengths), classes, generator=generator) * scale
    return scores, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def lattice(crf: Crf, rules: Legal) -> Lattice:
    return Lattice.of(rules, {name: part.detach().double().numpy() for name, part in crf.named_parameters()})


seeds, schemes = st.integers(0, 10_000), st.sampled_from(list(TAGS))
some_lengths = st.lists(st.integers(1, 4), min_size=1, max_size=3)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, scheme=schemes, lengths=some_lengths, scale=st.sampled_from([0.1, 2.0, 15.0]))
def test_likelihood_of_known_and_unknown_tags(
    every_path: Any, seed: int, scheme: Scheme, lengths: list[int], scale: float
) -> None:
    rules = legal_tags(TAGS[scheme], scheme)
    crf = filled(rules, seed, scale=scale / 2)
    scores, mask = batch(seed, lengths, scale=scale)
    chain = lattice(crf, rules)
    paths = best_paths([row[:n].double().numpy() for row, n in zip(scores, lengths, strict=True)], chain)
    generator = np.random.default_rng(seed)
    tags = torch.full(mask.shape, IGNORE)
    hidden = generator.random(mask.shape) < 0.3
    for row, path in enumerate(paths):
        tags[row, : len(path)] = torch.from_numpy(path)
    known, part = tags, tags.masked_fill(torch.from_numpy(hidden), IGNORE)
    for wanted in (known, part):
        found = crf.negative_log_likelihood(scores, wanted, mask)
        for row, length in enumerate(lengths):
            totals = dict(every_path(scores[row, :length].double().numpy(), chain))
            given_tags = wanted[row, :length].tolist()
            fitting = [
                total
                for path, total in totals.items()
                if all(want in (IGNORE, tag) for want, tag in zip(given_tags, path, strict=True))
            ]
            everything = np.logaddexp.reduce(list(totals.values()))
            assert found[row].item() == pytest.approx(everything - np.logaddexp.reduce(fitting), abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, scheme=schemes, lengths=st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_the_partition_is_at_least_the_best_path(seed: int, scheme: Scheme, lengths: list[int]) -> None:
    rules = legal_tags(TAGS[scheme], scheme)
    crf = filled(rules, seed, scale=3.0)
    scores, mask = batch(seed, lengths, scale=10.0)
    rows = [row[:n].double().numpy() for row, n in zip(scores, lengths, strict=True)]
    tags = torch.zeros(mask.shape, dtype=torch.int64)
    for row, path in enumerate(best_paths(rows, lattice(crf, rules))):
        tags[row, : len(path)] = torch.from_numpy(path)
    assert (crf.negative_log_likelihood(scores, tags.masked_fill(~mask, IGNORE), mask) >= -1e-6).all()


@pytest.mark.parametrize("scheme", TAGS)
def test_the_gradient_of_the_partition_is_the_marginals_of_the_numpy_half(scheme: Scheme) -> None:
    """Forward-backward by hand equals automatic differentiation of the forward algorithm."""
    rules, lengths = legal_tags(TAGS[scheme], scheme), [7, 1, 4]
    crf = filled(rules, 11)
    scores, mask = batch(11, lengths)
    scores = scores.double().requires_grad_()
    _log_partition(crf._chain(torch.float64), scores, mask).sum().backward()
    assert scores.grad is not None
    rows = [row[:n].detach().numpy() for row, n in zip(scores, lengths, strict=True)]
    for row, expected in enumerate(marginals(rows, lattice(crf, rules))):
        np.testing.assert_allclose(scores.grad[row, : lengths[row]].numpy(), expected, atol=1e-5)
        assert (scores.grad[row, lengths[row] :] == 0).all()


def test_padding_and_neighbours_change_nothing() -> None:
    rules = legal_tags(TAGS["bio"], "bio")
    crf = filled(rules, 2)
    scores, mask = batch(2, [6, 2])
    tags = torch.tensor([[1, 2, 0, 3, 4, 0], [0, 1, IGNORE, IGNORE, IGNORE, IGNORE]])
    both = crf.negative_log_likelihood(scores, tags, mask)
    scores[1, 2:] = 1e6
    assert torch.equal(crf.negative_log_likelihood(scores, tags, mask), both)
    alone = crf.negative_log_likelihood(scores[1:, :2], tags[1:, :2], mask[1:, :2])
    torch.testing.assert_close(alone[0], both[1])


def test_gradients_are_numbers_even_where_a_tag_is_out_of_reach() -> None:
    rules = legal_tags(TAGS["bilou"], "bilou")
    crf = Crf(rules)
    scores = torch.full((1, 40, CLASSES), -80.0)
    scores[..., 0] = 80.0
    scores.requires_grad_()
    tags = torch.tensor([[1, *[2] * 38, 3]])  # one entity of 40 words, each 160 nats less likely than O
    loss = crf.negative_log_likelihood(scores, tags, torch.ones(1, 40, dtype=torch.bool)).sum()
    loss.backward()
    assert loss.item() == pytest.approx(160 * 40, rel=1e-3)
    assert scores.grad is not None
    assert all(torch.isfinite(grad).all() for grad in (scores.grad, *(p.grad for p in crf.parameters())))


def test_illegal_steps_are_never_learnt() -> None:
    rules = legal_tags(TAGS["bio"], "bio")
    crf = filled(rules, 4)
    scores, mask = batch(4, [5, 3])
    crf.negative_log_likelihood(
        scores, torch.zeros(2, 5, dtype=torch.int64).masked_fill(~mask, IGNORE), mask
    ).sum().backward()
    assert crf.steps.grad is not None
    assert crf.start.grad is not None
    assert (crf.steps.grad[crf.illegal_steps] == 0).all()
    assert (crf.start.grad[crf.illegal_start] == 0).all()
    assert (crf.steps.grad[~crf.illegal_steps] != 0).any()


def test_precision_under_autocast_is_that_without() -> None:
    crf = filled(legal_tags(TAGS["bio"], "bio"), 6)
    scores, mask = batch(6, [9, 4])
    tags = torch.zeros(2, 9, dtype=torch.int64).masked_fill(~mask, IGNORE)
    plain = crf.negative_log_likelihood(scores, tags, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(crf.negative_log_likelihood(scores, tags, mask), plain)


def test_single_precision_is_close_enough_for_devices_without_double() -> None:
    crf = filled(legal_tags(TAGS["bio"], "bio"), 8)
    scores, mask = batch(8, [30, 12], scale=8.0)
    double = _log_partition(crf._chain(torch.float64), scores.double(), mask)
    single = _log_partition(crf._chain(torch.float32), scores, mask)
    torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-3)


def test_it_agrees_with_pytorch_crf() -> None:
    import torchcrf

    crf = filled(ANYTHING, 9)
    other = torchcrf.CRF(3, batch_first=True)
    with torch.no_grad():
        other.start_transitions.copy_(crf.start)
        other.transitions.copy_(crf.steps)
        other.end_transitions.copy_(crf.end)
    scores, mask = batch(9, [8, 3, 1], classes=3)
    tags = torch.randint(3, mask.shape, generator=torch.Generator().manual_seed(1))
    expected = -other(scores, tags, mask=mask, reduction="none")
    found = crf.negative_log_likelihood(scores, tags.masked_fill(~mask, IGNORE), mask)
    torch.testing.assert_close(found.float(), expected)
    rows = [row[row_mask].double().numpy() for row, row_mask in zip(scores, mask, strict=True)]
    assert [path.tolist() for path in best_paths(rows, lattice(crf, ANYTHING))] == other.decode(scores, mask=mask)
