"""nlu-kit: intents and entities with one shared sentence-transformer, composed from plugins.

import nlu_kit

nlu_kit.train("pipeline.json")
model = nlu_kit.load("runs/latest")
prediction = model("book a table in Paris")
print(prediction.intent, prediction.entities)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# What is asked for is imported then, so that ``import nlu_kit`` stays fast.
_WHERE = {
    "train": "nlu_kit.training.run",
    "pretrain": "nlu_kit.pretraining.run",
    "load": "nlu_kit.runtime.predictor",
    "evaluate": "nlu_kit.evaluation.evaluate",
    "compare": "nlu_kit.comparison.compare",
    "Predictor": "nlu_kit.runtime.predictor",
    "Progress": "nlu_kit.training.progress",
    "Prediction": "nlu_kit.data.prediction",
    "LabelPrediction": "nlu_kit.data.prediction",
    "EntityPrediction": "nlu_kit.data.prediction",
    "NluKitError": "nlu_kit.errors",
    "ConfigError": "nlu_kit.errors",
    "DataError": "nlu_kit.errors",
    "MissingPackageError": "nlu_kit.errors",
    "ModelError": "nlu_kit.errors",
    "PluginError": "nlu_kit.errors",
    "TrainingError": "nlu_kit.errors",
}
__all__ = [
    "ConfigError",
    "DataError",
    "EntityPrediction",
    "LabelPrediction",
    "MissingPackageError",
    "ModelError",
    "NluKitError",
    "PluginError",
    "Prediction",
    "Predictor",
    "Progress",
    "TrainingError",
    "__version__",
    "compare",
    "evaluate",
    "load",
    "pretrain",
    "train",
]

if TYPE_CHECKING:
    from nlu_kit.comparison.compare import compare
    from nlu_kit.data.prediction import EntityPrediction, LabelPrediction, Prediction
    from nlu_kit.errors import (
        ConfigError,
        DataError,
        MissingPackageError,
        ModelError,
        NluKitError,
        PluginError,
        TrainingError,
    )
    from nlu_kit.evaluation.evaluate import evaluate
    from nlu_kit.pretraining.run import pretrain
    from nlu_kit.runtime.predictor import Predictor, load
    from nlu_kit.training.progress import Progress
    from nlu_kit.training.run import train


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'nlu_kit' has no attribute '{name}'")
    if name in ("train", "pretrain"):  # their modules import torch
        from nlu_kit.extras import needs_train

        needs_train("training")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
