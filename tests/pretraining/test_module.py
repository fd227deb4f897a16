"""Batches of several objectives: who is in them, and that the encoder reads them as it would alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu_kit.config.components import resolve_component
from nlu_kit.data.batch import collate_tokens
from nlu_kit.model.build import build_backbone
from nlu_kit.model.nlu_model import NluModel
from nlu_kit.pretraining.module import Rounds, encode_by_length
from nlu_kit.registry import Registry

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(sizes=SIZES, batch_size=st.integers(1, 16), epochs=st.integers(1, 4), steps=st.none() | st.integers(1, 9))
def test_every_batch_has_its_share_of_each_objective(
    sizes: list[int], batch_size: int, epochs: int, steps: int | None
) -> None:
    rounds = Rounds(sizes, batch_size=batch_size, seed=3, steps=steps)
    drawn: list[int] = []
    for epoch in range(epochs):
        batches = [list(batch) for batch in rounds.batches(epoch)]
        assert len(batches) == (steps or max(-(-size // batch_size) for size in sizes))
        assert batches == [list(batch) for batch in rounds.batches(epoch)], (
            "the same plan each time that it is asked for"
        )
        for batch in batches:
            places = [rounds.place(index) for index in batch]
            assert Counter(number for number, _, _ in places) == {
                number: min(batch_size, size) for number, size in enumerate(sizes)
            }
            assert len({place[:2] for place in places}) == len(places), "no item twice in one batch"
            assert all(0 <= item < sizes[number] for number, item, _ in places)
        drawn += [index for batch in batches for index in batch]
    assert len(set(drawn)) == len(drawn), "each draw has an index of its own, by which chance goes"


@settings(max_examples=30, deadline=None)
@given(size=st.integers(2, 60), batch_size=st.integers(1, 8))
def test_all_items_are_seen_before_one_comes_again(size: int, batch_size: int) -> None:
    rounds = Rounds([size], batch_size=batch_size, seed=0)
    whole = size // min(size, batch_size) * min(size, batch_size)
    seen = [rounds.place(index)[1] for index in rounds.order(0)[:whole]]
    assert len(set(seen)) == len(seen)


def test_texts_of_like_length_go_through_together_and_come_back_in_order(tiny_bert: Path) -> None:
    section = {"type": "transformer", "model": str(tiny_bert)}
    backbone = build_backbone(resolve_component(Registry.load(), "backbone", section), base_dir=Path()).eval()
    generator = np.random.default_rng(1)
    texts = [" ".join(["jazz", "table", "me"][: 1 + i % 3] * int(generator.integers(1, 12))) for i in range(50)]
    tokens = collate_tokens(backbone.tokenizer.encode(texts), pad_id=backbone.pad_id, device=torch.device("cpu"))
    model = NluModel(backbone, {})
    with torch.no_grad():
        whole, apart = model.encode(tokens), encode_by_length(model, tokens)
    assert torch.allclose(whole.pooled_BD, apart.pooled_BD, atol=1e-5)
    mask = tokens.mask_BT
    assert torch.allclose(whole.tokens_BTD[mask], apart.tokens_BTD[mask], atol=1e-5)
    assert apart.tokens_BTD.shape == whole.tokens_BTD.shape
