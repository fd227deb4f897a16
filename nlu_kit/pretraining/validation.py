"""Pre-training measured on what is held out."""

from __future__ import annotations

from collections.abc import Mapping

from nlu_kit.errors import PluginError
from nlu_kit.plugin.modules import Backbone, PretrainingObjective
from nlu_kit.plugin.objectives import Split
from nlu_kit.pretraining.prepare import Prepared
from nlu_kit.training.trainer import Validation

Figures = Mapping[str, float]
"""By ``objective.metric``."""


def figures(objectives: Mapping[str, PretrainingObjective], backbone: Backbone, split: Split) -> dict[str, float]:
    """Every objective's figures on what is held out."""
    return {
        f"{name}.{metric}": float(value)
        for name, objective in objectives.items()
        for metric, value in objective.evaluate(backbone, split).items()
    }


def unscaled(objectives: Mapping[str, PretrainingObjective]) -> frozenset[str]:
    """The figures that are no shares."""
    return frozenset(f"{name}.{metric}" for name, objective in objectives.items() for metric in objective.unscaled)


class Validator:
    """Measures on what is held out: before the first epoch and after each. The score is the mean of the objectives'
    main figures; ``found`` keeps all figures of each time. Where another epoch follows, objectives are refreshed."""

    def __init__(self, prepared: Prepared, epochs: int) -> None:
        self.prepared, self.epochs = prepared, epochs
        self.found: list[Figures] = []

    def __call__(self) -> Validation:
        objectives = self.prepared.objectives
        found = figures(objectives, self.prepared.backbone, "dev")
        main = [f"{name}.{objective.main}" for name, objective in objectives.items()]
        missing = [name for name in main if name not in found]
        if missing:
            raise PluginError(f"contract: evaluate() gives no {missing[0]}, which is to be its main figure")
        self.found.append(found)
        if len(self.found) <= self.epochs:
            for objective in objectives.values():
                objective.refresh(self.prepared.backbone)
        shares = {name: value for name, value in found.items() if name not in unscaled(objectives)}
        score = sum(found[name] for name in main) / len(main)
        return Validation(scores=shares, main=main, score=score, samples=[])
