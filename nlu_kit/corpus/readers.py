"""Which reader reads a path: one that is named, or the one that recognises it, the model's own first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlu_kit.config.components import resolve_component
from nlu_kit.config.pipeline import AUTO, Resolved
from nlu_kit.errors import DataError, ModelError
from nlu_kit.files import JsonError, parse_json, read_json
from nlu_kit.params import Params
from nlu_kit.plugin.specs import ReaderSpec
from nlu_kit.registry import Registry

Chosen = tuple[ReaderSpec[Any], Params]


def named_reader(text: str, registry: Registry) -> Chosen:
    """``jsonl``, or ``{"type": "csv", "separator": ";"}``, as ``--reader`` takes it.

    Raises DataError for what is no JSON, ConfigError for what is no reader, or not its parameters.
    """
    section: Any = {"type": text}
    if text.lstrip().startswith("{"):
        try:
            section = parse_json(text)
        except JsonError as error:
            raise DataError(f"--reader: {error}") from error
    return _chosen(resolve_component(registry, "reader", section, path="--reader"))


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
    if registry.find("reader", str(section["type"])) is None:
        return None
    return _chosen(resolve_component(registry, "reader", dict(section), path="data.reader"))


def data_section(file: Path) -> Mapping[str, Any]:
    """``data`` of a pipeline file; empty where there is no such file. Raises ModelError for one that can't be read."""
    if not file.is_file():
        return {}
    try:
        data = read_json(file)["data"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file} can't be read as a pipeline: {error}") from error
    return data if isinstance(data, Mapping) else {}


def _chosen(reader: Resolved) -> Chosen:
    spec: Any = reader.provided.spec
    return spec, reader.params
