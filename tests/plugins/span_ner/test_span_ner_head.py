"""The table of spans against one span at a time; and a real run that learns nested entities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from nlu_kit.data.batch import TokenBatch
from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import PluginError
from nlu_kit.heads.codec import HeadContext
from nlu_kit.heads.modules import Encoded
from nlu_kit.registry import Registry
from nlu_kit.runtime.predictor import load
from nlu_kit.training.run import train
from nlu_kit_span_ner.head import SpanNerHead, span_ends

NO = -1
# A special token, a word of two subwords, a token of no word, three more words; then a text of one word.
WORDS = torch.tensor([[NO, 0, 0, NO, 1, 2, 3, 3, NO], [NO, 0, NO, NO, NO, NO, NO, NO, NO]])


def build(width: int = 6, **options: Any) -> SpanNerHead:
    spec = Registry.load().get("head", "span_ner").spec
    context = HeadContext(name="ner", width=width, labels=LabelSpace(("O", "x", "y")))
    head = spec.build(spec.params(**{"max_width": 3, "hidden": 5, **options}), context)
    assert isinstance(head, SpanNerHead)
    return head.eval()


def encoded(words: torch.Tensor = WORDS) -> Encoded:
    tokens = torch.randn(*words.shape, 6, generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(words, dtype=torch.bool)
    return Encoded(tokens, tokens[:, 0], mask, TokenBatch(words, mask, words_BT=words))


def test_ends_are_last_subwords() -> None:
    ends = span_ends(WORDS, 3)
    assert ends[0, 1].tolist() == [2, 4, 5]
    assert ends[0, 4].tolist() == [4, 5, 7]
    assert ends[0, 6].tolist() == [7, 0, 0]
    assert ends[0, 0].tolist() == [0, 0, 0]
    assert ends[1, 1].tolist() == [1, 0, 0]
    assert span_ends(torch.full((1, 2), NO), 5).tolist() == [[[0] * 5] * 2]


def test_each_cell_is_that_span_alone() -> None:
    head, inputs = build(), encoded()
    logits = head(inputs)["logits"]
    assert logits.shape == (2, 9, 3, 3)
    tokens = inputs.tokens_BTD[0]
    for start, k, end in ((1, 0, 2), (1, 1, 4), (1, 2, 5), (4, 2, 7), (6, 0, 7)):
        features = torch.cat([head.start.weight, head.end.weight], dim=1) @ torch.cat([tokens[start], tokens[end]])
        expected = head.classifier(F.gelu(features + head.start.bias + head.width.weight[k]))
        torch.testing.assert_close(logits[0, start, k], expected)


def test_padding_changes_nothing() -> None:
    head, inputs = build(), encoded()
    longer = F.pad(WORDS, (0, 4), value=NO)
    tokens = F.pad(inputs.tokens_BTD, (0, 0, 0, 4), value=3.0)
    mask = F.pad(inputs.mask_BT, (0, 4), value=False)
    padded = head(Encoded(tokens, tokens[:, 0], mask, TokenBatch(longer, mask, words_BT=longer)))["logits"]
    logits = head(inputs)["logits"]
    for row, start, k in ((0, 1, 2), (0, 4, 2), (0, 6, 0), (1, 1, 0)):
        torch.testing.assert_close(padded[row, start, k], logits[row, start, k])


def test_layers_name_every_parameter_and_all_learn() -> None:
    head = build()
    head(encoded())["logits"].square().sum().backward()
    for name, parameter in head.named_parameters():
        assert name.split(".")[0] in head.layers
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()
        assert parameter.grad.any(), name
    assert head.layers[-1] == "classifier"


def test_without_words_the_broken_contract_is_named() -> None:
    inputs = encoded()
    with pytest.raises(PluginError, match="needs to know the words"):
        build()(Encoded(inputs.tokens_BTD, inputs.pooled_BD, inputs.mask_BT))


def nested_records() -> list[dict[str, Any]]:
    records = []
    for city in ("Paris", "Rome", "Oslo", "Tel Aviv", "New York"):
        for pattern, outer in (
            ("{} please", None),
            ("music in {}", "music in "),
            ("a hotel in {} please", "hotel in "),
        ):
            text = pattern.format(city)
            start = text.index(city)
            spans = [{"start": start, "end": start + len(city), "label": "city"}]
            if outer:
                spans.append({"start": text.index(outer), "end": start + len(city), "label": "place"})
            records.append({"text": text, "entities": spans})
    return records


def test_it_learns_nested_entities(jsonl: Any, write_pipeline: Any, tmp_path: Path) -> None:
    records = nested_records()
    data = {split: str(jsonl(tmp_path / f"{split}.jsonl", records)) for split in ("train", "dev", "test")}
    heads = {"spans": {"type": "span_ner", "max_width": 4, "dropout": 0.0}}
    training = {"epochs": 30, "schedule": "constant", "patience": 30, "batch_size": 8}
    result = train(write_pipeline(tmp_path, data=data, heads=heads, training=training), runs=tmp_path / "runs")
    assert result.dev["spans.f1"] > 0.95
    found = load(result.model_dir)("a hotel in Tel Aviv please").entities
    assert [(entity.label, entity.text) for entity in found] == [("place", "hotel in Tel Aviv"), ("city", "Tel Aviv")]
