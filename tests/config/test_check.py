"""Every mistake is found, in one go, at its own path, and with what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.config.check import load_pipeline, resolve
from nlu_kit.config.schema import HEAD_NAME, RESERVED_HEAD_NAMES
from nlu_kit.errors import ConfigError, Problem
from nlu_kit.registry import Registry

Problems = Callable[..., dict[str, Problem]]
DATA = {"train": "train.jsonl"}


def test_a_small_pipeline_takes_every_default(registry: Registry) -> None:
    pipeline = resolve({"data": DATA}, base_dir=Path("somewhere"), registry=registry)
    assert [part.type for part in pipeline.components()] == [
        "plain",
        "plain",
        "plain",
        "odd name/50%~",
        "plain",
        "plain",
    ]
    assert pipeline.path("train.jsonl") == Path("somewhere/train.jsonl")


def test_all_problems_come_at_once(problems: Problems) -> None:
    found = problems(
        nam="x",
        backbone={"type": "rich", "rate": -1, "mod": "a"},
        heads={"one": "plian", "two": {"type": "plain", "loss": "nope"}},
        sampler={"strength": 3},
        training={"epochs": -1, "monitor": "three.f1", "callbacks": ["nope"]},
    )
    assert set(found) == {
        "nam",
        "backbone.rate",
        "backbone.mod",
        "heads.one.type",
        "heads.two.loss.type",
        "sampler.strength",
        "training.epochs",
        "training.monitor",
        "training.callbacks.0.type",
    }
    assert "did you mean 'name'?" in found["nam"].hint
    assert "did you mean 'mode'? allowed: rate, mode" in found["backbone.mod"].hint
    assert "backbone 'rich' of stubs 0" in found["backbone.mod"].message
    assert "did you mean 'plain'? installed: own, plain, scores" in found["heads.one.type"].hint
    assert "of the sampler 'plain' of stubs 0" in found["sampler.strength"].message  # no type: the default one
    assert "allowed: mean, exact_match, one.<metric>, two.<metric>" in found["training.monitor"].hint


@pytest.mark.parametrize("value", [True, "3", 2.5, [3]])
def test_types_are_strict(problems: Problems, value: Any) -> None:
    assert set(problems(training={"epochs": value})) == {"training.epochs"}


def test_json_lists_become_tuples_and_integers_floats(registry: Registry) -> None:
    raw = {"data": DATA, "backbone": {"type": "rich", "rate": 1, "sizes": [3]}}
    params: Any = resolve(raw, base_dir=Path(), registry=registry).backbone.params
    assert (params.rate, params.sizes) == (1.0, (3,))


@pytest.mark.parametrize("value", [3, [], {"type": 3}, {"type": None}])
def test_what_is_no_component(problems: Problems, value: Any) -> None:
    (problem,) = problems(sampler=value).values()
    assert problem.path.removesuffix(".type") == "sampler"
    assert "installed: plain, rich, wrapping" in problem.hint


def test_nested_components_are_checked_at_their_place(problems: Problems) -> None:
    found = problems(
        sampler={
            "type": "wrapping",
            "base": {"type": "wrapping", "base": "plian"},
            "others": [{"type": "rich"}],
            "maybe": "nope",
        }
    )
    assert set(found) == {"sampler.base.base.type", "sampler.others.0.rate", "sampler.maybe.type"}
    assert "unknown loss" in found["sampler.maybe.type"].message


def test_nested_defaults_are_written_out_and_listed(registry: Registry) -> None:
    sampler = {"type": "wrapping", "base": {"type": "rich", "rate": 2}, "others": ["plain"]}
    pipeline = resolve({"data": DATA, "sampler": sampler}, base_dir=Path(), registry=registry)
    rich = {"type": "rich", "rate": 2.0, "mode": "a", "sizes": [1, 2], "inner": {"depth": 1}, "flag": False}
    expected = {"type": "wrapping", "base": rich, "others": [{"type": "plain"}], "maybe": None, "parts": []}
    assert pipeline.sampler.to_json() == expected
    assert [part.type for part in pipeline.components() if part.kind == "sampler"] == ["wrapping", "rich", "plain"]


def test_a_nested_section_may_have_keys_of_its_own(registry: Registry, problems: Problems) -> None:
    part = {"type": "rich", "rate": 2, "share": 0.5, "more": {"depth": 3}}
    sampler = {"type": "wrapping", "parts": [part, "plain"]}
    pipeline = resolve({"data": DATA, "sampler": sampler}, base_dir=Path(), registry=registry)
    assert [inner.type for inner in pipeline.sampler.nested] == ["plain", "rich", "plain"]
    assert pipeline.sampler.to_json()["parts"] == [
        {**part, "rate": 2.0, "mode": "a", "sizes": [1, 2], "inner": {"depth": 1}, "flag": False},
        {"type": "plain", "share": 1.0, "more": None},
    ]
    wrong = [{"type": "rich", "share": 2}, {"type": "plian"}, {"type": "plain", "shape": 1}]
    found = problems(sampler={"type": "wrapping", "parts": wrong})
    assert set(found) == {"sampler.parts.0.rate", "sampler.parts.1.type", "sampler.parts.2.shape"}
    assert set(problems(sampler={"type": "wrapping", "parts": [{"type": "plain", "share": 0}]})) == {
        "sampler.parts.0.share"
    }


def test_the_resolved_pipeline_is_a_pipeline(registry: Registry) -> None:
    raw = {"data": {**DATA, "reader": "plain"}, "heads": {"a": "own", "b": "scores"}, "sampler": "wrapping"}
    once = resolve(raw, base_dir=Path(), registry=registry).to_json()
    assert once["data"]["reader"] == {"type": "plain"}
    assert once["heads"] == {"a": {"type": "own"}, "b": {"type": "scores", "loss": {"type": "scored"}}}
    assert resolve(once, base_dir=Path(), registry=registry).to_json() == once


def test_a_loss_that_does_not_fit_its_head(problems: Problems) -> None:
    found = problems(heads={"a": {"type": "scores", "loss": "plain"}, "b": {"type": "own", "loss": "plain"}})
    assert found["heads.a.loss"].hint == "losses that do: scored"
    assert found["heads.b.loss"].message == "the head 'own' computes its own loss"


@pytest.mark.parametrize("monitor", ["men", "a.", ".f1", "b.f1", ""])
def test_monitor_must_name_a_head(problems: Problems, monitor: str) -> None:
    assert set(problems(heads={"a": "plain"}, training={"monitor": monitor})) == {"training.monitor"}


@pytest.mark.parametrize("monitor", ["mean", "exact_match", "a.f1"])
def test_monitor_is_fine(problems: Problems, monitor: str) -> None:
    assert problems(heads={"a": "plain"}, training={"monitor": monitor}) == {}


@pytest.mark.parametrize(
    "heads", [{}, [], "plain", {"1st": "plain"}, {"a.b": "plain"}, {"values": "plain"}, {"training": "plain"}]
)
def test_heads_that_are_none(problems: Problems, heads: Any) -> None:
    assert set(problems(heads=heads)) == {"heads"}


def test_names_that_torch_keeps_are_known_without_torch() -> None:
    from torch import nn

    taken = {name for name in dir(nn.ModuleDict()) if HEAD_NAME.fullmatch(name)}
    assert taken - RESERVED_HEAD_NAMES == set(), "this torch has more: add them to config/schema.py"
    assert {"values", "training", "forward"} <= RESERVED_HEAD_NAMES
    assert not {"intent", "ner", "mood", "entities"} & RESERVED_HEAD_NAMES


def test_a_reserved_head_name_says_so(problems: Problems) -> None:
    (problem,) = problems(heads={"values": "plain"}).values()
    assert "'values' can't name a head: torch uses it for itself" in problem.hint


@pytest.mark.parametrize("reader", [{"type": "auto", "delimiter": ","}, {"delimiter": ","}])
def test_auto_takes_no_parameters(problems: Problems, reader: dict[str, str]) -> None:
    assert set(problems(data={**DATA, "reader": reader})) == {"data.reader.delimiter"}


def test_missing_files_are_problems_beside_the_others(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "here.jsonl").touch()
    data = {"train": "here.jsonl", "dev": "gone.jsonl", "test": "~nobody-at-all/\0", "tset": "x"}
    found = problems(base_dir=tmp_path, check_files=True, data=data)
    assert set(found) == {"data.dev", "data.test", "data.tset"}
    assert str(tmp_path) in found["data.dev"].hint
    assert set(problems(base_dir=tmp_path, data=data)) == {"data.tset"}, "only where it is asked for"


def test_a_kind_of_which_nothing_is_installed() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve({"data": DATA}, base_dir=Path(), registry=Registry.of({}))
    found = {problem.path: str(problem) for problem in caught.value.problems}
    assert set(found) == {"backbone", "balancing", "sampler", "freezing", "heads"}
    assert "the installed defaults are: none" in found["sampler"]


def test_a_folder_means_its_pipeline(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "pipeline.json").write_text('{"name": "mine", "data": {"train": "x"}}', encoding="utf-8")
    pipeline = load_pipeline(tmp_path, registry=registry, overrides=["training.epochs=7"])
    assert (pipeline.name, pipeline.training.epochs, pipeline.base_dir) == ("mine", 7, tmp_path)


@pytest.mark.parametrize(
    ("sections", "path", "said"),
    [
        (
            {"decoding": {"prior_correction": "much"}},
            "decoding.prior_correction",
            "a valid boolean, or: .*a valid number",
        ),
        (
            {"heads": {"intent": {"type": "intent", "label_texts": 5}}},
            "heads.intent.label_texts",
            "a valid boolean, or: ",
        ),
    ],
)
def test_a_value_of_no_allowed_type_is_one_problem_at_its_path(
    pipeline_sections: Any, sections: Any, path: str, said: str
) -> None:
    with pytest.raises(ConfigError) as error:
        resolve(pipeline_sections(**sections), base_dir=Path())
    assert [problem.path for problem in error.value.problems] == [path]
    assert re.search(said, error.value.problems[0].hint)
