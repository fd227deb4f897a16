"""Which reader reads a corpus."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nlu_kit.plugin import Component, DataError, Example
from nlu_kit.registry import Registry


def read(path: Path, reader: str | None, registry: Registry) -> Iterable[Example]:
    """The examples of ``path``, read as ``reader`` says (a name, or JSON with parameters), else by the one that
    recognises it. Raises DataError or PluginError where there is no such thing."""
    if not path.exists():
        raise DataError(f"there is no file or folder {path}")
    spec, options = _recognised(path, registry) if reader is None else _named(reader, registry)
    try:
        params = spec.params.model_validate_json(json.dumps(options), strict=True)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))
        raise DataError(f"the reader '{spec.name}' does not take these parameters: {said}") from None
    examples: Iterable[Example] = spec.read(params, path)
    return examples


def _named(reader: str, registry: Registry) -> tuple[Any, dict[str, Any]]:
    try:
        section = Component.model_validate(json.loads(reader) if reader.lstrip().startswith("{") else reader)
    except ValueError as error:  # broken JSON, or an object without type
        raise DataError(
            f'--reader is a name, or JSON such as {{"type": "csv", "text": "utterance"}}: {error}'
        ) from None
    return registry.get("reader", section.type).spec, section.options


def _recognised(path: Path, registry: Registry) -> tuple[Any, dict[str, Any]]:
    specs: list[Any] = [provided.spec for provided in registry.all("reader")]
    willing = [spec for spec in specs if spec.detect(path)]
    if len(willing) != 1:
        claim = "several readers recognise" if willing else "no installed reader recognises"
        names = ", ".join(spec.name for spec in willing or specs)
        raise DataError(f"{claim} {path}; say which with --reader, one of: {names}")
    return willing[0], {}
