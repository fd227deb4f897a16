"""What tests of heads share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from nlu_kit.data.example import Example
from nlu_kit.heads.codec import Codec


@pytest.fixture(scope="session")
def figures() -> Callable[..., dict[str, float]]:
    """``figures(codec, examples, predictions)``: what an evaluation shows of them."""

    def of(
        codec: Codec[Any], examples: Sequence[Example], predictions: Sequence[Mapping[str, Any]]
    ) -> dict[str, float]:
        counts = {name: counted.value for name, counted in codec.counts(examples, predictions).items()}
        return counts | dict(codec.figures(examples, predictions))

    return of
