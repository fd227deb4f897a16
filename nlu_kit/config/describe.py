"""A component's parameters in words: what `nlu-kit plugins show` and the configuration reference print."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from nlu_kit.config.components import nested_fields
from nlu_kit.config.json_schema import params_schema
from nlu_kit.registry import Provided, Registry

_WORDS = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}
_LIMITS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter in words.

    ``type`` is like ``number > 0``, ``allowed`` lists the values of a closed choice, and ``default`` is a JSON value
    that only means something where ``required`` is False.
    """

    name: str
    type: str
    required: bool
    default: Any
    allowed: tuple[Any, ...]
    description: str


def describe_parameters(provided: Provided) -> list[Parameter]:
    """The parameters of a component, in the order of their definition."""
    return describe_fields(params_schema(provided), nested_fields(provided.spec.params))


def describe_model(model: type[BaseModel]) -> list[Parameter]:
    """The fields of a section of pipeline.json, such as ``TrainingConfig``."""
    return describe_fields(model.model_json_schema(mode="validation"), nested_fields(model))


def describe_fields(schema: Mapping[str, Any], nested: Mapping[str, str]) -> list[Parameter]:
    """The properties of a JSON schema in words; ``nested`` names the kind of those that are components."""
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    return [
        Parameter(
            name=name,
            type=_type(value, definitions, nested.get(name)),
            required=name in required,
            default=value.get("default"),
            allowed=tuple(_allowed(value, definitions)),
            description=value.get("description", ""),
        )
        for name, value in schema.get("properties", {}).items()
    ]


def example(provided: Provided, registry: Registry) -> dict[str, Any]:
    """A piece of pipeline.json (for an objective, of pretrain.json) that uses the component, with every default written
    out and "…" where one is missing."""
    spec = provided.spec
    section = {"type": spec.name}
    section |= {p.name: "…" if p.required else p.default for p in describe_parameters(provided)}
    if spec.kind == "head":
        return {"heads": {spec.name: section}}
    if spec.kind == "loss":
        consumes = getattr(spec, "consumes", ())
        heads = [p.spec.name for p in registry.all("head") if getattr(p.spec, "produces", "") in consumes]
        head = heads[0] if heads else "…"
        return {"heads": {head: {"type": head, "loss": section}}}
    if spec.kind == "reader":
        return {"data": {"train": "data/train", "reader": section}}
    if spec.kind == "callback":
        return {"training": {"callbacks": [section]}}
    if spec.kind == "objective":
        return {"objectives": [{**section, **spec.trial}]}
    return {spec.kind: section}


def _type(value: Mapping[str, Any], definitions: Mapping[str, Any], nested: str | None) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        if nested or name == "Component":  # what is marked as nested is Component or a subclass of it
            return f"a {nested or 'component'}"
        return _type(definitions[name], definitions, nested)
    if "anyOf" in value or "oneOf" in value:
        parts = [_type(part, definitions, nested) for part in value.get("anyOf", value.get("oneOf", []))]
        return " or ".join(dict.fromkeys(parts))
    if "const" in value or "enum" in value:
        return "one of " + ", ".join(json.dumps(item, ensure_ascii=False) for item in _allowed(value, definitions))
    if value.get("type") == "array":
        items = value.get("items") or {}
        return "list of " + _type(items, definitions, nested) if items else "list"
    if value.get("type") == "object":
        inner = value.get("additionalProperties")
        return "object of " + _type(inner, definitions, nested) if isinstance(inner, dict) else "object"
    word = _WORDS.get(value.get("type", ""), "any value")
    limits = " and ".join(f"{sign} {value[key]:g}" for key, sign in _LIMITS.items() if key in value)
    return f"{word} {limits}".strip()


def _allowed(value: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[Any]:
    """The values of a closed choice, also behind a reference or beside null; empty for an open one."""
    if "$ref" in value:
        return _allowed(definitions.get(value["$ref"].rpartition("/")[2], {}), definitions)
    if "const" in value:
        return [value["const"]]
    return list(value.get("enum", [])) or [
        item for part in value.get("anyOf", []) for item in _allowed(part, definitions)
    ]
