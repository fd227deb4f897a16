"""Each clause of a backbone's contract can fail."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nlu_kit.data.batch import TokenBatch
from nlu_kit.data.encoding import Encoding, Tokenizer
from nlu_kit.heads.modules import Encoded
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit.plugin.modules import Backbone
from nlu_kit.plugin.specs import BackboneSpec
from nlu_kit.testing.material import tokenizer

WIDTH = 8


class Good(Backbone):
    """An embedding and two blocks; the mean over tokens."""

    pad_id, width = 0, WIDTH

    def __init__(self, context: BackboneContext) -> None:
        super().__init__()
        if context.assets is None:
            self.tokenizer, self.gain = tokenizer(), 2.0
        else:
            self.tokenizer = Tokenizer.read(context.assets, max_length=64)
            self.gain = context.assets.json("stub.json")["gain"]
        self.embeddings = nn.Embedding(1000, WIDTH)
        self.blocks = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2))
        self.layers: Sequence[str] = ["embeddings", "blocks.0", "blocks.1"]

    def embed(self, batch: TokenBatch) -> Tensor:
        return self.embeddings(batch.ids_BT)

    def lower(self, batch: TokenBatch, count: int) -> Tensor:
        """What the lowest ``count`` layers put out."""
        hidden, done = (self.embed(batch), 1) if batch.static_BTD is None else (batch.static_BTD, batch.start)
        for block in self.blocks[done - 1 : count - 1]:
            hidden = hidden + torch.tanh(block(hidden))
        return hidden

    def pool(self, hidden: Tensor, mask_BT: Tensor) -> Tensor:
        return (hidden * mask_BT[..., None]).sum(dim=1) / mask_BT.sum(dim=1, keepdim=True) * self.gain

    def forward(self, batch: TokenBatch) -> Encoded:
        hidden = self.lower(batch, 3)
        return Encoded(hidden, self.pool(hidden, batch.mask_BT), batch.mask_BT)

    def resume_points(self) -> Collection[int]:
        return (1, 2)

    def static_output(self, batch: TokenBatch, count: int) -> Tensor:
        return self.lower(batch, count)

    def save_assets(self, folder: Path) -> None:
        self.tokenizer.save(folder)
        (folder / "stub.json").write_text(json.dumps({"gain": self.gain}))


class NamesWhatIsNot(Good):
    def __init__(self, context: BackboneContext) -> None:
        super().__init__(context)
        self.layers = ["embeddings", "blocks.0", "blocks.1", "norm"]


class CutsOffInSilence(Good):
    class Quiet(Tokenizer):
        def __init__(self, whole: Tokenizer) -> None:
            self.whole, self.max_length = whole, whole.max_length

        def encode(self, texts: Sequence[str]) -> list[Encoding]:
            return [replace(encoding, truncated=False) for encoding in self.whole.encode(texts)]

        def save(self, folder: Path) -> None:
            self.whole.save(folder)

    def __init__(self, context: BackboneContext) -> None:
        super().__init__(context)
        self.tokenizer = self.Quiet(self.tokenizer)


class IsInFloat64(Good):
    def forward(self, batch: TokenBatch) -> Encoded:
        found = super().forward(batch)
        return replace(found, tokens_BTD=found.tokens_BTD.double())


class PoolsPadding(Good):
    def pool(self, hidden: Tensor, mask_BT: Tensor) -> Tensor:
        return hidden.mean(dim=1) * self.gain


class IgnoresTheSeed(Good):
    def __init__(self, context: BackboneContext) -> None:
        super().__init__(context)
        generator = torch.Generator()
        generator.seed()
        nn.init.normal_(self.embeddings.weight, generator=generator)


class DetachesThePooling(Good):
    def pool(self, hidden: Tensor, mask_BT: Tensor) -> Tensor:
        return super().pool(hidden.detach(), mask_BT)


class MixesTypes(Good):
    def pool(self, hidden: Tensor, mask_BT: Tensor) -> Tensor:
        kept = torch.zeros(hidden.shape)
        kept[mask_BT] = self.blocks[0](hidden)[mask_BT]  # bfloat16 into float32, under autocast
        return super().pool(kept, mask_BT)


class ForgetsItsGain(Good):
    def save_assets(self, folder: Path) -> None:
        super().save_assets(folder)
        (folder / "stub.json").write_text(json.dumps({"gain": 1.0}))


class SavesItsWeightsToo(Good):
    def save_assets(self, folder: Path) -> None:
        super().save_assets(folder)
        torch.save(self.state_dict(), folder / "weights.pt")


class AddsItsBiasBelow(Good):
    """A table of positions, say, that is registered last and read first."""

    def __init__(self, context: BackboneContext) -> None:
        super().__init__(context)
        self.bias = nn.Parameter(torch.ones(WIDTH))
        self.layers = ["embeddings", "blocks.0", "blocks.1", "bias"]

    def embed(self, batch: TokenBatch) -> Tensor:
        return super().embed(batch) + self.bias


class ResumesOneLayerLate(Good):
    def forward(self, batch: TokenBatch) -> Encoded:
        return super().forward(batch if batch.static_BTD is None else replace(batch, start=batch.start + 1))


BROKEN: dict[str, type[Good]] = {
    "layers": NamesWhatIsNot,
    "tokenizer": CutsOffInSilence,
    "vectors": IsInFloat64,
    "padding": PoolsPadding,
    "determinism": IgnoresTheSeed,
    "gradients": DetachesThePooling,
    "mixed-precision": MixesTypes,
    "rebuilt": ForgetsItsGain,
    "assets": SavesItsWeightsToo,
    "static-layers": AddsItsBiasBelow,
    "resumes": ResumesOneLayerLate,
}


def spec(params: Any, backbone: type[Good]) -> BackboneSpec[Any]:
    return BackboneSpec(name="stub", summary="A stub.", params=params, build=lambda _, context: backbone(context))


def test_the_good_one_keeps_it(stub_plugin: Any, violations: Any) -> None:
    assert violations(spec(stub_plugin.StubParams, Good)) == {}


@pytest.mark.parametrize("clause", BROKEN)
def test_a_broken_one_is_found(clause: str, stub_plugin: Any, assert_breaks: Any) -> None:
    assert_breaks(spec(stub_plugin.StubParams, BROKEN[clause]), clause)


def test_every_clause_has_a_broken_one(own_clauses: Any) -> None:
    assert set(BROKEN) == own_clauses("backbone")


class HasAnUnusedPooler(Good):
    def __init__(self, context: BackboneContext) -> None:
        super().__init__(context)
        self.pooler = nn.Linear(WIDTH, WIDTH)
        self.layers = ["embeddings", "blocks.0", "blocks.1", "pooler"]


class LeavesOutALayer(Good):
    def __init__(self, context: BackboneContext) -> None:
        super().__init__(context)
        self.layers = ["embeddings", "blocks.0"]

    def resume_points(self) -> Collection[int]:
        return (1,)


@pytest.mark.parametrize(
    ("backbone", "clause", "words"),
    [
        (HasAnUnusedPooler, "gradients", "'pooler.weight' is not used"),
        (LeavesOutALayer, "layers", "the parameter 'blocks.1.weight' is in no layer"),
    ],
)
def test_so_are_these(backbone: type[Good], clause: str, words: str, stub_plugin: Any, violations: Any) -> None:
    found = violations(spec(stub_plugin.StubParams, backbone))
    assert set(found) == {clause}
    assert words in found[clause]
