"""The JSON schemas (draft 2020-12) of pipeline.json and pretrain.json for what is installed: every slot offers the
types that fit it.

``$defs`` holds one union per kind (``sampler``) and one object per type (``sampler.weighted``). A component inside a
component refers to its kind's union, so that nesting may go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic.errors import PydanticUserError

from nlu_kit.config.components import nested_fields
from nlu_kit.config.pipeline import AUTO
from nlu_kit.config.pretraining import PretrainingConfig
from nlu_kit.config.schema import HEAD_NAME, RESERVED_HEAD_NAMES, PipelineConfig
from nlu_kit.errors import PluginError
from nlu_kit.plugin.hooks import KINDS
from nlu_kit.registry import Provided, Registry

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SLOTS = ("backbone", "balancing", "sampler", "freezing")
_OWN_REFERENCE = "#/$defs/"

Schema = dict[str, Any]


def pipeline_schema(registry: Registry) -> Schema:
    """The composed schema. Raises PluginError for params that have no JSON schema."""
    schema = PipelineConfig.model_json_schema(mode="validation")
    definitions: Schema = schema.pop("$defs")
    properties: Schema = schema["properties"]
    for kind in _SLOTS:
        properties[kind] = _slot(kind, properties[kind])
    properties["detector"] = _slot("detector", properties["detector"])  # null means that there is none
    required = list(schema.get("required", []))
    required += [kind for kind in _SLOTS if len(registry.defaults(kind)) != 1]
    properties["heads"] = {
        "type": "object",
        "description": properties["heads"]["description"],
        "minProperties": 1,
        "propertyNames": {"pattern": f"^{HEAD_NAME.pattern}$", "not": {"enum": sorted(RESERVED_HEAD_NAMES)}},
        "additionalProperties": _reference("head"),
    }
    data, training = definitions["DataConfig"], definitions["TrainingConfig"]
    data["properties"]["reader"] = _slot("reader", data["properties"]["reader"])
    training["properties"]["callbacks"]["items"] = _reference("callback")
    sections = ("DataConfig", "TrainingConfig", "TeacherConfig", "DecodingConfig")
    schema |= {"title": "nlu-kit pipeline", "required": required}
    return _composed(schema, {name: definitions[name] for name in sections}, registry)


def pretraining_schema(registry: Registry) -> Schema:
    """That of pretrain.json. Raises PluginError for params that have no JSON schema."""
    schema = PretrainingConfig.model_json_schema(mode="validation")
    definitions: Schema = schema.pop("$defs")
    properties: Schema = schema["properties"]
    slots = ("backbone", "freezing")
    for kind in slots:
        properties[kind] = _slot(kind, properties[kind])
    properties["objectives"]["items"] = _reference("objective")
    loop = definitions["PretrainingLoop"]
    loop["properties"]["callbacks"]["items"] = _reference("callback")
    schema["title"] = "nlu-kit pre-training"
    schema["required"] += [kind for kind in slots if len(registry.defaults(kind)) != 1]
    return _composed(schema, {"PretrainingLoop": loop}, registry)


def _composed(schema: Schema, sections: Schema, registry: Registry) -> Schema:
    """With the definitions of its sections and of all kinds."""
    definitions = dict(sections)
    for kind in KINDS:
        definitions |= _kind(kind, registry)
    return {"$schema": DIALECT, **schema, "$defs": definitions}


def params_schema(provided: Provided) -> Schema:
    """JSON schema of a component's parameters, with its definitions inside. Raises PluginError where there is none."""
    spec = provided.spec
    try:
        schema: Schema = spec.params.model_json_schema(mode="validation")
        return schema
    except PydanticUserError as error:
        where = f"the {spec.kind} '{spec.name}' of {provided.distribution} {provided.version}"
        raise PluginError(f"{where}: its parameters have no JSON schema: {error.message}") from error


def _kind(kind: str, registry: Registry) -> Schema:
    """The definitions of one kind: its union and its types."""
    definitions: Schema = {}
    options: list[Schema] = []
    bare: list[str] = []
    for provided in registry.all(kind):
        name = f"{kind}.{provided.spec.name}"
        body = _component(name, provided, registry)
        definitions |= {name: body, **_definitions(name, provided, registry)}
        options.append(_reference(name))
        if body["required"] == ["type"]:
            bare.append(provided.spec.name)
    if kind == "reader":
        bare.append(AUTO)
        options.append({"type": "object", "properties": {"type": {"const": AUTO}}, "required": ["type"]})
        options[-1] |= {"additionalProperties": False, "description": "The reader that recognises the path."}
    if bare:
        options.append({"enum": bare, "description": f"The type of {kind} alone: all its parameters have defaults."})
    # Nothing satisfies "not anything": of this kind nothing is installed.
    union: Schema = {"oneOf": options} if options else {"not": {}, "description": f"No {kind} is installed."}
    return {kind: union, **definitions}


def _component(name: str, provided: Provided, registry: Registry) -> Schema:
    """One type as an object schema; the definitions that its parameters refer to are ``_definitions``."""
    spec = provided.spec
    raw = params_schema(provided)
    nested = nested_fields(spec.params)
    aliases = {field.alias or key: nested.get(key) for key, field in spec.params.model_fields.items()}
    properties = {
        key: _renamed(value, name, aliases.get(key))
        for key, value in raw.get("properties", {}).items()
        if key != "type"
    }
    required = ["type", *raw.get("required", [])]
    if spec.kind == "head":
        properties["loss"], needed = _loss(spec, registry)
        required += ["loss"] if needed else []
    kind_word = {"const": spec.name, "description": f"{spec.summary} ({provided.distribution} {provided.version})"}
    return {
        "type": "object",
        "description": spec.summary,
        "properties": {"type": kind_word, **properties},
        "required": required,
        "additionalProperties": raw.get("additionalProperties", False),
    }


def _definitions(name: str, provided: Provided, registry: Registry) -> Schema:
    """The definitions that a type's parameters bring along, but Component itself, for which its kind's union stands."""
    raw = params_schema(provided)
    kinds = {  # subclass of Component -> the kind of the nested field that holds it
        inner: kind
        for field, kind in nested_fields(provided.spec.params).items()
        for inner in _referred(raw["properties"][provided.spec.params.model_fields[field].alias or field])
    }
    return {
        f"{name}:{key}": _extended(_renamed(value, name, None), kinds[key], registry)
        if key in kinds
        else _renamed(value, name, None)
        for key, value in raw.get("$defs", {}).items()
        if key != "Component"
    }


def _extended(section: Schema, kind: str, registry: Registry) -> Schema:
    """A component of a kind with further keys in its section: one object per type, since each closes its keys."""
    further = {key: value for key, value in section["properties"].items() if key != "type"}
    needed = [key for key in section["required"] if key != "type"]
    options: list[Schema] = []
    bare: list[str] = []
    for provided in registry.all(kind):
        body = _component(f"{kind}.{provided.spec.name}", provided, registry)
        if body["required"] == ["type"] and not needed:
            bare.append(provided.spec.name)
        properties, required = {**body["properties"], **further}, [*body["required"], *needed]
        options.append({**body, "properties": properties, "required": required})
    options += [{"enum": bare}] if bare else []
    return {"description": section.get("description", ""), "oneOf": options}


def _referred(value: Any) -> set[str]:
    """The names of the definitions that a schema refers to."""
    if isinstance(value, list):
        return {name for item in value for name in _referred(item)}
    if not isinstance(value, dict):
        return set()
    target = value.get("$ref")
    own = {target.removeprefix(_OWN_REFERENCE)} if isinstance(target, str) else set()
    return own | {name for item in value.values() for name in _referred(item)}


def _loss(spec: Any, registry: Registry) -> tuple[Schema, bool]:
    """What the head's ``loss`` may be, and whether it must be there."""
    if spec.produces == "own_loss":
        return {"type": "null", "description": "This head computes its own loss."}, False
    fitting: list[Any] = [p.spec for p in registry.all("loss") if spec.produces in getattr(p.spec, "consumes", ())]
    options: list[Schema] = [_reference(f"loss.{loss.name}") for loss in fitting]
    bare = [loss.name for loss in fitting if not any(f.is_required() for f in loss.params.model_fields.values())]
    options += [{"enum": bare}] if bare else []
    slot: Schema = {"anyOf": [*options, {"type": "null"}], "description": "The head's loss."}
    if spec.default_loss is not None:
        slot["default"] = spec.default_loss
    return slot, spec.default_loss is None and len(registry.defaults("loss")) != 1


def _slot(kind: str, described: Mapping[str, Any]) -> Schema:
    """A place for one component of a kind; null wherever the frame allows it, where it stands for the default."""
    slot: Schema = {"description": described["description"]}
    if "default" in described and described["default"] is None:
        return {**slot, "anyOf": [_reference(kind), {"type": "null"}]}
    return {**slot, **_reference(kind), "default": described["default"]}


def _renamed(value: Any, owner: str, kind: str | None) -> Any:
    """``value`` with its references made unique to ``owner``, and a nested component's pointing at its kind."""
    if isinstance(value, list):
        return [_renamed(item, owner, kind) for item in value]
    if not isinstance(value, dict):
        return value
    result = {key: _renamed(item, owner, kind) for key, item in value.items()}
    target = value.get("$ref")
    if isinstance(target, str) and target.startswith(_OWN_REFERENCE):
        inner = target.removeprefix(_OWN_REFERENCE)
        if inner != "Component":
            result |= _reference(f"{owner}:{inner}")
        elif kind is not None:
            result |= _reference(kind)
        else:  # a component that is not marked with Nested: anything with a type
            del result["$ref"]
            result["required"] = ["type"]
    return result


def _reference(name: str) -> Schema:
    """A JSON pointer, escaped: plugins may name their components as they like."""
    return {"$ref": _OWN_REFERENCE + quote(name.replace("~", "~0").replace("/", "~1"), safe=":~._-")}
