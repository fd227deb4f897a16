"""nlu-kit: intents and entities with one shared sentence-transformer, composed from plugins.

import nlu_kit

nlu_kit.train("pipeline.json")
model = nlu_kit.load("runs/latest")
model("book a table in Paris").intent.name
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "load", "train"]

if TYPE_CHECKING:
    from nlu_kit.runtime.predictor import load
    from nlu_kit.training.run import train


def __getattr__(name: str) -> Any:
    """Import torch only with the first call, so that ``import nlu_kit`` is fast."""
    if name == "load":
        from nlu_kit.runtime.predictor import load

        return load
    if name == "train":
        from nlu_kit.training.run import train

        return train
    raise AttributeError(f"module 'nlu_kit' has no attribute '{name}'")
