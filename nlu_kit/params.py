"""Parameters of components, and components as pipeline.json writes them. Plugins import these from nlu_kit.plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Params(BaseModel):
    """Base of every component's parameters: frozen; an unknown key is an error, and so is a number that is none.

    Give each field a default where one makes sense and a ``Field(description=...)``, and each number its limits
    (``ge``, ``gt``, ``le``, ``lt``): `nlu-kit plugins show` and the configuration reference print them all, and what is
    beyond them is refused before anything is loaded.
    """

    # A command loads the parameters of every component, and most of them make do without validating any.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Component(BaseModel):
    """A component as written in pipeline.json: ``{"type": "weighted", "strength": 3}``, or just ``"weighted"``."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, defer_build=True)
    type: str

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    @property
    def options(self) -> dict[str, Any]:
        """Everything but the type: the raw parameters."""
        return dict(self.__pydantic_extra__ or {})


@dataclass(frozen=True, slots=True)
class Nested:
    """Marks a params field that holds another component, so that its section is validated too.

    ``base: Annotated[Component, Nested("sampler")]`` and, in ``build``, ``context.nested(params.base)``. A list of
    components works the same way: ``Annotated[list[Component], Nested("freezing")]``. A subclass of Component may
    stand in its place: its own fields are further keys of the section, beside the component's parameters.
    """

    kind: str
