"""Every number of a pipeline has bounds, whoever provides the component: what lies beyond is an error, not a hang."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import BaseModel, Field

from nlu_kit.config.pretraining import PretrainingConfig
from nlu_kit.config.schema import PipelineConfig
from nlu_kit.plugin.hooks import KINDS
from nlu_kit.registry import Registry


def unbounded(schema: Mapping[str, Any], definitions: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The path of every number without a minimum or a maximum, wherever in a JSON schema it is."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if schema.get("type") in ("integer", "number"):
        ends = (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))
        if not all(any(key in schema for key in end) for end in ends):
            yield path
    inside = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    inside += [schema.get("items"), schema.get("additionalProperties"), *schema.get("prefixItems", ())]
    for part in inside:
        if isinstance(part, Mapping):
            yield from unbounded(part, definitions, path)
    for name, part in schema.get("properties", {}).items():
        yield from unbounded(part, definitions, f"{path}.{name}")


def of_model(model: type[BaseModel]) -> list[str]:
    schema = model.model_json_schema()
    return list(unbounded(schema, schema.get("$defs", {})))


class Inner(BaseModel):
    depth: int = Field(1, ge=0)


class Example(BaseModel):
    free: int
    half: float | None = Field(None, lt=1)
    bounded: int = Field(1, ge=0, le=9)
    items: list[float] = []
    weights: dict[str, float] = {}
    inner: Inner = Inner()
    text: str = ""


def test_the_walk_finds_them() -> None:
    assert of_model(Example) == [".free", ".half", ".items", ".weights", ".inner.depth"]


@pytest.mark.parametrize(
    "model",
    [
        PipelineConfig,
        PretrainingConfig,
        *(provided.spec.params for kind in KINDS for provided in Registry.load().all(kind)),
    ],
    ids=lambda model: model.__qualname__,
)
def test_every_number_has_bounds(model: type[BaseModel]) -> None:
    assert of_model(model) == []
