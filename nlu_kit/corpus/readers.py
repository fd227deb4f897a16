"""Which reader reads a path: one that is named, or the one that recognises it, the model's own first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nlu_kit.config.pipeline import AUTO
from nlu_kit.errors import DataError, ModelError
from nlu_kit.files import JsonError, parse_json, read_json
from nlu_kit.params import Params
from nlu_kit.plugin.specs import ReaderSpec
from nlu_kit.registry import Registry

Chosen = tuple[ReaderSpec[Any], Params]


def named_reader(text: str, registry: Registry) -> Chosen:
    """``jsonl``, or ``{"type": "csv", "separator": ";"}``, as ``--reader`` takes it.

    Raises DataError or PluginError.
    """
    section: Any = {"type": text}
    if text.lstrip().startswith("{"):
        try:
            section = parse_json(text)
        except JsonError as error:
            raise DataError(f"--reader: {error}") from error
    name = section.get("type")
    if not isinstance(name, str):
        raise DataError('--reader has no "type": write a name such as jsonl, or {"type": "jsonl", …}')
    return _built(section, registry.get("reader", name).spec)


def recognising_reader(path: Path, model: Path, registry: Registry) -> Chosen | None:
    """The reader that recognises ``path``: the one of the pipeline in the model folder ``model``, if it does, with its
    parameters. None where none does. Raises DataError where several do."""
    specs: list[Any] = [entry.spec for entry in registry.all("reader")]
    willing = [spec for spec in specs if spec.detect(path)]
    own = models_reader(model, registry)
    if own is not None and own[0] in willing:
        return own
    if len(willing) > 1:
        names = ", ".join(spec.name for spec in willing)
        raise DataError(f"several readers recognise {path}; say which with --reader, one of: {names}")
    return (willing[0], willing[0].params()) if willing else None


def models_reader(model: Path, registry: Registry) -> Chosen | None:
    """The reader that the model's pipeline names, with its parameters; None where it names none that is installed."""
    section = data_section(model / "pipeline.json").get("reader")
    if not isinstance(section, Mapping) or section.get("type", AUTO) == AUTO:
        return None
    provided = registry.find("reader", str(section["type"]))
    return None if provided is None else _built(section, provided.spec)


def data_section(file: Path) -> Mapping[str, Any]:
    """``data`` of a pipeline file; empty where there is no such file. Raises ModelError for one that can't be read."""
    if not file.is_file():
        return {}
    try:
        data = read_json(file)["data"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file} can't be read as a pipeline: {error}") from error
    return data if isinstance(data, Mapping) else {}


def _built(section: Mapping[str, Any], spec: Any) -> Chosen:
    try:
        params = spec.params.model_validate({key: value for key, value in section.items() if key != "type"})
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'parameters'}: {e['msg']}" for e in error.errors())
        known = ", ".join(spec.params.model_fields) or "none"
        raise DataError(f"the reader '{spec.name}' does not take these parameters: {said}. It has: {known}") from error
    return spec, params
