"""The model folder: self-contained, relocatable, nothing pickled, every file under a SHA-256 manifest.

Written beside and renamed, so that it is never half there. See docs/architecture.md for what each file is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nlu_kit import __version__
from nlu_kit.assets import Assets, read_as
from nlu_kit.config.components import resolve_component
from nlu_kit.config.pipeline import Pipeline, Resolved
from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import ConfigError, ModelError
from nlu_kit.files import replacing, write_json
from nlu_kit.heads.codec import Codecs
from nlu_kit.model.card import model_card
from nlu_kit.model.description import Correction, Description, Provider, ScopeSettings, StoredPipeline
from nlu_kit.model.detector import Scope, save_arrays
from nlu_kit.model.manifest import check_files, read_manifest, write_manifest
from nlu_kit.params import Component
from nlu_kit.plugin.deferred import loaded
from nlu_kit.plugin.events import RunEnd
from nlu_kit.registry import Registry

FORMAT = 1
BACKBONE, WEIGHTS, DESCRIPTION, PIPELINE = "backbone", "model.safetensors", "model.json", "pipeline.json"


def save_model(
    folder: Path,
    *,
    pipeline: Pipeline,
    model: Any,
    codecs: Codecs,
    result: RunEnd,
    states: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    scope: Scope | None = None,
    examples: Sequence[str] = (),
    add: Callable[[Path], None] | None = None,
) -> None:
    """Write a new model folder. ``model`` is an NluModel; ``states`` are what its codecs were calibrated to; of
    ``result``, how the model came about is kept; ``examples`` are texts to try it with. ``add`` may write further files
    into it, beside the weights. Raises ModelError where the folder exists already."""
    from safetensors.torch import save_model as save_weights

    if folder.exists():
        raise ModelError(f"{folder} exists already")
    with replacing(folder, durable=True) as temporary:
        (temporary / BACKBONE).mkdir(parents=True)
        model.backbone.save_assets(temporary / BACKBONE)
        save_weights(model, str(temporary / WEIGHTS))
        if scope is not None:
            save_arrays(temporary, scope)
        description = {
            "format": FORMAT,
            "name": pipeline.name,
            "nlu_kit": __version__,
            "providers": [_provider(component) for component in pipeline.components()],
            "labels": {name: list(codec.labels.names) for name, codec in codecs.items()},
            "states": {name: dict(states.get(name, {})) for name in codecs},
            "corrections": {name: correction.model_dump() for name, correction in model.corrections.items()},
            "detector": None if scope is None else scope.settings.model_dump(),
            "examples": list(examples),
            "training": {
                "sizes": dict(result.sizes),
                "dev": dict(result.dev),
                "test": dict(result.test),
                "best_epoch": result.best_epoch,
                "precision": result.precision,
                "confidence": {split: dict(figures) for split, figures in result.confidence.items()},
            },
        }
        write_json(temporary / DESCRIPTION, description)
        write_json(temporary / PIPELINE, pipeline.to_json())
        # safetensors lets only the owner read what it writes; the other files have the mode of the user's umask.
        for file in temporary.glob("*.safetensors"):
            file.chmod((temporary / DESCRIPTION).stat().st_mode & 0o777)
        (temporary / "README.md").write_text(model_card(description, pipeline), encoding="utf-8")
        if add is not None:
            add(temporary)
        write_manifest(temporary)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedModel:
    """A verified model folder, before any weights are read: all that a runtime without torch needs too."""

    files: Assets
    name: str
    backbone: Resolved
    heads: Mapping[str, Resolved]
    labels: Mapping[str, LabelSpace]
    states: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    corrections: Mapping[str, Correction] = field(default_factory=dict)
    detector: Resolved | None = None
    scope: ScopeSettings | None = None

    @property
    def weights(self) -> Path:
        return self.files.folder / WEIGHTS


def open_model(path: Path, registry: Registry) -> SavedModel:
    """Find, verify and describe a model. ``path`` is a model folder, or a run's folder.

    Raises ModelError where there is none, a file is damaged or says what makes no sense, or a plugin that built it is
    not installed.
    """
    files = read_manifest(find_model(path))
    check_files(files, needed=(DESCRIPTION, WEIGHTS, PIPELINE), later=(WEIGHTS,))
    folder, raw = files.folder, files.json(DESCRIPTION)
    if raw.get("format") != FORMAT:
        raise ModelError(
            f"{folder} has format {str(raw.get('format'))[:40]}, this nlu-kit {__version__} reads {FORMAT}; it was "
            f"written by nlu-kit {str(raw.get('nlu_kit'))[:40]}: install that version, or train again"
        )
    description = read_as(Description, raw, folder / DESCRIPTION)
    pipeline = files.settings(PIPELINE, StoredPipeline)
    _check_names(description, pipeline, folder)
    providers = {(entry.kind, entry.type): entry for entry in description.providers}
    backbone = _resolve("backbone", pipeline.backbone, providers, registry, folder)
    heads = {name: _resolve("head", head, providers, registry, folder) for name, head in pipeline.heads.items()}
    detector = None
    if description.detector is not None and pipeline.detector is not None:
        detector = _resolve("detector", pipeline.detector, providers, registry, folder)
    return SavedModel(
        files=files,
        name=description.name,
        backbone=backbone,
        heads=heads,
        labels={name: LabelSpace(tuple(description.labels[name])) for name in heads},
        states={name: _state(name, head, description.states[name], folder) for name, head in heads.items()},
        corrections=description.corrections,
        detector=detector,
        scope=description.detector,
    )


def _check_names(description: Description, pipeline: StoredPipeline, folder: Path) -> None:
    """model.json and pipeline.json must speak of the same heads, and of a detector both or none."""
    for what, names in (("labels", description.labels), ("states", description.states)):
        if names.keys() != pipeline.heads.keys():
            heads = f"{', '.join(names) or 'none'}, and {PIPELINE} has {', '.join(pipeline.heads)}"
            raise ModelError(f"{folder / DESCRIPTION}: {what}: these are of the heads {heads}")
    for name, correction in description.corrections.items():
        if len(correction.offsets) != len(description.labels.get(name, ())):
            raise ModelError(f"{folder / DESCRIPTION}: corrections.{name}: it must have one offset for each label")
    scope = description.detector
    if "detector" not in description.model_fields_set and pipeline.detector is not None:
        raise ModelError(f"{folder / DESCRIPTION}: detector: required, for {PIPELINE} has one; null switches it off")
    if scope is None:
        return
    if pipeline.detector is None:
        raise ModelError(f"{folder / DESCRIPTION}: detector: {PIPELINE} has none")
    if not description.labels.get(scope.head):
        raise ModelError(f"{folder / DESCRIPTION}: detector.head: there is no head '{scope.head}' with labels")


def _state(name: str, head: Resolved, state: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What the codec kept, checked by the schema that it gives."""
    schema = getattr(loaded(head.provided.spec.codec), "State", None)  # type: ignore[attr-defined]
    if schema is not None:
        read_as(schema, state, folder / DESCRIPTION, f"states.{name}")
    return state


def find_model(path: Path) -> Path:
    """The model folder that ``path`` means: itself, or ``model`` inside a run's folder.

    Links (``runs/latest``) are followed here, once: what is read below the result is of one model, also where the link
    moves on meanwhile.
    """
    if path.name == "latest" and path.is_file():  # a text file, where links are not allowed
        path = path.parent / path.read_text(encoding="utf-8").strip()
    place = _followed(path)
    for folder in (place, place / "model"):
        if (folder / DESCRIPTION).is_file():
            return _followed(folder)
    if path.name == "latest" and not path.exists():
        raise ModelError(f"no trained model: {path} does not exist. Train one: nlu-kit train pipeline.json")
    if not path.exists():
        raise ModelError(f"there is no {path}: a model is a model folder or a run's folder, such as runs/latest")
    raise ModelError(f"{path} is not a model folder (it has no {DESCRIPTION}), nor a run's folder with one in it")


def _followed(path: Path) -> Path:
    """Without links; seen from here where it is below, as the user wrote it."""
    real, here = Path(os.path.realpath(path)), Path(os.path.realpath(os.curdir))
    return real.relative_to(here) if real.is_relative_to(here) and not path.is_absolute() else real


def _provider(component: Resolved) -> dict[str, str]:
    provided = component.provided
    return {
        "kind": component.kind,
        "type": component.type,
        "distribution": provided.distribution,
        "version": provided.version,
    }


def _resolve(
    kind: str, section: Component, providers: Mapping[tuple[str, str], Provider], registry: Registry, folder: Path
) -> Resolved:
    """The installed component that a section of the stored pipeline needs."""
    maker = providers.get((kind, section.type))
    built_with = "unknown" if maker is None else f"{maker.distribution}=={maker.version}"
    if registry.find(kind, section.type) is None:
        raise ModelError(
            f"the model in {folder} needs the {kind} '{section.type}', which is not there: pip install {built_with} "
            f"({registry.hint(kind, section.type)})"
        )
    options = {name: value for name, value in section.options.items() if (kind, name) != ("head", "loss")}
    try:
        return resolve_component(registry, kind, {"type": section.type, **options})
    except ConfigError as error:
        raise ModelError(
            f"{folder / PIPELINE}: the installed {kind} '{section.type}' does not take the parameters that the "
            f"model was built with: pip install {built_with}\n{error}"
        ) from error
