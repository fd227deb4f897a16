"""A checked pipeline: every component resolved to its spec and validated params."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlu_kit.config.schema import DataConfig, DecodingConfig, TrainingConfig
from nlu_kit.errors import ConfigError, PluginError, Problem, did_you_mean
from nlu_kit.params import Params
from nlu_kit.plugin.contracts import DetectorParams
from nlu_kit.plugin.deferred import loaded
from nlu_kit.registry import Provided, Registry

AUTO = "auto"  # the reader that is none: every installed one is asked


def locate(base_dir: Path, relative: str) -> Path:
    """``relative`` seen from ``base_dir``; ``~`` is the home folder (and stays as it is where there is none)."""
    return base_dir / os.path.expanduser(relative)  # noqa: PTH111 - Path.expanduser raises for an unknown user


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A component of the pipeline: what provides it, its validated parameters, and the components inside these."""

    kind: str
    provided: Provided
    params: Params
    nested: Sequence[Resolved] = ()

    @property
    def type(self) -> str:
        return self.provided.spec.name

    def make(self, context: Any) -> Any:
        """The component itself. Raises PluginError where its class lacks a method that its contract asks for."""
        return made(self.provided, self.provided.spec.build, self.params, context)  # type: ignore[attr-defined]

    def to_json(self) -> dict[str, Any]:
        """The component's section with every default written out."""
        return {"type": self.type, **self.params.model_dump(mode="json", by_alias=True)}

    def walk(self) -> list[Resolved]:
        """This component and every one inside it."""
        return [self, *(deeper for inner in self.nested for deeper in inner.walk())]


def made(provided: Provided, component: Any, params: Params, context: Any) -> Any:
    """``component(params, context)``. Raises PluginError where that is a class with methods still to be written."""
    missing = sorted(getattr(loaded(component), "__abstractmethods__", ()))
    if missing:
        name = getattr(loaded(component), "__qualname__", component)
        raise PluginError(
            f"contract: {name}, of the {provided.spec.kind} '{provided.spec.name}' of {provided.distribution} "
            f"{provided.version}, lacks what its contract asks for: {', '.join(missing)}"
        )
    return component(params, context)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedHead:
    """A head and its loss; ``loss`` is None for a head that computes its own."""

    name: str
    head: Resolved
    loss: Resolved | None

    def to_json(self) -> dict[str, Any]:
        section = self.head.to_json()
        return section if self.loss is None else {**section, "loss": self.loss.to_json()}


def watchable(heads: Mapping[str, ResolvedHead]) -> list[str]:
    """The names of the heads that a detector can watch: those that give one label per sentence, by themselves."""
    specs: dict[str, Any] = {name: entry.head.provided.spec for name, entry in heads.items()}
    return [n for n, entry in heads.items() if specs[n].one_label and not specs[n].reads(entry.head.params)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """All that a run needs. ``reader`` is None for ``auto``, ``detector`` where there is none. Relative paths start at
    ``base_dir``. ``implied`` says which of ``heads`` and ``detector`` the file leaves to the defaults."""

    name: str
    base_dir: Path
    data: DataConfig
    reader: Resolved | None
    backbone: Resolved
    heads: Mapping[str, ResolvedHead]
    balancing: Resolved
    sampler: Resolved
    freezing: Resolved
    detector: Resolved | None
    callbacks: Sequence[Resolved]
    training: TrainingConfig
    decoding: DecodingConfig
    registry: Registry
    implied: frozenset[str] = frozenset()
    recipe: str = "auto"

    def components(self) -> list[Resolved]:
        """Every resolved component, those inside others included, for listing who provides what."""
        parts = [self.backbone, self.balancing, self.sampler, self.freezing, *self.callbacks]
        for entry in self.heads.values():
            parts += [entry.head] if entry.loss is None else [entry.head, entry.loss]
        parts += [part for part in (self.detector, self.reader) if part is not None]
        return [component for part in parts for component in part.walk()]

    @property
    def watched(self) -> str | None:
        """The head that the detector watches; None where there is no detector."""
        if self.detector is None:
            return None
        params = self.detector.params
        assert isinstance(params, DetectorParams), "the registry has made sure"
        return params.head or watchable(self.heads)[0]

    def path(self, relative: str) -> Path:
        """A path of the pipeline, seen from the folder of pipeline.json."""
        return locate(self.base_dir, relative)

    def to_json(self) -> dict[str, Any]:
        """The resolved pipeline: a valid pipeline.json with every default written out."""
        return {
            "name": self.name,
            "data": {
                **self.data.model_dump(mode="json", exclude={"reader"}),
                "reader": {"type": AUTO} if self.reader is None else self.reader.to_json(),
            },
            "backbone": self.backbone.to_json(),
            "heads": {name: entry.to_json() for name, entry in self.heads.items()},
            "balancing": self.balancing.to_json(),
            "sampler": self.sampler.to_json(),
            "freezing": self.freezing.to_json(),
            "detector": None if self.detector is None else self.detector.to_json(),
            "training": {
                **self.training.model_dump(mode="json", exclude={"callbacks"}),
                "callbacks": [callback.to_json() for callback in self.callbacks],
            },
            "decoding": self.decoding.model_dump(mode="json"),
            "recipe": self.recipe,
        }


# --- heads that read others -------------------------------------------------------------------------------------------


def reading_order(reads: Mapping[str, Sequence[str]]) -> list[str]:
    """The heads, each after those that it reads, else in the order given. Raises ConfigError where there is none."""
    problems = reading_problems(reads)
    if problems:
        raise ConfigError(problems)
    return _placed(reads)


def reading_problems(reads: Mapping[str, Sequence[str]]) -> list[Problem]:
    """Heads that are read and are not there, or that wait for each other."""
    problems = [
        Problem(
            f"heads.{name}",
            f"reads the predictions of the head '{other}', which the pipeline does not have",
            did_you_mean(other, reads) + f"heads: {', '.join(reads)}",
        )
        for name, others in reads.items()
        for other in others
        if other not in reads
    ]
    if problems:
        return problems
    waiting = [name for name in reads if name not in _placed(reads)]
    if not waiting:
        return []
    said = f"these heads wait for each other's predictions: {', '.join(waiting)}"
    return [Problem(f"heads.{waiting[0]}", said, "let one of them read another head, or none")]


def _placed(reads: Mapping[str, Sequence[str]]) -> list[str]:
    """As many heads as can be put into an order."""
    placed: list[str] = []
    while ready := [name for name in reads if name not in placed and set(reads[name]) <= set(placed)]:
        placed.append(ready[0])
    return placed
