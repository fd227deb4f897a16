"""Which utterance is in which fold: stratified by intent and by carrying entities, equal texts together."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.corpus.read import Corpus, read_corpus, split
from nlu_kit.data.example import Example
from nlu_kit.errors import DataError


def fold_corpus(pipeline: Pipeline, *, folds: int, fold: int) -> Corpus:
    """The corpus of one fold, which counts from 1: what is held out is its test set.

    Train and dev are pooled; the pipeline's own test set is left alone. From what is not held out a new dev set is
    split off. The same for the same pipeline, data and seed. Raises DataError where there are too few utterances.
    """
    corpus = read_corpus(pipeline)
    pool = [*corpus.train, *corpus.dev]
    held = stratified(pool, folds=folds, seed=pipeline.training.seed)[fold - 1]
    inside = set(held)
    rest = [example for position, example in enumerate(pool) if position not in inside]
    train, dev = split(rest, fraction=pipeline.data.dev_fraction, seed=pipeline.training.seed)
    return Corpus(train, dev, [pool[position] for position in held], dev_from_train=True)


def stratified(examples: Sequence[Example], *, folds: int, seed: int) -> list[list[int]]:
    """Positions by fold, each in order. Utterances that differ in letter case only stay together: a model that has
    trained on a text need not have understood it.

    Raises DataError where there are fewer different texts than folds.
    """
    twins: dict[str, list[int]] = defaultdict(list)
    for position, example in enumerate(examples):
        twins[example.text.casefold().strip()].append(position)
    if len(twins) < folds:
        raise DataError(f"{len(twins)} different utterances can't be split into {folds} folds; set a smaller --folds")
    strata: dict[tuple[object, bool, bool], list[list[int]]] = defaultdict(list)
    for group in twins.values():
        first = examples[group[0]]
        strata[first.intent, bool(first.entities), first.out_of_scope].append(group)
    generator = random.Random(seed)
    found = [list[int]() for _ in range(folds)]
    for groups in strata.values():
        generator.shuffle(groups)
        own = [0] * folds
        for group in groups:  # to the fold that has fewest of this stratum, and of those to the smallest
            target = min(range(folds), key=lambda fold: (own[fold], len(found[fold])))
            own[target] += len(group)
            found[target] += group
    return [sorted(fold) for fold in found]
