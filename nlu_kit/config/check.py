"""Validate a raw pipeline against the schema and the installed plugins; every problem is reported, not just one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from nlu_kit.config.defaults import fill_types
from nlu_kit.config.load import apply_overrides, read_json_object
from nlu_kit.config.nested import nested_fields
from nlu_kit.config.pipeline import AUTO, Pipeline, Resolved, ResolvedHead, locate, watchable
from nlu_kit.config.reading import reading_problems
from nlu_kit.config.schema import PipelineConfig
from nlu_kit.errors import ConfigError, PluginError, Problem, did_you_mean
from nlu_kit.params import Component
from nlu_kit.plugin.contracts import DetectorParams
from nlu_kit.plugin.specs import HeadSpec, LossSpec
from nlu_kit.registry import Provided, Registry


def load_pipeline(
    file: str | Path, *, overrides: Sequence[str] = (), registry: Registry | None = None, check_files: bool = False
) -> Pipeline:
    """Read, override, check and resolve a pipeline file. With ``check_files``, a missing data file is a problem too.

    Raises ConfigError with every problem found, PluginError for plugins that clash.
    """
    file = Path(file)
    if file.is_dir():
        file = file / "pipeline.json"
    raw = apply_overrides(read_json_object(file), overrides)
    return resolve(raw, base_dir=file.parent, registry=registry, source=str(file), check_files=check_files)


def resolve(
    raw: Mapping[str, Any],
    *,
    base_dir: Path,
    registry: Registry | None = None,
    source: str = "",
    check_files: bool = False,
) -> Pipeline:
    """Check a pipeline given as a mapping. Raises ConfigError with every problem found."""
    checker = _Checker(registry if registry is not None else Registry.load())
    pipeline = checker.pipeline(raw, base_dir)
    if check_files and isinstance(raw, Mapping):
        checker.files(raw.get("data"), base_dir)
    if checker.problems or pipeline is None:
        # The frame and the component walk may both object to one place; the walk, which comes later, knows more.
        unique = {problem.path: problem for problem in checker.problems}
        raise ConfigError(list(unique.values()), source=source)
    return pipeline


class _Checker:
    """Walks the raw pipeline once and collects problems; a part that is wrong comes back as None."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.problems: list[Problem] = []

    def pipeline(self, raw: Mapping[str, Any], base_dir: Path) -> Pipeline | None:
        raw = fill_types(raw, self.registry) if isinstance(raw, Mapping) else raw
        config = self.validate(PipelineConfig, raw, "")
        # Components are checked even when the frame is wrong, so that one run shows everything.
        frame = raw if isinstance(raw, Mapping) else {}
        parts = {
            kind: self.part(frame.get(kind), kind, kind) for kind in ("backbone", "balancing", "sampler", "freezing")
        }
        heads = self.heads(frame.get("heads"))
        detector = self.detector(frame, heads)
        data = frame.get("data")
        reader = self.reader(data.get("reader") if isinstance(data, Mapping) else None)
        training = frame.get("training")
        raw_callbacks = training.get("callbacks") if isinstance(training, Mapping) else None
        callbacks = [
            self.component(section, "callback", f"training.callbacks.{position}")
            for position, section in enumerate(raw_callbacks if isinstance(raw_callbacks, list) else [])
        ]
        self.monitor(training.get("monitor") if isinstance(training, Mapping) else None, frame.get("heads"), heads)
        if self.problems or config is None or heads is None:
            return None
        return Pipeline(
            name=config.name,
            base_dir=base_dir,
            data=config.data,
            reader=reader,
            backbone=_present(parts["backbone"]),
            heads=heads,
            balancing=_present(parts["balancing"]),
            sampler=_present(parts["sampler"]),
            freezing=_present(parts["freezing"]),
            detector=detector,
            callbacks=[_present(callback) for callback in callbacks],
            training=config.training,
            registry=self.registry,
            implied=frozenset(key for key in ("heads", "detector") if frame.get(key) is None),
        )

    def part(self, raw: Any, kind: str, path: str) -> Resolved | None:
        """A component that may be absent: then the installed default of its kind."""
        if raw is not None:
            return self.component(raw, kind, path)
        try:
            return self.resolved(self.registry.default(kind), {}, path)
        except PluginError as error:
            self.problems.append(Problem(path, str(error)))
            return None

    def reader(self, raw: Any) -> Resolved | None:
        named = raw if isinstance(raw, str) else raw.get("type") if isinstance(raw, Mapping) else AUTO
        if named != AUTO:
            return self.component(raw, "reader", "data.reader")
        for key in raw if isinstance(raw, Mapping) else ():
            if key != "type":
                hint = 'name the reader that the parameter belongs to: {"type": "…"}'
                self.problems.append(Problem(f"data.reader.{key}", "the reader 'auto' takes no parameters", hint))
        return None

    def detector(self, frame: Mapping[str, Any], heads: Mapping[str, ResolvedHead] | None) -> Resolved | None:
        """The one that is named; where none is, the default, if it has a head to watch. ``null`` means none."""
        fitting = watchable(heads or {})
        if "detector" not in frame and fitting and self.registry.defaults("detector"):
            return self.part(None, "detector", "detector")
        if frame.get("detector") is None:
            return None
        detector = self.component(frame["detector"], "detector", "detector")
        if detector is None or heads is None or len(heads) < len(frame.get("heads") or ()):
            return detector  # a head that is wrong might have been the one
        params = detector.params
        assert isinstance(params, DetectorParams), "the registry has made sure"
        if params.head is not None and params.head not in fitting:
            hint = did_you_mean(params.head, fitting) + f"it can watch: {', '.join(fitting) or 'none of the heads'}"
            what = "gives more than one label per sentence, or none" if params.head in heads else "does not exist"
            self.problems.append(Problem("detector.head", f"the head '{params.head}' {what}", hint))
        elif not fitting:
            hint = "leave the detector out, or add a head such as intent"
            self.problems.append(Problem("detector", "there is no head with one label per sentence to watch", hint))
        return detector

    def files(self, data: Any, base_dir: Path) -> None:
        """Each path under ``data`` that leads nowhere is a problem."""
        for key in ("train", "dev", "test"):
            relative = data.get(key) if isinstance(data, Mapping) else None
            if isinstance(relative, str) and not os.path.exists(locate(base_dir, relative)):  # noqa: PTH110 - no OSError
                hint = f"paths start at the folder of pipeline.json: {base_dir.resolve()}"
                self.problems.append(Problem(f"data.{key}", f"there is no file or folder '{relative}'", hint))

    def heads(self, raw: Any) -> dict[str, ResolvedHead] | None:
        if raw is None:
            raw = {provided.spec.name: provided.spec.name for provided in self.registry.defaults("head")}
            if not raw:
                self.problems.append(Problem("heads", "the pipeline names no head and no installed head is a default"))
        if not isinstance(raw, Mapping):
            return None  # the schema has said so
        found = {name: self.head(name, section) for name, section in raw.items()}
        heads = {name: head for name, head in found.items() if head is not None}
        if len(heads) == len(found):  # a head that is wrong may be one that is read
            specs: dict[str, Any] = {name: entry.head.provided.spec for name, entry in heads.items()}
            self.problems += reading_problems({n: specs[n].reads(entry.head.params) for n, entry in heads.items()})
        return heads

    def head(self, name: str, raw: Any) -> ResolvedHead | None:
        path = f"heads.{name}"
        section = dict(raw) if isinstance(raw, Mapping) else {"type": raw}
        raw_loss = section.pop("loss", None)
        head = self.component(section, "head", path)
        if head is None:
            return None
        spec: HeadSpec[Any] = head.provided.spec  # type: ignore[assignment]
        if spec.produces == "own_loss":
            if raw_loss is not None:
                self.problems.append(
                    Problem(f"{path}.loss", f"the head '{head.type}' computes its own loss", "remove it")
                )
            return ResolvedHead(name=name, head=head, loss=None)
        if raw_loss is None and spec.default_loss is not None:
            raw_loss = spec.default_loss
        loss = self.part(raw_loss, "loss", f"{path}.loss")
        if loss is None:
            return None
        loss_spec: LossSpec[Any] = loss.provided.spec  # type: ignore[assignment]
        if spec.produces not in loss_spec.consumes:
            fitting = [p.spec.name for p in self.registry.all("loss") if spec.produces in p.spec.consumes]  # type: ignore[attr-defined]
            message = f"the loss '{loss.type}' does not take what the head '{head.type}' produces ({spec.produces})"
            self.problems.append(Problem(f"{path}.loss", message, f"losses that do: {', '.join(fitting) or 'none'}"))
            return None
        return ResolvedHead(name=name, head=head, loss=loss)

    def monitor(self, monitor: Any, raw_heads: Any, heads: Mapping[str, ResolvedHead] | None) -> None:
        """The head of ``head.metric`` must exist; whether the metric does is known once there are examples."""
        if not isinstance(monitor, str):
            return  # absent, or the schema has said so
        names = [str(name) for name in raw_heads] if isinstance(raw_heads, Mapping) else list(heads or ())
        head, _, metric = monitor.partition(".")
        if monitor not in ("mean", "exact_match") and (not metric or head not in names):
            allowed = ["mean", "exact_match", *(f"{name}.<metric>" for name in names)]
            close = did_you_mean(monitor, allowed[:2]) or did_you_mean(head, names)
            hint = close + f"allowed: {', '.join(allowed)}"
            self.problems.append(Problem("training.monitor", f"unknown score '{monitor}'", hint))

    def component(self, raw: Any, kind: str, path: str) -> Resolved | None:
        """One ``{"type": …}`` section, validated by the params class of its type."""
        if isinstance(raw, str):
            raw = {"type": raw}
        if not isinstance(raw, Mapping) or not isinstance(raw.get("type"), str):
            names = ", ".join(provided.spec.name for provided in self.registry.all(kind)) or "none"
            where = f"{path}.type" if isinstance(raw, Mapping) else path
            self.problems.append(Problem(where, f'a {kind} is {{"type": "…"}} or just its type', f"installed: {names}"))
            return None
        provided = self.registry.find(kind, raw["type"])
        if provided is None:
            hint = self.registry.hint(kind, raw["type"])
            self.problems.append(Problem(f"{path}.type", f"unknown {kind} '{raw['type']}'", hint))
            return None
        return self.resolved(provided, {key: value for key, value in raw.items() if key != "type"}, path)

    def resolved(self, provided: Provided, options: Mapping[str, Any], path: str) -> Resolved | None:
        kind, name = provided.spec.kind, provided.spec.name
        owner = f"{kind} '{name}' of {provided.distribution} {provided.version}"
        params = self.validate(provided.spec.params, options, path, owner=owner)
        if params is None:
            return None
        inside: list[Resolved | None] = []
        complete: dict[str, Any] = {}  # nested sections with their own defaults written out
        for field, nested_kind in nested_fields(type(params)).items():
            value = getattr(params, field)
            if isinstance(value, Component):
                parts = [self.nested(value, nested_kind, f"{path}.{field}")]
                complete[field] = _section(value, parts[0])
            else:
                sections = list(value or ())
                places = [f"{path}.{field}.{position}" for position in range(len(sections))]
                parts = [
                    self.nested(section, nested_kind, place) for section, place in zip(sections, places, strict=True)
                ]
                complete[field] = value and type(value)(map(_section, sections, parts))
            inside += parts
        nested = [part for part in inside if part is not None]
        if len(nested) < len(inside):
            return None
        return Resolved(kind=kind, provided=provided, params=params.model_copy(update=complete), nested=nested)

    def nested(self, section: Component, kind: str, path: str) -> Resolved | None:
        return self.component({"type": section.type, **section.options}, kind, path)

    def validate(self, model: type[BaseModel], raw: Any, path: str, *, owner: str = "") -> Any:
        """``model`` from ``raw``; on errors, None, with one problem for each.

        Strictly, and as JSON: ``"epochs": true`` or ``"3"`` is a mistake, while a list may still become a tuple.
        """
        try:
            return model.model_validate_json(json.dumps(raw, default=str), strict=True)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                self.problems.append(_problem(item, model, path, owner))
            return None


def _problem(item: Any, model: type[BaseModel], path: str, owner: str) -> Problem:
    location = [str(part) for part in item["loc"] if not str(part).startswith("function-")]
    where = ".".join([path, *location] if path else location)
    suffix = f" (of the {owner})" if owner else ""
    if item["type"] == "extra_forbidden":
        allowed = _fields_at(model, location[:-1])
        hint = did_you_mean(location[-1], allowed) + f"allowed: {', '.join(allowed) or 'nothing'}"
        return Problem(where, f"unknown key '{location[-1]}'{suffix}", hint)
    if item["type"] == "missing":
        return Problem(where, f"required, but missing{suffix}")
    got = repr(item["input"])
    got = got if len(got) <= 60 else got[:57] + "…"
    return Problem(where, f"got {got}{suffix}", item["msg"].removeprefix("Value error, "))


def _fields_at(model: type[BaseModel], location: Sequence[str]) -> list[str]:
    """The field names of the model that ``location`` leads to."""
    for name in location:
        field = next((f for n, f in model.model_fields.items() if name in (n, f.alias)), None)
        candidates = [field.annotation, *get_args(field.annotation)] if field else []
        inner = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _section(section: Component, part: Resolved | None) -> Component | None:
    """``section`` with the parameters of its component written out; a subclass of Component keeps its own fields."""
    own = {name: getattr(section, name) for name in type(section).model_fields}
    return None if part is None else type(section).model_validate({**part.to_json(), **own})


def _present(part: Resolved | None) -> Resolved:
    assert part is not None, "a missing part has left a problem"
    return part
