"""Which texts share a batch: all of them do once, none carries much padding, and long ones are few."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from nlu_kit.model.compute import like_lengths


@settings(max_examples=300, deadline=None)
@given(lengths=st.lists(st.integers(2, 512), max_size=120), batch_size=st.integers(1, 64))
def test_batches(lengths: list[int], batch_size: int) -> None:
    batches = list(like_lengths(lengths, batch_size=batch_size))
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    ordered = [lengths[position] for batch in batches for position in batch]
    assert ordered == sorted(lengths)
    for batch in batches:
        tokens = [lengths[position] for position in batch]
        padded = len(tokens) * max(tokens)
        assert 1 <= len(batch) <= batch_size
        assert len(batch) == 1 or padded <= 32 * batch_size
        assert len(batch) == 1 or padded <= 1.5 * sum(tokens) + 128


@settings(max_examples=100, deadline=None)
@given(lengths=st.lists(st.integers(2, 512), max_size=120), batch_size=st.integers(1, 64))
def test_no_batch_ends_without_a_reason(lengths: list[int], batch_size: int) -> None:
    for batch, following in pairwise(like_lengths(lengths, batch_size=batch_size)):
        tokens = [lengths[position] for position in (*batch, following[0])]
        padded = len(tokens) * max(tokens)
        assert len(tokens) > batch_size or padded > 32 * batch_size or padded > 1.5 * sum(tokens) + 128


def test_short_sentences_fill_their_batches() -> None:
    """What most people send: eight to fourteen tokens."""
    lengths = [8 + n % 7 for n in range(96)]
    assert [len(batch) for batch in like_lengths(lengths, batch_size=32)] == [32, 32, 32]
