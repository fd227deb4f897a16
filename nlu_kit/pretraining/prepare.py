"""What pre-training has before its first step: the encoder, and objectives that have read their data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlu_kit.config.components import build_nested
from nlu_kit.config.pretraining import PretrainingPlan
from nlu_kit.corpus.read import read_any
from nlu_kit.errors import DataError, PluginError
from nlu_kit.model.build import build_backbone
from nlu_kit.model.folder import open_model
from nlu_kit.plugin.contracts import BackboneContext
from nlu_kit.plugin.modules import Backbone, PretrainingObjective
from nlu_kit.plugin.objectives import DataReport, ObjectiveContext
from nlu_kit.registry import Registry

_COMPARED = 200  # items


@dataclass(frozen=True, slots=True)
class Prepared:
    """What there is before the first step: the encoder with its objectives, which have read their data."""

    backbone: Backbone
    objectives: Mapping[str, PretrainingObjective]

    def reports(self) -> dict[str, DataReport]:
        """What each objective's data became."""
        return {name: objective.report() for name, objective in self.objectives.items()}


def prepare(plan: PretrainingPlan) -> Prepared:
    """Build the encoder and the objectives, which read their data. Raises DataError, ConfigError, PluginError or
    ModelError; writes nothing."""
    backbone = build_backbone(plan.backbone, base_dir=plan.base_dir)
    if type(backbone).save_pretrained is Backbone.save_pretrained:
        raise PluginError(f"the backbone '{plan.backbone.type}' can't be pre-trained: it has no save_pretrained()")
    objectives = {name: _objective(name, plan, backbone) for name in plan.objectives}
    for name, objective in objectives.items():
        if not len(objective):
            raise DataError(f"the objective '{name}' has nothing to learn from; see: nlu-kit pretrain --inspect")
    return Prepared(backbone, objectives)


def _objective(name: str, plan: PretrainingPlan, backbone: Backbone) -> PretrainingObjective:
    context = ObjectiveContext(
        name=name,
        encoder=backbone,
        seed=plan.training.seed,
        path=plan.path,
        read=lambda path: read_any(path, plan.registry),
        backbone=lambda component: build_nested(
            plan.registry, "backbone", component, BackboneContext(base_dir=plan.base_dir)
        ),
        model=lambda path: _models_backbone(path, plan.registry),
    )
    objective: PretrainingObjective = plan.objectives[name].make(context)
    return objective


def _models_backbone(path: Path, registry: Registry) -> Backbone:
    from nlu_kit.runtime.torch_runtime import restore_model

    return restore_model(open_model(path, registry)).backbone


def fingerprint(objective: PretrainingObjective) -> str:
    """SHA-256 of what its data became, and of some of its items."""
    report, count = objective.report(), len(objective)
    digest = hashlib.sha256(json.dumps([count, report.counts, report.dropped, report.examples]).encode())
    for index in range(0, count, max(1, count // _COMPARED)):
        item = objective.item(index, np.random.default_rng(0))
        digest.update(json.dumps([encoding.ids for encoding in item.encodings]).encode())
    return digest.hexdigest()
