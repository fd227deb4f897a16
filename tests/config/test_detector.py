"""The key ``detector``: named, left out, or null; and the head that it watches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nlu_kit.config.check import resolve
from nlu_kit.config.json_schema import pipeline_schema
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.errors import ConfigError
from nlu_kit.registry import Registry

DATA = {"train": "train.jsonl"}


@pytest.fixture(scope="module")
def bundled() -> Registry:
    return Registry.load()


def made(registry: Registry, **sections: Any) -> Pipeline:
    return resolve({"data": DATA, **sections}, base_dir=Path(), registry=registry)


def problems(registry: Registry, **sections: Any) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        made(registry, **sections)
    return {problem.path: f"{problem.message} | {problem.hint}" for problem in caught.value.problems}


def test_left_out_it_is_the_default_on_the_first_head_with_one_label(bundled: Registry) -> None:
    pipeline = made(bundled, heads={"ner": "ner", "goal": "intent", "mood": {"type": "intent", "field": "mood"}})
    assert pipeline.detector is not None
    assert (pipeline.detector.type, pipeline.watched) == (bundled.default("detector").spec.name, "goal")


def test_null_switches_it_off(bundled: Registry) -> None:
    pipeline = made(bundled, detector=None)
    assert (pipeline.detector, pipeline.watched) == (None, None)
    assert pipeline.to_json()["detector"] is None
    assert made(bundled, **{k: v for k, v in pipeline.to_json().items() if k != "data"}).detector is None


def test_without_a_head_to_watch_there_is_none(bundled: Registry) -> None:
    assert made(bundled, heads={"ner": "ner"}).detector is None
    found = problems(bundled, heads={"ner": "ner"}, detector="energy")
    assert "no head with one label per sentence" in found["detector"]


def test_without_an_installed_detector_there_is_none(registry: Registry) -> None:
    assert made(registry).detector is None


def test_the_head_can_be_named(bundled: Registry) -> None:
    heads = {"intent": "intent", "mood": {"type": "intent", "field": "mood"}, "ner": "ner"}
    assert made(bundled, heads=heads, detector={"type": "knn", "head": "mood"}).watched == "mood"
    wrong = problems(bundled, heads=heads, detector={"type": "knn", "head": "moood"})
    assert wrong == {
        "detector.head": "the head 'moood' does not exist | did you mean 'mood'? it can watch: intent, mood"
    }
    wrong = problems(bundled, heads=heads, detector={"type": "knn", "head": "ner"})
    assert "gives more than one label per sentence, or none" in wrong["detector.head"]


@pytest.mark.parametrize(
    ("section", "path", "says"),
    [
        ("enrgy", "detector.type", "did you mean 'energy'"),
        ({"type": "energy", "treshold": 1}, "detector.treshold", "did you mean 'threshold'"),
        ({"type": "energy", "criterion": "best"}, "detector.criterion", "accuracy"),
        ({"type": "energy", "false_rejection": 1}, "detector.false_rejection", "less than 1"),
        ({"type": "energy", "out_of_scope_share": 0}, "detector.out_of_scope_share", "greater than 0"),
        ({"type": "knn", "k": 0}, "detector.k", "greater than or equal to 1"),
        (3, "detector", "or just its type"),
    ],
)
def test_mistakes_are_named(bundled: Registry, section: Any, path: str, says: str) -> None:
    assert says in problems(bundled, detector=section)[path]


def test_a_section_without_a_type_is_of_the_default(bundled: Registry) -> None:
    detector = made(bundled, detector={"threshold": 0.5}).detector
    assert detector is not None
    assert detector.to_json()["threshold"] == 0.5


def test_it_is_among_the_components(bundled: Registry) -> None:
    assert ("detector", "knn") in {(c.kind, c.type) for c in made(bundled, detector="knn").components()}


def test_the_schema_knows_it(bundled: Registry) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(json.dumps(pipeline_schema(bundled))))
    for section in (None, "energy", {"type": "knn", "k": 3, "head": "intent"}):
        assert validator.is_valid({"data": DATA, "detector": section})
    for section in ("nope", {"type": "knn", "kk": 3}, 7):
        assert not validator.is_valid({"data": DATA, "detector": section})
    assert validator.is_valid({"data": {**DATA, "out_of_scope": []}})
