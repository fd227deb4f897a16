"""A head that reads another one gets, for each text, what that one decoded, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlu_kit.config.check import resolve
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.data.encoding import Encoding
from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import ConfigError, PluginError
from nlu_kit.heads.codec import Codec, CodecContext
from nlu_kit.heads.label import LabelCodec
from nlu_kit.model.codecs import build_codecs
from nlu_kit.model.decode import decode
from nlu_kit.params import Params
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.plugin.specs import HeadSpec
from nlu_kit.registry import Registry


class StubParams(Params):
    of: tuple[str, ...] = ()
    forgets: bool = False


class StubCodec(LabelCodec[Any]):
    fields: Any = ()

    def __init__(self, params: StubParams, context: CodecContext) -> None:
        super().__init__(params, context)
        self.fields = (f"{context.name}_field",)
        self.reads = () if params.forgets else context.reads

    def decode(self, outputs: Mapping[str, np.ndarray], encodings: Sequence[Encoding]) -> list[Mapping[str, Any]]:
        return [{self.fields[0]: int(value)} for value in outputs["value"]]

    def decode_reading(self, outputs: Any, encodings: Any, others: Any) -> list[Mapping[str, Any]]:
        return [{self.fields[0]: seen} for seen in others]


def never(*_: object) -> Any:
    raise AssertionError("not built here")


class Plugin:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_heads(self) -> list[HeadSpec[Any]]:
        spec = HeadSpec(
            name="stub",
            summary="A stub.",
            params=StubParams,
            build=never,
            codec=StubCodec,
            produces="own_loss",
            reads=lambda params: params.of,
        )
        return [spec]


def pipeline(heads: Mapping[str, Any], **sections: Any) -> Pipeline:
    plugins = {"mine": Plugin()}
    for kind in ("backbones", "balancing", "samplers", "freezing", "losses", "detectors"):
        plugins[kind] = __import__(f"nlu_kit_{kind}")
    raw = {"data": {"train": "train.jsonl"}, "heads": heads, **sections}
    return resolve(raw, base_dir=Path(), registry=Registry.of(plugins))


def codecs_of(heads: Mapping[str, Any]) -> dict[str, Codec]:
    checked = pipeline(heads)
    labels = dict.fromkeys(heads, LabelSpace(()))
    return build_codecs({name: entry.head for name, entry in checked.heads.items()}, labels)


def test_each_text_brings_what_the_heads_that_are_read_decoded() -> None:
    codecs = codecs_of({"last": {"type": "stub", "of": ["first"]}, "first": "stub", "second": "stub"})
    outputs = {name: {"value": np.array([3.0, 4.0])} for name in codecs}
    texts = [Encoding(text=text, ids=(1,), words=(), truncated=False) for text in ("a", "b")]
    found = decode(outputs, np.zeros((2, 1)), codecs, texts)
    assert [prediction["last_field"] for prediction in found] == [
        {"first": {"first_field": 3}},
        {"first": {"first_field": 4}},
    ]


def test_the_check_names_a_head_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match=r"heads\.last: reads the predictions of the head 'nobody'"):
        pipeline({"last": {"type": "stub", "of": ["nobody"]}})


def test_a_codec_that_forgets_what_it_reads_breaks_the_contract() -> None:
    with pytest.raises(PluginError, match=r"contract: the head 'stub'.*context\.reads"):
        codecs_of({"first": "stub", "last": {"type": "stub", "of": ["first"], "forgets": True}})


def test_a_head_that_reads_others_is_not_watched_by_a_detector() -> None:
    checked = pipeline({"last": {"type": "stub", "of": ["first"]}, "first": "stub"})
    assert checked.watched == "first"


def test_a_prediction_without_a_field_that_was_promised_names_the_head() -> None:
    codecs = codecs_of({"first": "stub"})
    codecs["first"].fields = ("first_field", "second_field")
    texts = [Encoding(text="a", ids=(1,), words=(), truncated=False)]
    with pytest.raises(PluginError, match=r"the head 'first' decodes the fields first_field, and says .* second_field"):
        decode({"first": {"value": np.array([3.0])}}, np.zeros((1, 1)), codecs, texts)
