"""Which words are hidden: whole words or spans, as many as were asked for, and nothing beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlu_kit.data.labels import IGNORE
from nlu_kit.errors import ModelError
from nlu_kit_objectives.masking import LABELS, LEFT, PLACE, RIGHT, Masker

WORDS = st.lists(st.sampled_from(["jazz", "table", "xylophone", "me", "Paris", "?"]), min_size=0, max_size=30)
QUIET = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def hidden_words(encoding: Any, labels: np.ndarray) -> set[int]:
    """The words that are to be guessed; each as a whole."""
    found = set()
    for number, word in enumerate(encoding.words):
        asked = labels[word.token : word.stop] != IGNORE
        assert asked.all() or not asked.any(), "a word is hidden as a whole"
        if asked.any():
            found.add(number)
    return found


@QUIET
@given(words=WORDS, seed=st.integers(0, 999))
def test_whole_words_are_hidden(words: list[str], seed: int, context: Any) -> None:
    encoding = context.tokenizer.encode([" ".join(words)])[0]
    masker = Masker(context, share=0.3)
    item = masker.words(encoding, np.random.default_rng(seed))
    ids, labels = np.array(item.encodings[0].ids), item.targets[LABELS]
    original = np.array(encoding.ids)
    assert (labels[labels != IGNORE] == original[labels != IGNORE]).all()
    assert (ids[labels == IGNORE] == original[labels == IGNORE]).all(), "nothing else changes"
    found = hidden_words(encoding, labels)
    assert bool(found) == bool(encoding.words)
    hidden = int((labels != IGNORE).sum())
    assert hidden <= max(0.3 * len(encoding), max((w.stop - w.token for w in encoding.words), default=0))


@QUIET
@given(words=WORDS, seed=st.integers(0, 999), longest=st.integers(1, 5))
def test_spans_have_their_edges_and_places(words: list[str], seed: int, longest: int, context: Any) -> None:
    encoding = context.tokenizer.encode([" ".join(words)])[0]
    item = Masker(context, share=0.5).spans(encoding, np.random.default_rng(seed), stop=0.2, longest=longest)
    labels = item.targets[LABELS]
    hidden_words(encoding, labels)
    for token in np.flatnonzero(labels != IGNORE):
        left, right, place = (int(item.targets[name][token]) for name in (LEFT, RIGHT, PLACE))
        assert left < token < right
        assert place == token - left - 1
        assert (labels[left + 1 : right] != IGNORE).all()
        assert labels[left] == labels[right] == IGNORE, "the edges can be seen"
        inside = [word for word in encoding.words if left < word.token < right]
        assert 1 <= len(inside) <= longest


def test_most_become_the_mask_some_are_others_and_some_stay(context: Any) -> None:
    masker = Masker(context, share=0.5)
    encoding = context.tokenizer.encode(["jazz table me Paris wake alarm"])[0]
    fates = {"mask": 0, "same": 0, "other": 0}
    for seed in range(2000):
        item = masker.words(encoding, np.random.default_rng(seed))
        token = int(np.flatnonzero(item.targets[LABELS] != IGNORE)[0])
        became = item.encodings[0].ids[token]
        kind = "mask" if became == masker.mask_id else "same" if became == encoding.ids[token] else "other"
        fates[kind] += 1
    assert fates["mask"] / 2000 == pytest.approx(0.8, abs=0.04)
    assert fates["same"] / 2000 == pytest.approx(0.1, abs=0.03)
    assert fates["other"] / 2000 == pytest.approx(0.1, abs=0.03)


def test_random_tokens_are_pieces_of_the_vocabulary(context: Any) -> None:
    masker = Masker(context, share=0.5)
    assert masker.mask_id == 4
    assert {2, 3, 4}.isdisjoint(masker.random_ids.tolist()), "[CLS], [SEP] and [MASK]"


def test_a_tokenizer_without_a_mask_is_refused(context: Any) -> None:
    context.tokenizer.__dict__["mask_id"] = None
    try:
        with pytest.raises(ModelError, match="'mine': the encoder's tokenizer has no mask token"):
            Masker(context, share=0.15)
    finally:
        del context.tokenizer.__dict__["mask_id"]
