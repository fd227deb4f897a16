"""Components that sit inside another component's params: find them, and build them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from nlu_kit.config.pipeline import Resolved
from nlu_kit.params import Component, Nested
from nlu_kit.registry import Registry


def build_nested(registry: Registry, kind: str, component: Component, context: Any) -> Any:
    """Look up, validate and build ``component``; the check has validated it already, so errors here are ours."""
    provided = registry.get(kind, component.type)
    return Resolved(kind=kind, provided=provided, params=provided.spec.params.model_validate(component.options)).make(
        context
    )


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
