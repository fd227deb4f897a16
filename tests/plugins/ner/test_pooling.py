"""Subwords to words, against a loop over words; and how words are written."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nlu_kit.data.batch import TokenBatch
from nlu_kit.data.encoding import NO_WORD
from nlu_kit.data.shapes import SHAPES
from nlu_kit.errors import PluginError
from nlu_kit.heads.modules import Encoded
from nlu_kit_ner.head import NerHead
from nlu_kit_ner.params import NerParams
from nlu_kit_ner.pooling import LstmPooling, MeanPooling

N = NO_WORD
# [CLS] a bb ccc [SEP], and a text without words
WORDS = torch.tensor([[N, 0, 1, 1, 2, 2, 2, N], [N, N, N, N, N, N, N, N], [N, 0, 0, 0, 0, 1, 2, N]])
WIDTH = 6


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
    pooled = MeanPooling(WIDTH)(vectors, WORDS)
    for row, positions in groups():
        for position in positions:
            torch.testing.assert_close(pooled[row, position], vectors[row, positions].mean(dim=0))
    assert (pooled[1] == 0).all()


def test_the_final_states_of_each_word() -> None:
    vectors = tokens()
    pooling = LstmPooling(WIDTH)
    pooled = pooling(vectors, WORDS)
    assert pooled.shape == (*WORDS.shape, pooling.width)
    for row, positions in groups():
        _, (final, _) = pooling.lstm(vectors[row, positions][None])
        for position in positions:
            torch.testing.assert_close(pooled[row, position], final.flatten())


def test_an_odd_width_is_rounded_up() -> None:
    pooling = LstmPooling(5)
    assert pooling.width == 6
    assert pooling(torch.randn(*WORDS.shape, 5), WORDS).shape[2] == 6


@pytest.mark.parametrize("pooling", [MeanPooling(WIDTH), LstmPooling(WIDTH)])
def test_padding_changes_nothing_and_gradients_flow(pooling: MeanPooling | LstmPooling) -> None:
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


def test_a_batch_without_any_word_still_reaches_every_parameter() -> None:
    """DistributedDataParallel waits for a gradient of each, in every step."""
    pooling = LstmPooling(WIDTH)
    pooling(tokens(), torch.full_like(WORDS, N)).sum().backward()
    assert all(parameter.grad is not None for parameter in pooling.parameters())


def encoded(*, words: Tensor | None = WORDS, shapes: Tensor | None = None) -> Encoded:
    vectors, mask = tokens(), torch.ones_like(WORDS, dtype=torch.bool)
    batch = TokenBatch(ids_BT=WORDS, mask_BT=mask, words_BT=words, shapes_BT=shapes)
    return Encoded(vectors, torch.randn(3, WIDTH), mask, batch)


def test_under_autocast() -> None:
    for pooling in ("mean", "lstm"):
        head = NerHead(NerParams(pooling=pooling, shapes=3, hidden=4), width=WIDTH, classes=3)  # type: ignore[arg-type]
        given = encoded(shapes=torch.zeros_like(WORDS))
        given = Encoded(given.tokens_BTD.bfloat16(), given.pooled_BD, given.mask_BT, given.batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = head(given)["logits"]
        assert torch.isfinite(logits).all()
        logits.float().sum().backward()


def test_shapes_make_a_difference_where_vectors_are_alike() -> None:
    head = NerHead(NerParams(shapes=3, dropout=0.0), width=WIDTH, classes=2).eval()
    shapes = torch.zeros_like(WORDS)
    lower = head(encoded(shapes=shapes))["logits"]
    shapes[0, 2] = SHAPES.index("Title")
    title = head(encoded(shapes=shapes))["logits"]
    assert (lower[0, 2] != title[0, 2]).all()
    assert torch.equal(lower[0, 3:], title[0, 3:])


@pytest.mark.parametrize(
    ("options", "missing"),
    [({"pooling": "mean"}, "words_BT"), ({"pooling": "lstm"}, "words_BT"), ({"shapes": 2}, "shapes_BT")],
)
def test_what_is_missing_is_named(options: dict[str, object], missing: str) -> None:
    head = NerHead(NerParams(**options), width=WIDTH, classes=2)  # type: ignore[arg-type]
    given = encoded(words=None)
    for bare in (given, Encoded(given.tokens_BTD, given.pooled_BD, given.mask_BT)):
        with pytest.raises(
            PluginError, match=rf"contract: this head reads `Encoded\.batch\.{missing}`, which is not there"
        ):
            head(bare)
