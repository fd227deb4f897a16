"""The loss of `crf_ner`: which words count, what it is divided by, and that it owns no parameter."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.heads.codec import HeadContext
from nlu_kit.heads.modules import Encoded, Loss
from nlu_kit_ner import CrfNerParams
from nlu_kit_ner.crf import Crf
from nlu_kit_ner.crf_head import CrfLoss, CrfNerHead
from nlu_kit_ner.tags import legal_tags, tag_names

TAGS = tag_names(["x"], "bio")
I = IGNORE  # noqa: E741
# Two subwords in the first text's second word; the second text is one word long; the third is not annotated.
TARGETS = {
    "labels": torch.tensor([[I, 0, 1, I, 2, I], [I, 0, I, I, I, I], [I, I, I, I, I, I]]),
    "tokens": torch.tensor([[1, 2, 4], [1, I, I], [1, 2, I]]),
}


def head(**options: Any) -> CrfNerHead:
    torch.manual_seed(0)
    context = HeadContext(name="ner", width=4, labels=LabelSpace(TAGS))
    built = CrfNerHead(CrfNerParams(**options), context)
    with torch.no_grad():
        for parameter in built.crf.parameters():
            parameter.normal_()
    return built


def logits(rows: int = 3, *, seed: int = 1) -> torch.Tensor:
    return torch.randn(rows, 6, len(TAGS), generator=torch.Generator().manual_seed(seed))


def part(*rows: int) -> dict[str, torch.Tensor]:
    return {name: target[list(rows)] for name, target in TARGETS.items()}


def test_it_is_the_sum_over_annotated_texts_of_first_subwords() -> None:
    tagger = head()
    loss, scores = tagger.own_loss(), logits()
    first = tagger.crf.negative_log_likelihood(
        scores[:1, [1, 2, 4]], torch.tensor([[0, 1, 2]]), torch.ones(1, 3, dtype=torch.bool)
    )
    second = tagger.crf.negative_log_likelihood(
        scores[1:2, [1]], torch.tensor([[0]]), torch.ones(1, 1, dtype=torch.bool)
    )
    found = loss({"logits": scores}, TARGETS)
    assert found.shape == ()
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx((first + second).item(), rel=1e-5)
    pieces = [loss({"logits": scores[[row]]}, part(row)).item() for row in range(3)]
    assert sum(pieces) == pytest.approx(found.item(), rel=1e-5)
    assert pieces[2] == 0.0


def test_what_it_is_divided_by() -> None:
    assert head().own_loss().denominator(TARGETS).item() == 4.0
    assert head(reduction="sentence").own_loss().denominator(TARGETS).item() == 2.0
    assert head().own_loss().denominator(part(2)).item() == 0.0


@pytest.mark.parametrize("words", [2, 0])
def test_without_annotation_loss_and_gradients_are_zero_but_there(words: int) -> None:
    tagger = head()
    scores = logits(1).half().mul(60_000).requires_grad_()  # no sum over logits may overflow either
    targets = {"labels": torch.full((1, 6), IGNORE), "tokens": torch.arange(1, 1 + words)[None]}
    found = tagger.own_loss()({"logits": scores}, targets)
    assert found.item() == 0.0
    found.backward()
    for tensor in (scores, *tagger.crf.parameters()):
        assert tensor.grad is not None
        assert (tensor.grad == 0).all()


def test_texts_of_one_word_reach_every_parameter() -> None:
    tagger = head()
    tagger.own_loss()({"logits": logits(1)}, part(1)).backward()
    assert all(parameter.grad is not None for parameter in tagger.crf.parameters())


class Whole(nn.Module):
    """Head and loss side by side, as in the objective."""

    def __init__(self, tagger: CrfNerHead, loss: Loss) -> None:
        super().__init__()
        self.model, self.loss = tagger, loss


def test_parameters_are_listed_and_stored_once() -> None:
    whole = Whole(head(), loss := head().own_loss())
    assert list(loss.parameters()) == list(loss.buffers()) == list(loss.modules())[1:] == []
    assert loss.state_dict() == {}
    assert [name for name in whole.state_dict() if "crf" in name] == [
        "model.crf.start",
        "model.crf.steps",
        "model.crf.end",
    ]


def test_it_follows_its_head() -> None:
    tagger = head()
    whole = Whole(tagger, tagger.own_loss())
    copied = copy.deepcopy(whole)
    before = whole.loss({"logits": logits()}, TARGETS).item()
    with torch.no_grad():
        copied.model.crf.steps.add_(torch.randn(3, 3))
    assert whole.loss({"logits": logits()}, TARGETS).item() == before
    assert copied.loss({"logits": logits()}, TARGETS).item() != before
    copied.load_state_dict(whole.state_dict())
    assert copied.loss({"logits": logits()}, TARGETS).item() == before
    moved = whole.to("meta")
    assert moved.loss._crf is moved.model.crf
    assert moved.loss._crf.illegal_steps.device.type == "meta"


def test_a_learned_chain_is_put_out_for_every_text() -> None:
    tagger = head()
    with torch.no_grad():
        tagger.crf.steps.normal_()
    tokens = torch.randn(2, 6, tagger.classifier.in_features)
    outputs = tagger(Encoded(tokens, tokens[:, 0], torch.ones(2, 6, dtype=torch.bool)))
    for name, parameter in tagger.crf.named_parameters():
        assert torch.equal(outputs[name], torch.stack([parameter] * 2))


def test_a_new_chain_is_a_softmax_over_legal_sequences() -> None:
    crf = Crf(legal_tags(TAGS, "bio"))
    loss = CrfLoss(crf, reduction="word")
    found = loss({"logits": torch.zeros(3, 6, 3)}, TARGETS).item()
    # Of three words: O or B- first, then anything but I- after O; 2, then 5, then 13 sequences. Of one word: 2.
    assert found == pytest.approx(torch.log(torch.tensor(13.0 * 2.0)).item(), rel=1e-5)
