"""What pre-training asks of an objective, but for its torch half, which is in nlu_kit.plugin.modules. No torch here.

An objective has *items*: one or more texts with what is to be learnt from them. Each step takes a batch of items of
every objective, the encoder reads all their texts at once, and each objective makes its loss of its own texts' vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from nlu_kit.data.example import Example
from nlu_kit.params import Component, Params

if TYPE_CHECKING:
    import numpy as np

    from nlu_kit.data.encoding import Encoding, Tokenizer
    from nlu_kit.plugin.modules import Backbone

Split = Literal["dev", "test"]


class ObjectiveParams(Params):
    """Base of every objective's parameters."""

    weight: float = Field(
        default=1.0, gt=0, le=1e6, description="What its loss is multiplied with before all are added up."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """``encodings``: its texts, as many in each item of an objective. ``targets``: arrays by name, of one rank in all
    items; in a batch they are stacked, each axis padded to the longest with IGNORE (floats: NaN)."""

    encodings: Sequence[Encoding]
    targets: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """What the data became. ``counts`` by name (``{"texts": 5000, "held out": 250}``), ``dropped`` rows by reason;
    ``examples``: a few items in words."""

    counts: Mapping[str, int]
    dropped: Mapping[str, int] = field(default_factory=dict)
    examples: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveContext:
    """``encoder`` is the one that learns (don't keep it: every loss is given it). ``path`` finds a path of the file,
    ``read`` every example of a corpus in any format that is installed. ``backbone`` builds an encoder, ``model`` takes
    that of a trained model: both raise what building the pipeline's own would."""

    name: str
    encoder: Backbone
    seed: int
    path: Callable[[str], Path]
    read: Callable[[Path], Sequence[Example]]
    backbone: Callable[[Component], Backbone]
    model: Callable[[Path], Backbone]

    @property
    def tokenizer(self) -> Tokenizer:
        return self.encoder.tokenizer

    @property
    def width(self) -> int:
        return self.encoder.width
