"""pretrain.json: an encoder, what it is to learn from, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from nlu_kit.config.components import ComponentResolver
from nlu_kit.config.load import apply_overrides, fill_types, read_json_object
from nlu_kit.config.pipeline import Resolved, locate
from nlu_kit.config.schema import LoopConfig
from nlu_kit.errors import ConfigError
from nlu_kit.params import Component
from nlu_kit.plugin.objectives import ObjectiveParams
from nlu_kit.registry import Registry

FILE = "pretrain.json"
_BEGIN = "docs/pretraining.md shows some to begin with; or name another file"


class PretrainingLoop(LoopConfig):
    """How pre-training runs. Learning rates belong to the freezing strategy."""

    epochs: int = Field(default=1, ge=1, le=1_000_000, description="How often it goes through the data.")
    warmup: float = Field(
        default=0.1, ge=0, lt=1, description="Share of all steps in which the learning rates rise from 0."
    )
    steps: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        description="Steps an epoch. When absent, as many as the objective with the most items needs to see each once; "
        "the others begin again meanwhile.",
    )


class PretrainingConfig(BaseModel):
    """All of pretrain.json. What is absent takes the installed default of its kind."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)

    schema_: str | None = Field(default=None, alias="$schema", description="For editors; nlu-kit ignores it.")
    base: str | None = Field(
        default=None, description="Where relative paths start, seen from the file; when absent, at its folder."
    )
    name: str = Field(default="encoder", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Names the run's folder.")
    backbone: Component | None = Field(default=None, description="The encoder to begin with.")
    objectives: list[Component] = Field(min_length=1, max_length=100, description="What it learns, together.")
    freezing: Component | None = Field(default=None, description="Which parameters train, at which learning rate.")
    training: PretrainingLoop = Field(default=PretrainingLoop(), description="How pre-training runs.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingPlan:
    """A checked pretrain.json. ``objectives`` are by name: their type, with a number from the second of a type on.
    Relative paths start at ``base_dir``."""

    name: str
    base_dir: Path
    backbone: Resolved
    objectives: Mapping[str, Resolved]
    freezing: Resolved
    callbacks: Sequence[Resolved]
    training: PretrainingLoop
    registry: Registry

    def path(self, relative: str) -> Path:
        return locate(self.base_dir, relative)

    def weight(self, objective: str) -> float:
        params = self.objectives[objective].params
        assert isinstance(params, ObjectiveParams), "the registry has made sure"
        return params.weight

    def to_json(self) -> dict[str, Any]:
        """A valid pretrain.json with every default written out."""
        return {
            "name": self.name,
            "backbone": self.backbone.to_json(),
            "objectives": [objective.to_json() for objective in self.objectives.values()],
            "freezing": self.freezing.to_json(),
            "training": {
                **self.training.model_dump(mode="json", exclude={"callbacks"}),
                "callbacks": [callback.to_json() for callback in self.callbacks],
            },
        }


def load_pretraining(
    file: str | Path, *, overrides: Sequence[str] = (), registry: Registry | None = None
) -> PretrainingPlan:
    """Read, override, check and resolve a pretrain.json, or the one in a folder.

    Raises ConfigError with every problem found, PluginError for plugins that clash.
    """
    file = Path(file)
    file = file / FILE if file.is_dir() else file
    registry = registry if registry is not None else Registry.load()
    raw = apply_overrides(read_json_object(file, hint=_BEGIN), overrides)
    checker = _Checker(registry)
    plan = checker.plan(raw, file.parent)
    if checker.problems or plan is None:
        raise ConfigError(list({problem.path: problem for problem in checker.problems}.values()), source=str(file))
    return plan


class _Checker(ComponentResolver):
    """Walks the raw file once and collects problems; a part that is wrong comes back as None."""

    def plan(self, raw: Mapping[str, Any], base_dir: Path) -> PretrainingPlan | None:
        raw = fill_types(raw, self.registry)
        config = self.validate(PretrainingConfig, raw, "")
        backbone = self.part(raw.get("backbone"), "backbone", "backbone")
        freezing = self.part(raw.get("freezing"), "freezing", "freezing")
        sections = raw.get("objectives")
        objectives = [
            self.component(section, "objective", f"objectives.{position}")
            for position, section in enumerate(sections if isinstance(sections, list) else [])
        ]
        training = raw.get("training")
        listed = training.get("callbacks") if isinstance(training, Mapping) else None
        callbacks = [
            self.component(section, "callback", f"training.callbacks.{position}")
            for position, section in enumerate(listed if isinstance(listed, list) else [])
        ]
        if self.problems or config is None:
            return None
        assert backbone is not None, "a missing part has left a problem"
        assert freezing is not None, "a missing part has left a problem"
        return PretrainingPlan(
            name=config.name,
            base_dir=base_dir if config.base is None else locate(base_dir, config.base),
            backbone=backbone,
            objectives=_named([objective for objective in objectives if objective is not None]),
            freezing=freezing,
            callbacks=[callback for callback in callbacks if callback is not None],
            training=config.training,
            registry=self.registry,
        )


def _named(objectives: Sequence[Resolved]) -> dict[str, Resolved]:
    found: dict[str, Resolved] = {}
    for objective in objectives:
        count = sum(other.type == objective.type for other in found.values())
        found[objective.type if not count else f"{objective.type}_{count + 1}"] = objective
    return found
