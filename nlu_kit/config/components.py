"""From a section ``{"type": …}`` to a component that can be made: its spec, its parameters, what is inside it.

The one way there, for the sections of a pipeline, of a command line and of a saved model, and for nested ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from nlu_kit.config.pipeline import Resolved
from nlu_kit.errors import ConfigError, PluginError, Problem, did_you_mean
from nlu_kit.params import Component, Nested
from nlu_kit.registry import Provided, Registry


def resolve_component(
    registry: Registry, kind: str, section: Any, *, path: str = "", where: str = "in the configuration"
) -> Resolved:
    """The installed component that ``section`` names, ``{"type": …, …}`` or just its type. ``path`` and,
    in words, ``where`` say where it stands.

    Raises ConfigError with every problem.
    """
    resolver = ComponentResolver(registry)
    found = resolver.component(section, kind, path or kind)
    if found is None:
        raise ConfigError(resolver.problems, where=where)
    return found


def build_nested(registry: Registry, kind: str, component: Component, context: Any) -> Any:
    """Resolve and make a component that is inside another."""
    return resolve_component(registry, kind, {"type": component.type, **component.options}).make(context)


class ComponentResolver:
    """Resolves sections and collects ``problems``; for one that is wrong it gives None."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.problems: list[Problem] = []

    def component(self, raw: Any, kind: str, path: str) -> Resolved | None:
        """One ``{"type": …}`` section, validated by the params class of its type."""
        if isinstance(raw, str):
            raw = {"type": raw}
        if not isinstance(raw, Mapping) or not isinstance(raw.get("type"), str):
            names = ", ".join(provided.spec.name for provided in self.registry.all(kind)) or "none"
            where = f"{path}.type" if isinstance(raw, Mapping) else path
            self.problems.append(Problem(where, f'a {kind} is {{"type": "…"}} or just its type', f"installed: {names}"))
            return None
        provided = self.registry.find(kind, raw["type"])
        if provided is None:
            hint = self.registry.hint(kind, raw["type"])
            self.problems.append(Problem(f"{path}.type", f"unknown {kind} '{raw['type']}'", hint))
            return None
        return self.resolved(provided, {key: value for key, value in raw.items() if key != "type"}, path)

    def part(self, raw: Any, kind: str, path: str) -> Resolved | None:
        """A component that may be absent: then the installed default of its kind."""
        if raw is not None:
            return self.component(raw, kind, path)
        try:
            return self.resolved(self.registry.default(kind), {}, path)
        except PluginError as error:
            self.problems.append(Problem(path, str(error)))
            return None

    def resolved(self, provided: Provided, options: Mapping[str, Any], path: str) -> Resolved | None:
        kind, name = provided.spec.kind, provided.spec.name
        owner = f"{kind} '{name}' of {provided.distribution} {provided.version}"
        params = self.validate(provided.spec.params, options, path, owner=owner)
        if params is None:
            return None
        inside: list[Resolved | None] = []
        complete: dict[str, Any] = {}  # nested sections with their own defaults written out
        for field, nested_kind in nested_fields(type(params)).items():
            value = getattr(params, field)
            if isinstance(value, Component):
                parts = [self.nested(value, nested_kind, f"{path}.{field}")]
                complete[field] = _section(value, parts[0])
            else:
                sections = list(value or ())
                places = [f"{path}.{field}.{position}" for position in range(len(sections))]
                parts = [
                    self.nested(section, nested_kind, place) for section, place in zip(sections, places, strict=True)
                ]
                complete[field] = value and type(value)(map(_section, sections, parts))
            inside += parts
        nested = [part for part in inside if part is not None]
        if len(nested) < len(inside):
            return None
        return Resolved(kind=kind, provided=provided, params=params.model_copy(update=complete), nested=nested)

    def nested(self, section: Component, kind: str, path: str) -> Resolved | None:
        return self.component({"type": section.type, **section.options}, kind, path)

    def validate(self, model: type[BaseModel], raw: Any, path: str, *, owner: str = "") -> Any:
        """``model`` from ``raw``; on errors, None, with one problem for each.

        Strictly, and as JSON: ``"epochs": true`` or ``"3"`` is a mistake, while a list may still become a tuple.
        """
        try:
            return model.model_validate_json(json.dumps(raw, default=str), strict=True)
        except ValidationError as error:
            found: dict[str, Problem] = {}
            for item in error.errors(include_url=False):
                problem = _problem(item, raw, model, path, owner)
                before = found.get(problem.path)
                if before is not None and before.message == problem.message and before.hint != problem.hint:
                    problem = replace(problem, hint=f"{before.hint}, or: {problem.hint}")  # of a union's members
                found[problem.path] = problem
            self.problems += found.values()
            return None


def _location(item: Any, raw: Any) -> list[str]:
    """Where in ``raw`` an error is. Pydantic also names what is no place: a union's members, validators' functions."""
    parts, last = [], len(item["loc"]) - 1
    for position, part in enumerate(item["loc"]):
        inside = isinstance(part, int) if isinstance(raw, list) else isinstance(raw, Mapping) and part in raw
        if inside:
            raw = raw[part]
        if inside or (item["type"] == "missing" and position == last):
            parts.append(str(part))
    return parts


def _problem(item: Any, raw: Any, model: type[BaseModel], path: str, owner: str) -> Problem:
    location = _location(item, raw)
    where = ".".join([path, *location] if path else location)
    suffix = f" (of the {owner})" if owner else ""
    if item["type"] == "extra_forbidden":
        allowed = _fields_at(model, location[:-1])
        hint = did_you_mean(location[-1], allowed) + f"allowed: {', '.join(allowed) or 'nothing'}"
        return Problem(where, f"unknown key '{location[-1]}'{suffix}", hint)
    if item["type"] == "missing":
        return Problem(where, f"required, but missing{suffix}")
    got = repr(item["input"])
    got = got if len(got) <= 60 else got[:57] + "…"
    return Problem(where, f"got {got}{suffix}", item["msg"].removeprefix("Value error, "))


def _fields_at(model: type[BaseModel], location: Sequence[str]) -> list[str]:
    """The field names of the model that ``location`` leads to."""
    for name in location:
        field = next((f for n, f in model.model_fields.items() if name in (n, f.alias)), None)
        candidates = [field.annotation, *get_args(field.annotation)] if field else []
        inner = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _section(section: Component, part: Resolved | None) -> Component | None:
    """``section`` with the parameters of its component written out; a subclass of Component keeps its own fields."""
    own = {name: getattr(section, name) for name in type(section).model_fields}
    return None if part is None else type(section).model_validate({**part.to_json(), **own})


def nested_fields(params: type[BaseModel]) -> Mapping[str, str]:
    """Field name to kind, for each field marked with ``Nested``, wherever in the annotation the mark sits."""
    found: dict[str, str] = {}
    for name, field in params.model_fields.items():
        marks = [mark for mark in field.metadata if isinstance(mark, Nested)] or _marks(field.annotation)
        if marks:
            found[name] = marks[0].kind
    return found


def _marks(annotation: Any) -> list[Nested]:
    """The marks inside ``Annotated[Component, Nested("sampler")] | None`` and the like."""
    own = list(annotation.__metadata__) if get_origin(annotation) is Annotated else []
    inner = [mark for part in get_args(annotation) for mark in _marks(part)]
    return [mark for mark in own if isinstance(mark, Nested)] + inner
