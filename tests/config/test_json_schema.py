"""The schema says of a pipeline what the check says. Both are asked about the same pipelines."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from pydantic import ConfigDict

from nlu_kit.config.check import resolve
from nlu_kit.config.json_schema import pipeline_schema, pretraining_schema
from nlu_kit.config.pretraining import load_pretraining
from nlu_kit.errors import ConfigError, PluginError
from nlu_kit.params import Params
from nlu_kit.plugin.hooks import KINDS, hookimpl
from nlu_kit.plugin.specs import SamplerSpec
from nlu_kit.registry import Registry

jsonschema = pytest.importorskip("jsonschema")
DATA = {"train": "train.jsonl"}
RICH = {"type": "rich", "rate": 0.5}


def accepts_schema(registry: Registry, raw: Any) -> bool:
    schema = pipeline_schema(registry)
    jsonschema.Draft202012Validator.check_schema(schema)
    return bool(jsonschema.Draft202012Validator(schema).is_valid(raw))


def accepts_check(registry: Registry, raw: Any) -> bool:
    try:
        resolve(raw, base_dir=Path(), registry=registry)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"$schema": "x.json", "name": "mine"},
        {"backbone": "plain", "sampler": {"type": "plain"}, "balancing": None},
        {"backbone": {**RICH, "mode": "b", "sizes": [1], "inner": {"depth": 2}, "flag": True}},
        {"freezing": "odd name/50%~"},
        {"sampler": {"type": "wrapping", "base": {"type": "wrapping", "base": RICH}, "others": ["plain", RICH]}},
        {"sampler": {"type": "wrapping", "maybe": RICH}},
        {"sampler": {"type": "wrapping", "parts": [{**RICH, "share": 0.5}, "plain", {"type": "plain", "more": {}}]}},
        {"sampler": {"type": "wrapping", "parts": [{"type": "wrapping", "parts": ["plain"], "share": 2}]}},
        {"heads": {"a": "plain", "b": {"type": "own"}, "c": {"type": "scores", "loss": "scored"}}},
        {"heads": {"a": {"type": "plain", "loss": RICH}, "b": {"type": "plain", "loss": None}}},
        {"data": {**DATA, "dev": None, "reader": "auto"}},
        {"data": {**DATA, "reader": {"type": "plain"}}},
        {"training": {"epochs": 3, "warmup": 0.5, "precision": "bf16", "threads": None, "callbacks": []}},
    ],
)
def test_both_accept(registry: Registry, sections: dict[str, Any]) -> None:
    raw = {"data": DATA, **sections}
    assert accepts_check(registry, raw)
    assert accepts_schema(registry, raw)
    resolved = resolve(raw, base_dir=Path(), registry=registry).to_json()
    assert accepts_schema(registry, resolved), "what `config show` prints is a pipeline"


@pytest.mark.parametrize(
    "sections",
    [
        {"nam": "x"},
        {"name": "no spaces"},
        {"data": {}},
        {"data": None},
        {"backbone": "rich"},  # its rate is required, so the bare name will not do
        {"backbone": {"type": "rich"}},
        {"backbone": {**RICH, "rate": 0}},
        {"backbone": {**RICH, "rate": "1"}},
        {"backbone": {**RICH, "mode": "c"}},
        {"backbone": {**RICH, "flag": 1}},
        {"backbone": {**RICH, "inner": {"depth": "x"}}},
        {"backbone": {**RICH, "more": 1}},
        {"sampler": {"type": "plain", "base": "plain"}},
        {"sampler": {"type": "wrapping", "parts": [{"type": "plain", "share": 0}]}},
        {"sampler": {"type": "wrapping", "parts": [{"type": "plain", "more": {"depth": "x"}}]}},
        {"sampler": {"type": "wrapping", "parts": [{"type": "plain", "rate": 1}]}},
        {"sampler": {"type": "wrapping", "parts": [{"type": "rich", "share": 1}]}},
        {"sampler": {"type": "wrapping", "parts": ["rich"]}},
        {"sampler": {"type": "wrapping", "parts": [{"share": 1}]}},
        {"sampler": {"type": "nope"}},
        {"sampler": "nope"},
        {"sampler": 3},
        {"sampler": {"base": "plain"}},
        {"sampler": {"type": "wrapping", "base": "nope"}},
        {"sampler": {"type": "wrapping", "others": [{"type": "rich"}]}},
        {"sampler": {"type": "wrapping", "maybe": "wrapping"}},
        {"heads": {}},
        {"heads": {"1st": "plain"}},
        {"heads": {"values": "plain"}},
        {"heads": {"a": {"type": "plain", "loss": "scored"}}},
        {"heads": {"a": {"type": "own", "loss": "plain"}}},
        {"heads": {"a": {"type": "scores", "loss": "plain"}}},
        {"data": {**DATA, "reader": {"type": "auto", "x": 1}}},
        {"training": {"epochs": -1}},
        {"training": {"epochs": True}},
        {"training": {"callbacks": ["plain"]}},
    ],
)
def test_both_refuse(registry: Registry, sections: dict[str, Any]) -> None:
    raw = {"data": DATA, **sections}
    assert not accepts_check(registry, raw)
    assert not accepts_schema(registry, raw)


def test_a_section_without_a_type_is_for_overrides(registry: Registry) -> None:
    """The one place where the schema is the stricter: a file should say which type its parameters belong to."""
    raw = {"data": DATA, "sampler": {}}
    assert accepts_check(registry, raw)
    assert not accepts_schema(registry, raw)


def test_every_reference_leads_somewhere_and_every_type_is_there(registry: Registry) -> None:
    schema = pipeline_schema(registry)
    text = json.dumps(schema)
    assert '"#/$defs/Component"' not in text
    for kind in KINDS:
        assert kind in schema["$defs"]
        for provided in registry.all(kind):
            body = schema["$defs"][f"{kind}.{provided.spec.name}"]
            assert body["properties"]["type"]["const"] == provided.spec.name
            assert body["description"] == provided.spec.summary
    rate = schema["$defs"]["backbone.rich"]["properties"]["rate"]
    assert (rate["description"], rate["exclusiveMinimum"]) == ("How fast.", 0)


def test_without_a_default_the_slot_must_be_filled() -> None:
    assert {"backbone", "balancing", "sampler", "freezing"} <= set(pipeline_schema(Registry.of({}))["required"])


def test_params_without_a_schema_name_their_plugin() -> None:
    class Odd(Params):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        thing: Registry | None = None

    class Plugin:
        NLU_KIT_CONTRACT = 2

        @hookimpl
        def nlu_kit_samplers(self) -> list[Any]:
            return [SamplerSpec(name="odd", summary="Odd.", params=Odd, build=None)]  # type: ignore[arg-type]

    with pytest.raises(PluginError, match="the sampler 'odd' of acme 0: its parameters have no JSON schema"):
        pipeline_schema(Registry.of({"acme": Plugin()}))


PLAN: dict[str, Any] = {"objectives": [{"type": "mlm", "texts": ["a.txt"]}]}
PLANS = [
    ({}, True),
    ({"$schema": "x.json", "base": "..", "name": "mine", "training": {"steps": 5, "callbacks": []}}, True),
    ({"backbone": "sentence_transformer", "freezing": {"type": "freeze_lower", "fraction": 0.5}}, True),
    ({"objectives": [{"type": "distill", "texts": ["a"], "backbone": {"type": "sentence_transformer"}}]}, True),
    ({"objectives": [{"type": "triplet", "train": ["a.csv"], "negatives": "corpus", "weight": 2}]}, True),
    ({"objectives": []}, False),
    ({"objectives": ["triplet"]}, False),
    ({"objectives": [{"type": "no_such"}]}, False),
    ({"objectives": [{"type": "triplet", "train": ["a.csv"], "negatives": "anywhere"}]}, False),
    ({"heads": {"intent": "intent"}}, False),
    ({"training": {"teacher": {"model": "x"}}}, False),
]


@pytest.mark.parametrize(("sections", "accepted"), PLANS)
def test_the_schema_of_pretraining_says_what_its_check_says(
    sections: dict[str, Any], accepted: bool, tmp_path: Path
) -> None:
    registry, raw = Registry.load(), {**PLAN, **sections}
    validator = jsonschema.Draft202012Validator(pretraining_schema(registry))
    validator.check_schema(validator.schema)
    (tmp_path / "pretrain.json").write_text(json.dumps(raw), "utf-8")
    assert validator.is_valid(raw) == accepted
    with nullcontext() if accepted else pytest.raises(ConfigError):
        load_pretraining(tmp_path, registry=registry)
