"""What model.json and a model's pipeline.json say, read through one strict schema.

Wrong types, missing keys and numbers that mean nothing are errors that name the file and the key.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from nlu_kit.config.schema import HEAD_NAME
from nlu_kit.params import Component

Finite = Annotated[float, Field(allow_inf_nan=False)]
Temperature = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]


class _Stored(BaseModel):
    """Keys of later versions are passed over: they say nothing about what is read here."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def _distinct(names: list[str]) -> list[str]:
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise ValueError(f"the label '{twice}' is there twice")
    return names


def _head_names(heads: dict[str, Any]) -> dict[str, Any]:
    wrong = next((name for name in heads if not HEAD_NAME.fullmatch(name)), None)
    if wrong is not None:
        raise ValueError(f"'{wrong}' can't name a head")
    return heads


class Provider(_Stored):
    """Which distribution a component came from."""

    kind: str
    type: str
    distribution: str
    version: str


class ScopeSettings(_Stored):
    """What model.json says of the detector: the head that it watches, the temperature that it was given, the threshold
    above which a score is out of scope, and in words how that was chosen."""

    head: str
    temperature: Temperature
    threshold: Finite
    chosen: str


class Correction(_Stored):
    """What is taken off a head's logits, by label; and the share that it is of what training added."""

    share: Finite
    offsets: list[Finite]

    @property
    def array(self) -> np.ndarray:
        """The offsets, float32 [C]."""
        return np.array(self.offsets, dtype=np.float32)


class Description(_Stored):
    """model.json. ``corrections`` are of the heads that have one. ``detector`` is null where there is none. Models from
    before there were any lack these. ``states`` are the heads' own to read;
    ``examples`` are texts to try it with."""

    name: str
    providers: list[Provider]
    labels: Annotated[
        dict[str, Annotated[list[str], AfterValidator(_distinct)]], Field(min_length=1), AfterValidator(_head_names)
    ]
    states: dict[str, dict[str, Any]]
    examples: list[str] = Field(default_factory=list)
    corrections: dict[str, Correction] = Field(default_factory=dict)
    detector: ScopeSettings | None = None


class StoredPipeline(_Stored):
    """What prediction needs of pipeline.json."""

    backbone: Component
    heads: Annotated[dict[str, Component], Field(min_length=1)]
    detector: Component | None = None
