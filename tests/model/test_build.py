"""From a pipeline to its parts: any heads under any names, and what may not be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import nlu_kit_backbones
import nlu_kit_balancing
import nlu_kit_freezing
import nlu_kit_intent
import nlu_kit_losses
import nlu_kit_ner
import nlu_kit_readers
import nlu_kit_samplers
from nlu_kit.config.check import load_pipeline, resolve
from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import ConfigError, DataError, PluginError
from nlu_kit.heads.codec import Codec, HeadContext
from nlu_kit.heads.modules import Encoded, Head, Loss
from nlu_kit.metrics.counts import Counts
from nlu_kit.model.build import layer_of, model_layers
from nlu_kit.model.codecs import build_codecs
from nlu_kit.params import Params
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.plugin.specs import HeadSpec
from nlu_kit.registry import Registry
from nlu_kit.runtime.predictor import load
from nlu_kit.training.prepare import prepare
from nlu_kit.training.run import train

BUNDLED = {
    module.__name__: module
    for module in (
        nlu_kit_backbones,
        nlu_kit_balancing,
        nlu_kit_freezing,
        nlu_kit_intent,
        nlu_kit_losses,
        nlu_kit_ner,
        nlu_kit_readers,
        nlu_kit_samplers,
    )
}


class OwnParams(Params):
    gives_loss: bool = True


class SquaredLength(Loss):
    """How far the head's guess is from the number of words."""

    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        wanted = targets["words"]
        return torch.where(wanted.isnan(), 0.0, (outputs["words"] - wanted.nan_to_num()) ** 2).sum()

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        return (~targets["words"].isnan()).sum().float()


class LengthHead(Head):
    """Guesses the number of words: a regression, with floats for targets and a loss of its own."""

    def __init__(self, params: OwnParams, context: HeadContext) -> None:
        super().__init__()
        self.gives_loss = params.gives_loss
        self.final = nn.Linear(context.width, 1)
        self.layers = ["final"]

    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        return {"words": self.final(encoded.pooled_BD).squeeze(-1)}

    def own_loss(self) -> Loss | None:
        return SquaredLength() if self.gives_loss else None


class LengthState(Params):
    unit: str = "?"


class LengthCodec(Codec[OwnParams]):
    fields = ("length",)
    main_metric = "closeness"
    State = LengthState

    def fit_labels(self, examples: Sequence[Any]) -> LabelSpace:
        return LabelSpace(("words",))

    def targets(self, example: Any, encoding: Any) -> Mapping[str, np.ndarray]:
        return {"words": np.asarray(len(example.text.split()), dtype=np.float32)}

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Any) -> list[Mapping[str, Any]]:
        return [{"length": f"{value:.0f} {self.state.unit}"} for value in outputs["words"]]

    def gold(self, example: Any) -> Mapping[str, Any] | None:
        return {"length": str(len(example.text.split()))}

    def matches(self, example: Any, prediction: Mapping[str, Any]) -> bool | None:
        return None

    def counts(self, examples: Any, predictions: Any) -> Mapping[str, Counts]:
        return {"closeness": Counts.of([(1, 2)] * len(examples))}

    def calibrate(self, outputs: Any, targets: Any) -> Mapping[str, Any]:
        return {"unit": "words"}


class OwnLossPlugin:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_heads(self) -> list[Any]:
        return [
            HeadSpec(
                name="length",
                summary="How many words.",
                params=OwnParams,
                build=LengthHead,
                codec=LengthCodec,
                produces="own_loss",
            )
        ]


def check(sections: dict[str, Any], registry: Registry | None = None) -> Any:
    return resolve(sections, base_dir=Path(), registry=registry)


def test_two_heads_of_one_type_under_other_names(tmp_path: Path, records: Any, jsonl: Any, write_pipeline: Any) -> None:
    marked = [{**record, "polite": "yes" if "please" in record["text"] else "no"} for record in records]
    file = jsonl(tmp_path / "polite.jsonl", marked)
    heads = {
        "what-to-do": {"type": "intent"},
        "manners": {"type": "intent", "field": "polite", "hidden": 8, "top_k": 1},
        "where": {"type": "ner", "hidden": 8},
    }
    data = {"train": str(file), "dev": str(file), "test": None}
    result = train(write_pipeline(tmp_path, heads=heads, data=data), runs=tmp_path / "runs")
    assert {"what-to-do.accuracy", "manners.accuracy", "where.f1", "exact_match"} <= set(result.dev)
    assert result.test == {}
    prediction = load(result.model_dir)("book a table in Paris")
    scope = ["out_of_scope", "out_of_scope_score"]
    assert list(prediction.fields) == ["intent", "intents", "polite", "polites", "entities", *scope]
    assert prediction["polite"].name in ("yes", "no")
    assert len(prediction["polites"]) == 1


def test_two_heads_can_not_fill_one_field(pipeline_sections: Any) -> None:
    pipeline = check(pipeline_sections(heads={"first": "intent", "second": {"type": "intent", "top_k": 2}}))
    heads = {name: entry.head for name, entry in pipeline.heads.items()}
    labels = {name: LabelSpace(("a", "b")) for name in heads}
    with pytest.raises(ConfigError, match=r"heads\.second: fills 'intent', as does heads\.first") as caught:
        build_codecs(heads, labels)
    assert caught.value.problems[0].hint == "give heads.second another 'field'"


@pytest.mark.parametrize("field", ["text", "truncated"])
def test_a_head_can_not_fill_what_every_prediction_has(pipeline_sections: Any, field: str) -> None:
    pipeline = check(pipeline_sections(heads={"mine": {"type": "intent", "field": field}}))
    with pytest.raises(ConfigError, match=rf"heads\.mine: fills '{field}'"):
        build_codecs({"mine": pipeline.heads["mine"].head}, {"mine": LabelSpace(("a",))})


def test_a_head_that_finds_no_label(tmp_path: Path, write_pipeline: Any) -> None:
    pipeline = write_pipeline(tmp_path, heads={"mood": {"type": "intent", "field": "mood"}})
    with pytest.raises(
        DataError, match=r"head 'mood' can't learn from this: no training example has a label in its field 'mood'"
    ):
        train(pipeline, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_head_with_its_own_loss(tmp_path: Path, pipeline_sections: Any) -> None:
    registry = Registry.of({**BUNDLED, "strangers": OwnLossPlugin()})
    sections = pipeline_sections(heads={"intent": "intent", "size": "length"}, training={"epochs": 2})
    result = train(check(sections, registry), runs=tmp_path / "runs")
    assert result.dev["size.closeness"] == 0.5
    model = load(result.model_dir, registry=registry)
    assert model.saved.states["size"] == {"unit": "words"}
    assert model("play jazz")["length"].endswith(" words")
    steps = [json.loads(line) for line in (result.run_dir / "metrics.jsonl").open(encoding="utf-8")]
    losses = [step["losses"]["size"] for step in steps if step["event"] == "StepEnd"]
    assert losses[-1] < losses[0]


def test_a_head_that_promised_its_own_loss_and_has_none(pipeline_sections: Any) -> None:
    registry = Registry.of({**BUNDLED, "strangers": OwnLossPlugin()})
    pipeline = check(pipeline_sections(heads={"size": {"type": "length", "gives_loss": False}}), registry)
    with pytest.raises(PluginError, match=r"head 'length' says it computes its own loss, but own_loss\(\) gives none"):
        prepare(pipeline)


def test_a_corpus_may_lack_labels_for_a_head(tmp_path: Path, records: Any, jsonl: Any, write_pipeline: Any) -> None:
    half = [
        {key: value for key, value in record.items() if key != ("intent" if position % 2 else "entities")}
        for position, record in enumerate(records)
    ]
    file = jsonl(tmp_path / "half.jsonl", half)
    sections = {"data": {"train": str(file)}, "training": {"batch_size": 1}, "recipe": "standard"}
    pipeline = write_pipeline(tmp_path, **sections)
    prepared = prepare(load_pipeline(pipeline))
    assert prepared.train.class_counts("intent", 3).sum() == 29
    trained = train(pipeline, runs=tmp_path / "runs")
    steps = [json.loads(line) for line in (trained.run_dir / "metrics.jsonl").open(encoding="utf-8")]
    losses = [step["losses"] for step in steps if step["event"] == "StepEnd"]
    assert len(losses) == 57
    assert all((step["intent"] == 0) != (step["ner"] == 0) for step in losses)  # masked: neither guessed nor NaN


def test_dev_without_any_label_is_an_error(tmp_path: Path, jsonl: Any, write_pipeline: Any) -> None:
    file = jsonl(tmp_path / "plain.jsonl", [{"text": "hello"}, {"text": "there"}])
    with pytest.raises(DataError, match="no example of the dev set is annotated for any head"):
        train(write_pipeline(tmp_path, data={"dev": str(file)}), runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_layers_that_a_strategy_sees(pipeline_sections: Any) -> None:
    heads = {"intent": {"type": "intent", "hidden": 8}, "ner": "ner"}
    objective = prepare(check(pipeline_sections(heads=heads))).objective
    layers = model_layers(objective)
    assert [layer.name for layer in layers] == [
        "model.backbone.encoder.embeddings",
        "model.backbone.encoder.encoder.layer.0",
        "model.backbone.encoder.encoder.layer.1",
        "model.heads.intent.hidden",
        "model.heads.intent.classifier",
        "model.heads.ner.classifier",
    ]
    assert [(layer.part, layer.head, layer.final) for layer in layers[2:]] == [
        ("backbone", None, False),
        ("head", "intent", False),
        ("head", "intent", True),
        ("head", "ner", True),
    ]
    assert sum(layer.parameters for layer in layers) == sum(p.numel() for p in objective.parameters())


def test_a_learnable_objective_is_a_layer_too(pipeline_sections: Any) -> None:
    objective = prepare(check(pipeline_sections())).objective
    objective.balancing.scale = nn.Parameter(torch.zeros(2))
    assert (model_layers(objective)[-1].name, model_layers(objective)[-1].part) == ("balancing", "objective")


def test_a_parameter_outside_its_layers_breaks_the_contract(pipeline_sections: Any) -> None:
    objective = prepare(check(pipeline_sections())).objective
    objective.model.heads["ner"].layers = ["classifer"]
    with pytest.raises(PluginError, match=r"contract: the parameter 'model\.heads\.ner\.classifier\.weight' is in no"):
        model_layers(objective)


def test_layer_of() -> None:
    assert layer_of("a.b.weight", ["a.b", "a.c"]) == "a.b"
    assert layer_of("a.b", ["a.b"]) == "a.b"
    with pytest.raises(PluginError, match="in no layer"):
        layer_of("a.bc.weight", ["a.b", "a.c"])
    with pytest.raises(PluginError, match=r"in several layers: a, a\.b"):
        layer_of("a.b.weight", ["a", "a.b"])
