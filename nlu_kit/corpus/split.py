"""Dev, split off train where the pipeline names none; and whether a dev set is large enough to choose by."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Sequence

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.data.example import Example
from nlu_kit.errors import DataError
from nlu_kit.model.codecs import build_codecs, fit_heads

ENOUGH = 140
"""Examples of dev from which on it chooses the epoch. Where nine of ten are right, the share among so many is within
five points of the truth (95 %: 1.96 · sqrt(.9 · .1 / 140) = .0497), which is what the epochs around the best differ by.
From fewer, a choice is luck, and each of them would teach more than it tells."""

FRACTION = 0.1
"""Of train, where the pipeline does not say."""

LabelsOf = Callable[[Example], Collection[Hashable]]


def split_dev(pipeline: Pipeline, examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """(train, dev): the share that the pipeline wants, or by default a tenth, if that is ``ENOUGH``, else nothing.

    Raises DataError where a share is asked for, and there are too few examples for it.
    """
    fraction = pipeline.data.dev_fraction
    if fraction is None:
        if round(FRACTION * len(examples)) < ENOUGH and pipeline.training.model_selection != "best":
            return list(examples), []
        fraction = FRACTION
    return split(examples, fraction=fraction, seed=pipeline.training.seed, labels_of=_labels_of(pipeline, examples))


def split(
    examples: Sequence[Example], *, fraction: float, seed: int, labels_of: LabelsOf
) -> tuple[list[Example], list[Example]]:
    """(kept, split off): a seeded share of every intent, by largest remainders. What is kept has every intent and every
    label of ``labels_of`` that there was.

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
    labels = [frozenset(labels_of(example)) for example in examples]
    left = Counter(label for own in labels for label in own)
    chosen: set[int] = set()
    for group, take in zip(groups, takes, strict=True):
        wanted = take + len(chosen)
        for position in dict.fromkeys([*generator.sample(group, take), *group]):
            if len(chosen) < wanted and all(left[label] > 1 for label in labels[position]):
                chosen.add(position)
                left.subtract(labels[position])
    if not chosen:
        raise DataError(
            f"{len(examples)} examples are too few to split a dev set off, which takes none that is the only one of "
            "its intent or of another label: give more, set data.dev, or leave data.dev_fraction and "
            "training.model_selection out"
        )
    kept = [example for position, example in enumerate(examples) if position not in chosen]
    return kept, [examples[position] for position in sorted(chosen)]


def _labels_of(pipeline: Pipeline, examples: Sequence[Example]) -> LabelsOf:
    """What an example is annotated with, by all heads: (head, label)."""
    fitted = fit_heads(pipeline, examples)
    codecs = build_codecs({name: entry.head for name, entry in fitted.pipeline.heads.items()}, fitted.labels)
    return lambda example: {(name, label) for name, codec in codecs.items() for label in codec.labels_of(example)}
