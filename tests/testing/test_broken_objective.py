"""Each clause of an objective's contract can fail."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nlu_kit.data.encoding import Encoding
from nlu_kit.heads.modules import Encoded
from nlu_kit.plugin.modules import Backbone, PretrainingObjective, sentence_vectors
from nlu_kit.plugin.objectives import DataReport, Item, ObjectiveContext, Split
from nlu_kit.plugin.specs import ObjectiveSpec

TEXTS = ["book a table", "play some jazz", "wake me at noon", "in Paris", "the alarm", "at the table"]


class Good(PretrainingObjective):
    """Which of two halves of the list is a text of? Measured on the same texts."""

    main = "accuracy"
    unscaled = ("loss",)

    def __init__(self, context: ObjectiveContext) -> None:
        super().__init__()
        self.encodings = context.tokenizer.encode(TEXTS)
        self.scorer = nn.Linear(context.width, 1)

    def __len__(self) -> int:
        return len(self.encodings)

    def texts(self, index: int) -> list[Encoding]:
        return [self.encodings[index]]

    def item(self, index: int, generator: np.random.Generator) -> Item:
        noise = generator.normal(scale=1e-3)
        return Item(encodings=self.texts(index), targets={"half": np.array((index % 2) + noise, dtype=np.float32)})

    def forward(self, encoded: Encoded, targets: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        scores = self.scorer(encoded.pooled_BD).squeeze(-1)
        return (scores - targets["half"]).pow(2).sum()

    @torch.no_grad()
    def evaluate(self, backbone: Backbone, split: Split) -> Mapping[str, float]:
        vectors = torch.from_numpy(sentence_vectors(backbone, self.encodings))
        right = (self.scorer(vectors).squeeze(-1) > 0.5) == (torch.arange(len(vectors)) % 2 == 1)
        return {"accuracy": float(right.float().mean()), "loss": 12.5}

    def report(self) -> DataReport:
        return DataReport(counts={"texts": len(self)})


class IsEmpty(Good):
    def __len__(self) -> int:
        return 0


class HasItemsOfSeveralSizes(Good):
    def texts(self, index: int) -> list[Encoding]:
        return [self.encodings[index]] * (1 + index % 2)


class HasTargetsOfSeveralNames(Good):
    def item(self, index: int, generator: np.random.Generator) -> Item:
        item = super().item(index, generator)
        return Item(encodings=item.encodings, targets={**item.targets, f"n{index}": np.array(1)})


class DrawsFromTheGlobalState(Good):
    def item(self, index: int, generator: np.random.Generator) -> Item:
        random.random()
        return super().item(index, generator)


class DrawsForItself(Good):
    def item(self, index: int, generator: np.random.Generator) -> Item:
        return super().item(index, np.random.default_rng())


class DividesByOneMore(Good):
    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        return super().denominator(targets) + 1


class DividesByNothing(Good):
    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        return torch.zeros(())


class TeachesOnlyItself(Good):
    def forward(self, encoded: Encoded, targets: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        detached = Encoded(encoded.tokens_BTD.detach(), encoded.pooled_BD.detach(), encoded.mask_BT)
        return super().forward(detached, targets, backbone)


class GivesALossForEach(Good):
    def forward(self, encoded: Encoded, targets: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        return super().forward(encoded, targets, backbone)[None]


class GoesUp(Good):
    def forward(self, encoded: Encoded, targets: Mapping[str, Tensor], backbone: Backbone) -> Tensor:
        return -super().forward(encoded, targets, backbone).sigmoid() + 2 * self._steps()

    def _steps(self) -> float:
        self.count = getattr(self, "count", 0) + 1
        return float(self.count)


class NamesNoFigure(Good):
    main = "precision"


class MeasuresByChance(Good):
    def evaluate(self, backbone: Backbone, split: Split) -> Mapping[str, float]:
        return {**super().evaluate(backbone, split), "luck": float(np.random.default_rng().random())}


class LeavesEvalMode(Good):
    def evaluate(self, backbone: Backbone, split: Split) -> Mapping[str, float]:
        backbone.eval()
        return super().evaluate(backbone, split)


class GivesNoShare(Good):
    unscaled = ()


class ReportsNothing(Good):
    def report(self) -> DataReport:
        return DataReport(counts={})


BROKEN: dict[str, list[type[Good]]] = {
    "items-alike": [HasTargetsOfSeveralNames],
    "chance-comes-from-the-generator": [DrawsFromTheGlobalState, DrawsForItself],
    "denominators": [DividesByOneMore, DividesByNothing],
    "teaches-the-encoder": [TeachesOnlyItself],
    "can-be-learnt": [GoesUp],
    "measures": [NamesNoFigure, MeasuresByChance, LeavesEvalMode, GivesNoShare],
    "reports": [ReportsNothing],
}


@pytest.fixture
def spec(stub_plugin: Any) -> Any:
    def make(component: type[Good]) -> ObjectiveSpec[Any]:
        return ObjectiveSpec(
            name="stub",
            summary="A stub.",
            params=stub_plugin.EveryStubParams,
            build=lambda params, context: component(context),
            sample=lambda folder: None,
        )

    return make


def test_the_good_one_keeps_it(spec: Any, violations: Any) -> None:
    assert violations(spec(Good)) == {}


@pytest.mark.parametrize(
    ("clause", "component"), [(clause, one) for clause, some in BROKEN.items() for one in some], ids=str
)
def test_a_broken_one_is_found(clause: str, component: type[Good], spec: Any, assert_breaks: Any) -> None:
    batches = ("denominators", "teaches-the-encoder", "can-be-learnt")  # which need items that are alike
    assert_breaks(spec(component), clause, also=batches if clause == "items-alike" else ())


def test_what_breaks_one_clause_may_break_others(spec: Any, violations: Any) -> None:
    assert "items-alike" in violations(spec(IsEmpty))
    assert "items-alike" in violations(spec(HasItemsOfSeveralSizes))
    assert "teaches-the-encoder" in violations(spec(GivesALossForEach))


def test_every_clause_is_broken_by_some(own_clauses: Any) -> None:
    assert set(BROKEN) == own_clauses("objective")


def test_without_data_little_is_tried(spec: Any, violations: Any) -> None:
    from dataclasses import replace

    assert violations(replace(spec(ReportsNothing), sample=None)) == {}


def test_what_it_writes_is_where_it_is_told(tmp_path: Path) -> None:
    from nlu_kit_objectives import write_sample

    write_sample(tmp_path)
    written = {file.name for file in tmp_path.iterdir()}
    assert written == {"triplets.jsonl", "scored.jsonl", "intents.jsonl", "texts.txt"}
