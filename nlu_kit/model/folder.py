"""The model folder: self-contained, relocatable, nothing pickled, every file under a SHA-256 manifest.

Written beside and renamed, so that it is never half there. See docs/architecture.md for what each file is.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nlu_kit import __version__
from nlu_kit.config.pipeline import Pipeline, Resolved
from nlu_kit.data.labels import LabelSpace
from nlu_kit.errors import ModelError
from nlu_kit.files import sha256
from nlu_kit.model.card import model_card
from nlu_kit.model.protocols import Codec
from nlu_kit.model.scope import Scope, ScopeSettings, save_arrays
from nlu_kit.registry import Registry

FORMAT = 1
BACKBONE, WEIGHTS, MANIFEST, DESCRIPTION = "backbone", "model.safetensors", "manifest.json", "model.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """How the model came about: sizes of the splits and figures by ``head.metric`` in [0, 1].

    ``confidence`` has the figures on calibration and on what is out of scope, by split.
    """

    sizes: Mapping[str, int]
    dev: Mapping[str, float]
    test: Mapping[str, float]
    best_epoch: int
    precision: str
    confidence: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def save_model(
    folder: Path,
    *,
    pipeline: Pipeline,
    model: Any,
    codecs: Mapping[str, Codec],
    info: ModelInfo,
    states: Mapping[str, Mapping[str, Any]] | None = None,
    scope: Scope | None = None,
) -> None:
    """Write a new model folder. ``model`` is an NluModel; ``states`` are its codecs' (when absent, those of an
    uncalibrated model). Raises ModelError where the folder exists already."""
    from safetensors.torch import save_model as save_weights

    if folder.exists():
        raise ModelError(f"{folder} exists already")
    temporary = folder.with_name(f".{folder.name}-writing")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
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
            "states": states or {name: dict(head.codec_state()) for name, head in model.heads.items()},
            "detector": None if scope is None else asdict(scope.settings),
            "training": {
                "sizes": dict(info.sizes),
                "dev": dict(info.dev),
                "test": dict(info.test),
                "best_epoch": info.best_epoch,
                "precision": info.precision,
                "confidence": {split: dict(figures) for split, figures in info.confidence.items()},
            },
        }
        _write(temporary / DESCRIPTION, description)
        _write(temporary / "pipeline.json", pipeline.to_json())
        # safetensors lets only the owner read what it writes; the other files have the mode of the user's umask.
        for file in temporary.glob("*.safetensors"):
            file.chmod((temporary / DESCRIPTION).stat().st_mode & 0o777)
        (temporary / "README.md").write_text(model_card(description, pipeline), encoding="utf-8")
        files = sorted(file for file in temporary.rglob("*") if file.is_file())
        hashes = {file.relative_to(temporary).as_posix(): sha256(file) for file in files}
        _write(temporary / MANIFEST, {"sha256": hashes})
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedModel:
    """A verified model folder, before any weights are read: all that a runtime without torch needs too."""

    folder: Path
    name: str
    backbone: Resolved
    heads: Mapping[str, Resolved]
    labels: Mapping[str, LabelSpace]
    states: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    detector: Resolved | None = None
    scope: ScopeSettings | None = None

    @property
    def assets(self) -> Path:
        return self.folder / BACKBONE

    @property
    def weights(self) -> Path:
        return self.folder / WEIGHTS


def open_model(path: Path, registry: Registry) -> SavedModel:
    """Find, verify and describe a model. ``path`` is a model folder, or a run's folder.

    Raises ModelError where there is none, a file is damaged, or a plugin that built it is not installed.
    """
    folder = find_model(path)
    verify(folder)
    description = _read(folder / DESCRIPTION)
    if description.get("format") != FORMAT:
        raise ModelError(
            f"{folder} has format {description.get('format')}, this nlu-kit {__version__} reads {FORMAT}; it was "
            f"written by nlu-kit {description.get('nlu_kit')}: install that version, or train again"
        )
    pipeline = _read(folder / "pipeline.json")
    providers = {(entry["kind"], entry["type"]): entry for entry in description["providers"]}
    scope = description.get("detector")
    return SavedModel(
        folder=folder,
        name=description["name"],
        backbone=_resolve("backbone", pipeline["backbone"], providers, registry, folder),
        heads={
            name: _resolve("head", {k: v for k, v in section.items() if k != "loss"}, providers, registry, folder)
            for name, section in pipeline["heads"].items()
        },
        labels={name: LabelSpace(tuple(names)) for name, names in description["labels"].items()},
        states=description["states"],
        detector=_resolve("detector", pipeline["detector"], providers, registry, folder) if scope else None,
        scope=ScopeSettings(**scope) if scope else None,
    )


def find_model(path: Path) -> Path:
    """The model folder that ``path`` means: itself, or ``model`` inside a run's folder; follows ``runs/latest``."""
    if path.name == "latest" and path.is_file():  # a text file, where links are not allowed
        path = path.parent / path.read_text(encoding="utf-8").strip()
    for folder in (path, path / "model"):
        if (folder / DESCRIPTION).is_file():
            return folder
    if path.name == "latest" and not path.exists():
        raise ModelError(f"no trained model: {path} does not exist. Train one: nlu-kit train pipeline.json")
    if not path.exists():
        raise ModelError(f"there is no {path}: a model is a model folder or a run's folder, such as runs/latest")
    raise ModelError(f"{path} is not a model folder (it has no {DESCRIPTION}), nor a run's folder with one in it")


def verify(folder: Path) -> None:
    """Compare every file with the manifest. Raises ModelError naming each that is missing or differs."""
    hashes: dict[str, str] = _read(folder / MANIFEST).get("sha256", {})
    wrong = []
    for name, expected in hashes.items():
        file = folder / name
        if not file.is_file():
            wrong.append(f"{name} is missing")
        elif sha256(file) != expected:
            wrong.append(f"{name} has changed since it was written")
    missing = [name for name in (DESCRIPTION, WEIGHTS, "pipeline.json") if name not in hashes]
    wrong += [f"{name} is not in the manifest" for name in missing]
    if wrong:
        raise ModelError(f"the model in {folder} is damaged: {'; '.join(wrong)}. Restore it from a copy or train again")


def _provider(component: Resolved) -> dict[str, str]:
    provided = component.provided
    return {
        "kind": component.kind,
        "type": component.type,
        "distribution": provided.distribution,
        "version": provided.version,
    }


def _resolve(
    kind: str,
    section: Mapping[str, Any],
    providers: Mapping[tuple[str, str], Mapping[str, str]],
    registry: Registry,
    folder: Path,
) -> Resolved:
    """The installed component that a section of the stored pipeline needs."""
    type_name = section["type"]
    maker = providers.get((kind, type_name), {"distribution": "unknown", "version": "unknown"})
    built_with = f"{maker['distribution']}=={maker['version']}"
    provided = registry.find(kind, type_name)
    if provided is None:
        raise ModelError(
            f"the model in {folder} needs the {kind} '{type_name}', which is not there: pip install {built_with} "
            f"({registry.hint(kind, type_name)})"
        )
    try:
        params = provided.spec.params.model_validate({k: v for k, v in section.items() if k != "type"})
    except ValueError as error:
        raise ModelError(
            f"the {kind} '{type_name}' of {provided.distribution} {provided.version} does not take the parameters "
            f"that the model in {folder} was built with: pip install {built_with}\n{error}"
        ) from error
    return Resolved(kind=kind, provided=provided, params=params)


def _read(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} can't be read: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{file} is not a JSON object")
    return value


def _write(file: Path, value: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
