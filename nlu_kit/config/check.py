"""Validate a raw pipeline against the schema and the installed plugins; every problem is reported, not just one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlu_kit.config.components import ComponentResolver
from nlu_kit.config.load import apply_overrides, fill_types, read_json_object
from nlu_kit.config.pipeline import AUTO, Pipeline, Resolved, ResolvedHead, locate, reading_problems, watchable
from nlu_kit.config.schema import PipelineConfig
from nlu_kit.errors import ConfigError, Problem, did_you_mean
from nlu_kit.plugin.contracts import DetectorParams
from nlu_kit.plugin.specs import HeadSpec, LossSpec
from nlu_kit.registry import Registry


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
    if isinstance(raw, Mapping) and isinstance(raw.get("base"), str):
        base_dir = locate(base_dir, raw["base"])
    pipeline = checker.pipeline(raw, base_dir)
    if check_files and isinstance(raw, Mapping):
        checker.files(raw.get("data"), base_dir)
    if checker.problems or pipeline is None:
        # The frame and the component walk may both object to one place; the walk, which comes later, knows more.
        unique = {problem.path: problem for problem in checker.problems}
        raise ConfigError(list(unique.values()), source=source)
    return pipeline


class _Checker(ComponentResolver):
    """Walks the raw pipeline once and collects problems; a part that is wrong comes back as None."""

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
            decoding=config.decoding,
            recipe=config.recipe,
            registry=self.registry,
            implied=frozenset(key for key in ("heads", "detector") if frame.get(key) is None),
        )

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


def _present(part: Resolved | None) -> Resolved:
    assert part is not None, "a missing part has left a problem"
    return part
