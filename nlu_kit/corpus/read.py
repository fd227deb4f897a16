"""Read data with the right reader: a pipeline's splits (dev split off train where it names none), or any path."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlu_kit.config.components import resolve_component
from nlu_kit.config.pipeline import AUTO, Pipeline, Resolved
from nlu_kit.corpus.split import split_dev
from nlu_kit.data.example import Entity, Example
from nlu_kit.data.out_of_scope import mark_out_of_scope
from nlu_kit.errors import DataError, ModelError
from nlu_kit.files import JsonError, open_regular, parse_json, read_json
from nlu_kit.params import Params
from nlu_kit.plugin.specs import ReaderSpec
from nlu_kit.registry import Registry

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Corpus:
    """``test`` is empty where the pipeline names none, ``dev`` where it names none and train is too small to split one
    off; ``dev_from_train`` tells that dev was split off train."""

    train: Sequence[Example]
    dev: Sequence[Example]
    test: Sequence[Example]
    dev_from_train: bool


def read_corpus(pipeline: Pipeline) -> Corpus:
    """All splits that the pipeline names. Raises DataError for a missing, broken or empty one."""
    data = pipeline.data
    train = read_examples(pipeline, pipeline.path(data.train))
    test = read_examples(pipeline, pipeline.path(data.test)) if data.test else []
    if data.dev:
        return Corpus(train, read_examples(pipeline, pipeline.path(data.dev)), test, dev_from_train=False)
    kept, dev = split_dev(pipeline, train)
    return Corpus(kept, dev, test, dev_from_train=bool(dev))


def read_examples(pipeline: Pipeline, path: Path) -> list[Example]:
    """Every example of one file or folder, those out of scope marked.

    Raises DataError where it is missing, unrecognised or empty.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; data paths in pipeline.json start at the folder of that file")
    refuse_special(path)
    registry, option = pipeline.registry, "data.reader"
    chosen = _chosen(pipeline.reader) if pipeline.reader else recognised(path, registry, option=option)
    if chosen is None:
        raise DataError(unrecognised(path, registry, option=option))
    return read_with(*chosen, path, out_of_scope=pipeline.data.out_of_scope)


def read_with(spec: ReaderSpec[Any], params: Params, path: Path, *, out_of_scope: Collection[str]) -> list[Example]:
    """Every example that a reader finds, checked, and those marked that are out of scope. Raises DataError where there
    is none, or where one holds what can't be written down."""
    examples = list(spec.read(params, path))
    if not examples:
        raise DataError(f"{path} holds no examples")
    for example in examples:
        _check_strings(example)
    return mark_out_of_scope(examples, out_of_scope)


def read_any(path: Path, registry: Registry) -> list[Example]:
    """Every example of a file or folder in any format that is installed. Raises DataError where it is missing,
    unrecognised or empty."""
    if not path.exists():
        raise DataError(f"{path} does not exist; paths start at the folder of the file that names them")
    refuse_special(path)
    chosen = recognised(path, registry, option="its name")
    if chosen is None:
        names = ", ".join(provided.spec.name for provided in registry.all("reader")) or "none, for none is installed"
        raise DataError(f"no installed reader recognises {path}; there are: {names}")
    return read_with(*chosen, path, out_of_scope=())


def refuse_special(path: Path) -> None:
    """Raises DataError for what is there, but is no file and no folder, or can't be opened: a pipe would be waited for,
    a device may never end."""
    if path.is_dir():
        return
    try:
        open_regular(path).close()
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}") from error


def _check_strings(example: Example) -> None:
    """Raises DataError where a text, a label or any other string has half a surrogate pair, whatever reader it is from:
    after all of training, a model with such a label could not be written."""
    parts: list[tuple[str, Any]] = [("text", example.text), ("intent", example.intent), ("entities", example.entities)]
    parts += [(name, (name, value)) for name, value in example.labels.items()]
    while parts:
        name, value = parts.pop()
        if isinstance(value, str):
            if not value.isascii() and (half := _SURROGATE.search(value)):
                raise DataError(
                    f"{example.source or ascii(example.text)}: {name!a} has half of a surrogate pair, "
                    f"{half.group()!a}, which stands for no character; write the character itself"
                )
        elif isinstance(value, Entity):
            parts += [(name, part) for part in (value.label, value.role, value.group, value.value)]
        elif isinstance(value, Mapping):
            parts += [(name, part) for item in value.items() for part in item]
        elif isinstance(value, (list, tuple)):
            parts += [(name, part) for part in value]


# --- which reader reads a path ----------------------------------------------------------------------------------------


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
    return _chosen(resolve_component(registry, "reader", section, path="--reader", where="on the command line"))


def recognised(path: Path, registry: Registry, *, option: str, own: Chosen | None = None) -> Chosen | None:
    """The reader that recognises ``path``: ``own``, if it does, with its parameters. None where none does.

    Raises DataError where several do; ``option`` is where one of them can be named.
    """
    specs: list[Any] = [entry.spec for entry in registry.all("reader")]
    willing = [spec for spec in specs if spec.detect(path)]
    if own is not None and own[0] in willing:
        return own
    if len(willing) > 1:
        names = ", ".join(spec.name for spec in willing)
        raise DataError(f"several readers recognise {path}; set {option} to one of: {names}")
    return (willing[0], willing[0].params()) if willing else None


def unrecognised(path: Path, registry: Registry, *, option: str) -> str:
    """What to say where none does."""
    names = ", ".join(provided.spec.name for provided in registry.all("reader")) or "none, for none is installed"
    return f"no installed reader recognises {path}; set {option} to one of: {names}"


def recognising_reader(path: Path, model: Path, registry: Registry) -> Chosen | None:
    """The same for a path that the command line names; the reader of the model folder ``model`` comes first."""
    return recognised(path, registry, option="--reader", own=models_reader(model, registry))


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


def start_of_paths(file: Path) -> str:
    """``base`` of a pipeline file: where its paths start, seen from its folder. Raises ModelError as above."""
    if not file.is_file():
        return ""
    try:
        base = read_json(file).get("base")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{file} can't be read as a pipeline: {error}") from error
    return base if isinstance(base, str) else ""


def _chosen(reader: Resolved) -> Chosen:
    spec: Any = reader.provided.spec
    return spec, reader.params
