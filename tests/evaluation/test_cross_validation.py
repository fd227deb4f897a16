"""Folds: a partition, stratified, with equal texts together."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.config.check import load_pipeline
from nlu_kit.data.example import Entity, Example
from nlu_kit.errors import DataError
from nlu_kit.evaluation.cross_validation import fold_corpus, stratified


def example(text: str, intent: str = "a", entities: bool = False) -> Example:
    found = (Entity(start=0, end=1, label="x"),) if entities else ()
    return Example(text=text, intent=intent, entities=found)


@given(
    texts=st.lists(st.sampled_from([f"{letter}{number}" for letter in "aAbc" for number in range(8)]), min_size=6),
    folds=st.integers(2, 5),
    seed=st.integers(0, 3),
)
def test_every_utterance_is_held_out_once_and_twins_stay_together(texts: list[str], folds: int, seed: int) -> None:
    examples = [example(text, intent=text[0].lower()) for text in texts]
    different = len({text.lower() for text in texts})
    if different < folds:
        with pytest.raises(DataError, match="set a smaller --folds"):
            stratified(examples, folds=folds, seed=seed)
        return
    found = stratified(examples, folds=folds, seed=seed)
    assert sorted(position for fold in found for position in fold) == list(range(len(texts)))
    assert all(fold == sorted(fold) and fold for fold in found)
    where = {}
    for number, fold in enumerate(found):
        for position in fold:
            assert where.setdefault(texts[position].lower(), number) == number


def test_intents_and_entities_are_spread_evenly() -> None:
    examples = [example(f"{i}", intent="ab"[i % 2], entities=i % 4 < 2) for i in range(40)]
    for fold in stratified(examples, folds=5, seed=1):
        kinds = Counter((examples[i].intent, bool(examples[i].entities)) for i in fold)
        assert set(kinds.values()) == {2}
        assert len(kinds) == 4


def test_the_same_seed_gives_the_same_folds() -> None:
    examples = [example(f"{i}") for i in range(30)]
    assert stratified(examples, folds=3, seed=1) == stratified(examples, folds=3, seed=1)
    assert stratified(examples, folds=3, seed=1) != stratified(examples, folds=3, seed=2)


def test_a_fold_of_a_pipeline(write_pipeline: Any, tmp_path: Any) -> None:
    pipeline = load_pipeline(write_pipeline(tmp_path, data={"dev_fraction": 0.1}))
    held = [fold_corpus(pipeline, folds=3, fold=fold) for fold in (1, 2, 3)]
    assert sum(len(corpus.test) for corpus in held) == 57 + 19  # train and dev, not test
    for corpus in held:
        assert len(corpus.train) + len(corpus.dev) + len(corpus.test) == 76
        assert corpus.dev
        seen = {example.text for example in [*corpus.train, *corpus.dev]}
        assert not seen & {example.text for example in corpus.test}


def test_a_fold_that_is_too_small_for_a_dev_set_trains_on_all_but_the_fold(write_pipeline: Any, tmp_path: Any) -> None:
    corpus = fold_corpus(load_pipeline(write_pipeline(tmp_path)), folds=3, fold=1)
    assert (len(corpus.train) + len(corpus.test), list(corpus.dev)) == (76, [])
