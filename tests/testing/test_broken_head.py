"""Each clause of a head's contract, its codec's among them, can fail."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nlu_kit.data.encoding import Encoding
from nlu_kit.data.example import Example
from nlu_kit.data.labels import IGNORE, LabelSpace
from nlu_kit.data.prediction import LabelPrediction
from nlu_kit.errors import DataError
from nlu_kit.heads.codec import Codec, CodecContext, HeadContext
from nlu_kit.heads.modules import Encoded, Head, Loss
from nlu_kit.heads.params import TemperatureState
from nlu_kit.metrics.counts import Counts, accuracy
from nlu_kit.params import Params
from nlu_kit.plugin.specs import HeadSpec

UNKNOWN = 1  # the id of what the tokenizer does not know


class GoodCodec(Codec[Params]):
    """The field ``mood``, learnt from intents."""

    main_metric = "accuracy"
    one_label = True
    State = TemperatureState
    fields: Sequence[str] = ("mood",)

    def fit_labels(self, examples: Sequence[Example]) -> LabelSpace:
        labels = LabelSpace.fit(str(example.intent) for example in examples if example.intent is not None)
        if not len(labels):
            raise DataError("no example has an intent")
        return labels

    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        index = None if example.intent is None else self.labels.index(str(example.intent))
        return {"labels": np.asarray(IGNORE if index is None else index, dtype=np.int64)}

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        probabilities = self.probabilities(outputs["logits"].astype(np.float64) / self.state.temperature)
        return [self.prediction(self.labels.names[int(row.argmax())], float(row.max())) for row in probabilities]

    def prediction(self, name: str, confidence: float) -> Mapping[str, Any]:
        return {"mood": LabelPrediction(name=name, confidence=confidence)}

    def gold(self, example: Example) -> Mapping[str, Any] | None:
        return None if example.intent is None else self.prediction(str(example.intent), 1.0)

    def matches(self, example: Example, prediction: Mapping[str, Any]) -> bool | None:
        return None if example.intent is None else bool(prediction["mood"].name == example.intent)

    def counts(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, Counts]:
        return {"accuracy": accuracy(self.matches(*pair) for pair in zip(examples, predictions, strict=True))}

    def unseen(self, example: Example) -> Sequence[str]:
        return () if example.intent is None or example.intent in self.labels else (str(example.intent),)

    def calibrate(
        self, outputs: Sequence[Mapping[str, np.ndarray]], targets: Sequence[Mapping[str, np.ndarray]]
    ) -> Mapping[str, Any]:
        return {"temperature": 1.5}


class GoodHead(Head):
    """The mean over tokens, beside the sentence vector, and a classifier."""

    def __init__(self, context: HeadContext) -> None:
        super().__init__()
        self.classifier = nn.Linear(2 * context.width, len(context.labels))
        self.layers: Sequence[str] = ["classifier"]

    def sentence(self, encoded: Encoded) -> Tensor:
        mask = encoded.mask_BT[..., None]
        mean = torch.where(mask, encoded.tokens_BTD, 0.0).sum(dim=1) / mask.sum(dim=1)
        return torch.cat([mean, encoded.pooled_BD], dim=-1)

    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        return {"logits": self.classifier(self.sentence(encoded))}


class GoodLoss(Loss):
    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(outputs["logits"], targets["labels"], ignore_index=IGNORE, reduction="sum")

    def denominator(self, targets: Mapping[str, Tensor]) -> Tensor:
        return (targets["labels"] != IGNORE).sum()


# --- codecs -----------------------------------------------------------------------------------------------------------


class FillsTheText(GoodCodec):
    fields = ("mood", "text")

    def prediction(self, name: str, confidence: float) -> Mapping[str, Any]:
        return {**super().prediction(name, confidence), "text": name}


class HasAWeightInFloat64(GoodCodec):
    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        return {**super().targets(example, encoding), "weight": np.asarray(1.0)}


class TrustsItsAnnotation(GoodCodec):
    def targets(self, example: Example, encoding: Encoding) -> Mapping[str, np.ndarray]:
        str.strip(example.labels.get("mood", ""))
        return super().targets(example, encoding)


class CountsInPercent(GoodCodec):
    def figures(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, float]:
        found = self.counts(examples, predictions)["accuracy"]
        return {"percent": 100 * found.value} if found.denominators.any() else {}


class CountsTheAnnotatedOnly(GoodCodec):
    def counts(self, examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]) -> Mapping[str, Counts]:
        pairs = [pair for pair in zip(examples, predictions, strict=True) if self.gold(pair[0]) is not None]
        return {"accuracy": accuracy(self.matches(*pair) for pair in pairs[1:])}


class ForgetsToDecode(Codec[Params]):
    main_metric = "accuracy"
    fields: Sequence[str] = ("mood",)


class TakesNoneForALabel(GoodCodec):
    def unseen(self, example: Example) -> Sequence[str]:
        return () if example.intent in self.labels else (str(example.intent),)


class Overflows(GoodCodec):
    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        powers = np.exp(logits)
        return powers / powers.sum(axis=1, keepdims=True)


class CalibratesToNumpy(GoodCodec):
    def calibrate(
        self, outputs: Sequence[Mapping[str, np.ndarray]], targets: Sequence[Mapping[str, np.ndarray]]
    ) -> Mapping[str, Any]:
        return {"temperature": np.float32(1.5)}


# --- heads ------------------------------------------------------------------------------------------------------------


class ScalesWhatIsNot(GoodHead):
    lr_scales = {"transitions": 10.0}  # noqa: RUF012 - a constant


class PutsOutLengths(GoodHead):
    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        return {**super().forward(encoded), "length": encoded.mask_BT.sum(dim=1)}


class LooksAtPadding(GoodHead):
    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        return {**super().forward(encoded), "energy": encoded.tokens_BTD.detach().square().mean(dim=(1, 2))}


class IgnoresTheSeed(GoodHead):
    def __init__(self, context: HeadContext) -> None:
        super().__init__(context)
        generator = torch.Generator()
        generator.seed()
        nn.init.normal_(self.classifier.weight, generator=generator)


class HasAnUnusedLayer(GoodHead):
    def __init__(self, context: HeadContext) -> None:
        super().__init__(context)
        self.hidden = nn.Linear(2, 2)
        self.layers = ["hidden", "classifier"]


class HardlyLearns(GoodHead):
    def sentence(self, encoded: Encoded) -> Tensor:
        return 1e-4 * super().sentence(encoded)


class KeepsAnAttribute(GoodHead):
    def __init__(self, context: HeadContext) -> None:
        super().__init__(context)
        self.gain = 1 + torch.rand(2 * context.width)  # random, and in no state_dict

    def sentence(self, encoded: Encoded) -> Tensor:
        return self.gain * super().sentence(encoded)


class KnowsEveryWord(GoodHead):
    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        assert encoded.batch is not None
        unknown = (encoded.batch.ids_BT == UNKNOWN).any(dim=1, keepdim=True)
        return {"logits": torch.where(unknown, math.nan, super().forward(encoded)["logits"])}


class BeginsAtTheMeanOfAll(GoodHead):
    wants_vectors = True

    def initialise(self, vectors_ND: Tensor, targets: Mapping[str, Tensor]) -> None:
        self.classifier.weight.copy_(vectors_ND.mean(dim=0).repeat(len(self.classifier.weight), 2))


# --- losses of their own ----------------------------------------------------------------------------------------------


class IsNegative(GoodLoss):
    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        return super().forward(outputs, targets) - 10 * self.denominator(targets)


class TakesTheMean(GoodLoss):
    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        return super().forward(outputs, targets) / self.denominator(targets).clamp(min=1)


class RegularisesEverything(GoodLoss):
    def forward(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        return super().forward(outputs, targets) + 1e-3 * outputs["logits"].square().sum()


CODECS: dict[str, type[GoodCodec]] = {
    "fields": FillsTheText,
    "targets": HasAWeightInFloat64,
    "wrong-annotation": TrustsItsAnnotation,
    "gold-is-right": CountsInPercent,
    "nothing-annotated": TakesNoneForALabel,
    "decode-total": Overflows,
    "calibrates-to-json": CalibratesToNumpy,
}
HEADS: dict[str, type[GoodHead]] = {
    "layers": ScalesWhatIsNot,
    "outputs": PutsOutLengths,
    "padding": LooksAtPadding,
    "determinism": IgnoresTheSeed,
    "gradients": HasAnUnusedLayer,
    "learns": HardlyLearns,
    "begins-at-a-fit": BeginsAtTheMeanOfAll,
    "saved-and-loaded": KeepsAnAttribute,
    "decodes-its-outputs": KnowsEveryWord,
}
LOSSES: dict[str, type[GoodLoss]] = {
    "loss-finite": IsNegative,
    "loss-adds-up": TakesTheMean,
    "masked": RegularisesEverything,
}
WITH_TORCH = """
import sys
from nlu_kit.plugin import Params
NLU_KIT_CONTRACT = 2
class MyParams(Params):
    pass
def codec(params, context):
    if "pytest" not in sys.modules:  # in the process of its own
        sys.modules["torch"] = sys
        class Nothing:
            reads = ()
            def decode(self, outputs, encodings):
                return [{} for _ in encodings]
        return Nothing()
    return make(params, context)
"""


def spec(
    params: Any,
    *,
    codec: type[Codec[Params]] = GoodCodec,
    head: type[GoodHead] = GoodHead,
    loss: type[GoodLoss] | None = None,
    **fields: Any,
) -> HeadSpec[Any]:
    class Built(head):  # type: ignore[misc, valid-type]
        def own_loss(self) -> Loss | None:
            return None if loss is None else loss()

    return HeadSpec(
        **{
            "name": "stub",
            "summary": "A stub.",
            "params": params,
            "build": lambda _, context: Built(context),
            "codec": lambda *given: codec(*given),  # which no other process can import
            "produces": "logits" if loss is None else "own_loss",
            **fields,
        }
    )


def test_the_good_one_keeps_it(stub_plugin: Any, violations: Any) -> None:
    assert violations(spec(stub_plugin.StubParams)) == {}
    assert violations(spec(stub_plugin.StubParams, loss=GoodLoss)) == {}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("clause", CODECS)
def test_a_broken_codec_is_found(clause: str, stub_plugin: Any, assert_breaks: Any) -> None:
    assert_breaks(spec(stub_plugin.StubParams, codec=CODECS[clause]), clause)


@pytest.mark.parametrize("clause", HEADS)
def test_a_broken_head_is_found(clause: str, stub_plugin: Any, assert_breaks: Any) -> None:
    assert_breaks(spec(stub_plugin.StubParams, head=HEADS[clause]), clause)


@pytest.mark.parametrize("clause", LOSSES)
def test_a_broken_loss_of_its_own_is_found(clause: str, stub_plugin: Any, assert_breaks: Any) -> None:
    assert_breaks(spec(stub_plugin.StubParams, loss=LOSSES[clause]), clause)


def test_a_label_space_in_order_of_appearance_is_found(stub_plugin: Any, assert_breaks: Any) -> None:
    class AsTheyCome(GoodCodec):
        def fit_labels(self, examples: Sequence[Example]) -> LabelSpace:
            return LabelSpace(tuple(dict.fromkeys(str(e.intent) for e in examples if e.intent is not None)))

    assert_breaks(spec(stub_plugin.StubParams, codec=AsTheyCome), "fit")


def test_counts_that_are_not_one_of_each_utterance_are_found(stub_plugin: Any, assert_breaks: Any) -> None:
    assert_breaks(spec(stub_plugin.StubParams, codec=CountsTheAnnotatedOnly), "gold-is-right")


def test_a_forgotten_method_is_named(stub_plugin: Any, violations: Any) -> None:
    found = violations(spec(stub_plugin.StubParams, codec=ForgetsToDecode))
    assert "decode" in found["fields"]


def test_reading_what_the_codec_does_not_is_found(stub_plugin: Any, assert_breaks: Any) -> None:
    class ReadsNothing(GoodCodec):
        def __init__(self, params: Params, context: CodecContext) -> None:
            super().__init__(params, context)
            self.reads = ()

    assert_breaks(spec(stub_plugin.StubParams, codec=ReadsNothing, reads=lambda _: ("ner",)), "reads")


def test_importing_torch_to_decode_is_found(plugin_file: Callable[[str], ModuleType], assert_breaks: Any) -> None:
    module: Any = plugin_file(WITH_TORCH)
    module.make = GoodCodec
    assert_breaks(replace(spec(module.MyParams), codec=module.codec), "decode-without-torch")


def test_every_clause_has_a_broken_one(own_clauses: Any) -> None:
    assert {*CODECS, *HEADS, *LOSSES, "fit", "reads", "decode-without-torch"} == own_clauses("head")


class MeansOverPadding(GoodHead):
    def sentence(self, encoded: Encoded) -> Tensor:
        return torch.cat([encoded.tokens_BTD.mean(dim=1), encoded.pooled_BD], dim=-1)


def test_a_mean_over_padding_shows_in_its_gradients_too(stub_plugin: Any, assert_breaks: Any) -> None:
    broken = spec(stub_plugin.StubParams, head=MeansOverPadding)
    assert_breaks(broken, "padding", also=("gradients",))
