"""Read a pipeline's splits with the right reader; split dev off train where there is none."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.data.example import Example
from nlu_kit.data.scope import mark_out_of_scope
from nlu_kit.errors import DataError
from nlu_kit.specs import ReaderSpec


@dataclass(frozen=True, slots=True)
class Corpus:
    """``test`` is empty where the pipeline names none; ``dev_from_train`` tells that dev was split off train."""

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
    kept, dev = split(train, fraction=data.dev_fraction, seed=pipeline.training.seed)
    return Corpus(kept, dev, test, dev_from_train=True)


def read_examples(pipeline: Pipeline, path: Path) -> list[Example]:
    """Every example of one file or folder, those out of scope marked.

    Raises DataError where it is missing, unrecognised or empty.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; data paths in pipeline.json start at the folder of that file")
    if pipeline.reader is not None:
        examples = list(pipeline.reader.provided.spec.read(pipeline.reader.params, path))  # type: ignore[attr-defined]
    else:
        spec = _detect(pipeline, path)
        examples = list(spec.read(spec.params(), path))
    if not examples:
        raise DataError(f"{path} holds no examples")
    return mark_out_of_scope(examples, pipeline.data.out_of_scope)


def _detect(pipeline: Pipeline, path: Path) -> ReaderSpec[Any]:
    specs: list[Any] = [provided.spec for provided in pipeline.registry.all("reader")]
    willing = [spec for spec in specs if spec.detect(path)]
    if len(willing) != 1:
        claim = "several readers recognise" if willing else "no installed reader recognises"
        names = ", ".join(spec.name for spec in (willing or specs)) or "none"
        raise DataError(f"{claim} {path}; set data.reader to one of: {names}")
    spec: ReaderSpec[Any] = willing[0]
    return spec


def split(examples: Sequence[Example], *, fraction: float, seed: int) -> tuple[list[Example], list[Example]]:
    """(kept, split off): a seeded share of every intent, by largest remainders; each intent stays in what is kept.

    Raises DataError where nothing can be split off.
    """
    by_intent: dict[tuple[str | tuple[str, ...] | None, bool], list[int]] = defaultdict(list)
    for position, example in enumerate(examples):
        by_intent[example.intent, example.out_of_scope].append(position)
    groups = list(by_intent.values())
    takes = [min(int(fraction * len(group)), len(group) - 1) for group in groups]
    open_shares = round(fraction * len(examples)) - sum(takes)
    by_remainder = sorted(range(len(groups)), key=lambda i: fraction * len(groups[i]) % 1, reverse=True)
    for i in [i for i in by_remainder if takes[i] < len(groups[i]) - 1][: max(open_shares, 0)]:
        takes[i] += 1
    generator = random.Random(seed)
    chosen = {i for group, take in zip(groups, takes, strict=True) for i in generator.sample(group, take)}
    if not chosen:
        raise DataError(f"{len(examples)} examples are too few to split a dev set off; set data.dev")
    kept = [example for position, example in enumerate(examples) if position not in chosen]
    return kept, [examples[position] for position in sorted(chosen)]
