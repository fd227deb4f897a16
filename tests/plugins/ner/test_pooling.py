"""Subwords to words, against a loop over words; and how words are written."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nlu_kit.data.batch import TokenBatch
from nlu_kit.data.encoding import NO_WORD
from nlu_kit.data.labels import LabelSpace
from nlu_kit.data.words import SHAPES
from nlu_kit.errors import PluginError
from nlu_kit.heads.codec import HeadContext
from nlu_kit.heads.modules import Encoded
from nlu_kit_ner import NerParams
from nlu_kit_ner.head import MeanPooling, NerHead

N = NO_WORD
# [CLS] a bb ccc [SEP], and a text without words
WORDS = torch.tensor([[N, 0, 1, 1, 2, 2, 2, N], [N, N, N, N, N, N, N, N], [N, 0, 0, 0, 0, 1, 2, N]])
WIDTH = 6


def context(classes: int) -> HeadContext:
    return HeadContext(name="ner", width=WIDTH, labels=LabelSpace([str(number) for number in range(classes)]))


def tokens() -> Tensor:
    return torch.randn(*WORDS.shape, WIDTH, generator=torch.Generator().manual_seed(0))


def groups() -> list[tuple[int, list[int]]]:
    """(row, token positions) of each word."""
    found = []
    for row, numbers in enumerate(WORDS.tolist()):
        for number in sorted(set(numbers) - {N}):
            found.append((row, [position for position, word in enumerate(numbers) if word == number]))
    return found


def test_the_mean_of_each_word() -> None:
    vectors = tokens()
    pooled = MeanPooling()(vectors, WORDS)
    for row, positions in groups():
        for position in positions:
            torch.testing.assert_close(pooled[row, position], vectors[row, positions].mean(dim=0))
    assert (pooled[1] == 0).all()


def test_padding_changes_nothing_and_gradients_flow() -> None:
    pooling = MeanPooling()
    vectors = tokens().requires_grad_()
    pooled = pooling(vectors, WORDS)
    longer = pooling(
        torch.cat([vectors, torch.full((3, 2, WIDTH), 9.0)], dim=1), torch.nn.functional.pad(WORDS, (0, 2), value=N)
    )
    torch.testing.assert_close(longer[:, :8], pooled)
    pooled[WORDS >= 0].sum().backward()
    assert vectors.grad is not None
    assert (vectors.grad[WORDS >= 0] != 0).any(dim=1).all()
    assert (vectors.grad[WORDS < 0] == 0).all()


def encoded(*, words: Tensor | None = WORDS, shapes: Tensor | None = None) -> Encoded:
    vectors, mask = tokens(), torch.ones_like(WORDS, dtype=torch.bool)
    batch = TokenBatch(ids_BT=WORDS, mask_BT=mask, words_BT=words, shapes_BT=shapes)
    return Encoded(vectors, torch.randn(3, WIDTH), mask, batch)


def test_under_autocast() -> None:
    head = NerHead(NerParams(pooling="mean", shapes=3, hidden=4), context(3))
    given = encoded(shapes=torch.zeros_like(WORDS))
    given = Encoded(given.tokens_BTD.bfloat16(), given.pooled_BD, given.mask_BT, given.batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = head(given)["logits"]
    assert torch.isfinite(logits).all()
    logits.float().sum().backward()


def test_shapes_make_a_difference_where_vectors_are_alike() -> None:
    head = NerHead(NerParams(shapes=3, dropout=0.0), context(2)).eval()
    shapes = torch.zeros_like(WORDS)
    lower = head(encoded(shapes=shapes))["logits"]
    shapes[0, 2] = SHAPES.index("Title")
    title = head(encoded(shapes=shapes))["logits"]
    assert (lower[0, 2] != title[0, 2]).all()
    assert torch.equal(lower[0, 3:], title[0, 3:])


@pytest.mark.parametrize(
    ("options", "missing"),
    [({"pooling": "mean"}, "words_BT"), ({"shapes": 2}, "shapes_BT")],
)
def test_what_is_missing_is_named(options: dict[str, object], missing: str) -> None:
    head = NerHead(NerParams(**options), context(2))  # type: ignore[arg-type]
    given = encoded(words=None)
    for bare in (given, Encoded(given.tokens_BTD, given.pooled_BD, given.mask_BT)):
        with pytest.raises(
            PluginError, match=rf"contract: this head reads `Encoded\.batch\.{missing}`, which is not there"
        ):
            head(bare)
