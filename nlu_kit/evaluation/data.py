"""The utterances to evaluate on: a file or folder that some reader reads, or the test set that the model knows of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nlu_kit.arguments import a_path
from nlu_kit.config.pipeline import locate
from nlu_kit.corpus.read import (
    Chosen,
    data_section,
    models_reader,
    named_reader,
    read_with,
    recognising_reader,
    refuse_special,
    start_of_paths,
    unrecognised,
)
from nlu_kit.data.example import Example
from nlu_kit.errors import DataError
from nlu_kit.registry import Registry


@dataclass(frozen=True, slots=True)
class TestData:
    """At least one example, and where they are from."""

    path: Path
    examples: Sequence[Example]


def read_data(
    path: Path | None,
    *,
    model: Path,
    registry: Registry,
    reader: str | None = None,
    beside: Sequence[Path] = (),
    split: str = "test",
) -> TestData:
    """Read ``path``, or where it is None the ``split`` that the pipeline of the model folder ``model`` names.

    Out of scope is what that model's pipeline says, or the pipeline of a model folder in ``beside``. ``reader`` is a
    name, or JSON with parameters. Without one the reader that recognises the path is taken, the one of the model's
    pipeline first. Raises DataError, PluginError or ModelError for what is missing or can't be read.
    """
    model = a_path("model", model)
    place = named_split(model, split) if path is None else a_path("path", path)
    if not place.exists():
        raise DataError(f"there is no {place}: name a file or folder with annotated utterances")
    refuse_special(place)
    spec, params = named_reader(reader, registry) if reader is not None else _chosen(place, model, registry)
    intents = {intent for folder in (model, *beside) for intent in out_of_scope_intents(folder)}
    return TestData(place, read_with(spec, params, place, out_of_scope=intents))


def out_of_scope_intents(model: Path) -> list[str]:
    """The intents that are out of scope for the model, as its pipeline says."""
    intents = data_section(model / "pipeline.json").get("out_of_scope")
    return [intent for intent in intents if isinstance(intent, str)] if isinstance(intents, list) else []


def named_split(model: Path, split: str = "test") -> Path:
    """Where the test set (or dev) is that the model was trained beside. Raises DataError where none is named or
    found."""
    named = []
    # The run's copy of the pipeline says where its paths start; the model's own has them as they were.
    of_run = model.parent / "pipeline.json"
    for file, base in ((of_run, locate(model.parent, start_of_paths(of_run))), (model / "pipeline.json", Path())):
        test = data_section(file).get(split)
        if isinstance(test, str) and test:
            named.append(_short(locate(base, test)))
            if named[-1].exists():
                return named[-1]
    if not named:
        without = "; nlu-kit evaluate --folds 5 does without" if split == "test" else ""
        raise DataError(
            f"the model's pipeline names no {split} set; name the data, such as data/{split}.jsonl{without}"
        )
    raise DataError(f"the {split} set of the model's pipeline, {named[-1]}, is not there; name the data")


def _short(path: Path) -> Path:
    """Without "..", and seen from here where it is below."""
    path, here = path.resolve(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _chosen(path: Path, model: Path, registry: Registry) -> Chosen:
    """Raises DataError where no reader is to be had."""
    # What no reader recognises may still be what the model was trained on.
    chosen = recognising_reader(path, model, registry) or models_reader(model, registry)
    if chosen is None:
        raise DataError(unrecognised(path, registry, option="--reader"))
    return chosen
