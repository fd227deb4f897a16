"""The utterances to evaluate on: a file or folder that some reader reads, or the test set that the model knows of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nlu_kit.config.pipeline import AUTO, locate
from nlu_kit.data.corpus import read_with, refuse_special
from nlu_kit.data.example import Example
from nlu_kit.errors import DataError, ModelError, PluginError
from nlu_kit.files import JsonError, parse_json
from nlu_kit.registry import Registry
from nlu_kit.specs import Params, ReaderSpec


@dataclass(frozen=True, slots=True)
class TestData:
    """At least one example, and where they are from."""

    path: Path
    examples: Sequence[Example]


def read_data(
    path: Path | None, *, model: Path, registry: Registry, reader: str | None = None, beside: Sequence[Path] = ()
) -> TestData:
    """Read ``path``, or where it is None the test set that the pipeline of the model folder ``model`` names.

    Out of scope is what that model's pipeline says, or the pipeline of a model folder in ``beside``. ``reader`` is a
    name, or JSON with parameters. Without one the reader that recognises the path is taken, the one of the model's
    pipeline first. Raises DataError, PluginError or ModelError for what is missing or can't be read.
    """
    place = test_split(model) if path is None else path
    if not place.exists():
        raise DataError(f"there is no {place}: name a file or folder with annotated utterances")
    refuse_special(place)
    spec, params = _named(reader, registry) if reader is not None else _recognised(place, model, registry)
    intents = {intent for folder in (model, *beside) for intent in out_of_scope_intents(folder)}
    return TestData(place, read_with(spec, params, place, out_of_scope=intents))


def out_of_scope_intents(model: Path) -> list[str]:
    """The intents that are out of scope for the model, as its pipeline says."""
    intents = _data_section(model / "pipeline.json").get("out_of_scope")
    return [intent for intent in intents if isinstance(intent, str)] if isinstance(intents, list) else []


def test_split(model: Path) -> Path:
    """Where the test set is that the model was trained beside. Raises DataError where none is named or found."""
    named = []
    # The run's copy of the pipeline has paths seen from the run's folder; the model's own has them as they were.
    for file, base in ((model.parent / "pipeline.json", model.parent), (model / "pipeline.json", Path())):
        test = _data_section(file).get("test")
        if isinstance(test, str) and test:
            named.append(_short(locate(base, test)))
            if named[-1].exists():
                return named[-1]
    if not named:
        raise DataError("the model's pipeline names no test set; name the data: nlu-kit evaluate data/test.jsonl")
    raise DataError(f"the test set of the model's pipeline, {named[-1]}, is not there; name the data to evaluate on")


def _short(path: Path) -> Path:
    """Without "..", and seen from here where it is below."""
    path, here = path.resolve(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _data_section(file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    try:
        data = json.loads(file.read_text(encoding="utf-8"))["data"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file} can't be read as a pipeline: {error}") from error
    return data if isinstance(data, Mapping) else {}


def _named(text: str, registry: Registry) -> tuple[ReaderSpec[Any], Params]:
    """``jsonl``, or ``{"type": "csv", "separator": ";"}``."""
    section: Any = {"type": text}
    if text.lstrip().startswith("{"):
        try:
            section = parse_json(text)
        except JsonError as error:
            raise DataError(f"--reader: {error}") from None
    name = section.get("type")
    if not isinstance(name, str):
        raise DataError('--reader has no "type": write a name such as jsonl, or {"type": "jsonl", …}')
    return _built(section, registry.get("reader", name).spec)


def _built(section: Mapping[str, Any], spec: Any) -> tuple[ReaderSpec[Any], Params]:
    try:
        params = spec.params.model_validate({key: value for key, value in section.items() if key != "type"})
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'parameters'}: {e['msg']}" for e in error.errors())
        known = ", ".join(spec.params.model_fields) or "none"
        raise DataError(f"the reader '{spec.name}' does not take these parameters: {said}. It has: {known}") from error
    return spec, params


def _recognised(path: Path, model: Path, registry: Registry) -> tuple[ReaderSpec[Any], Params]:
    own = _data_section(model / "pipeline.json").get("reader")
    own = own if isinstance(own, Mapping) else {}
    provided = None if own.get("type", AUTO) == AUTO else registry.find("reader", str(own["type"]))
    specs: list[Any] = [entry.spec for entry in registry.all("reader")]
    willing = [spec for spec in specs if spec.detect(path)]
    if provided is not None and (not willing or provided.spec in willing):
        return _built(own, provided.spec)
    if len(willing) != 1:
        claim = "several readers recognise" if willing else "no installed reader recognises"
        names = ", ".join(spec.name for spec in (willing or specs))
        if not names:
            raise PluginError(f"no reader is installed, so {path} can't be read")
        raise DataError(f"{claim} {path}; say which with --reader, one of: {names}")
    return willing[0], willing[0].params()
