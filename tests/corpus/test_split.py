"""Splitting dev off train: a share of every intent, and never the last example of a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nlu_kit.corpus.split import split
from nlu_kit.data.example import Entity, Example
from nlu_kit.errors import DataError


def labels_of(example: Example) -> Collection[str]:
    return {entity.label for entity in example.entities or ()}


def example(text: str, intent: str | None, labels: Collection[str] = ()) -> Example:
    return Example(text=text, intent=intent, entities=tuple(Entity(start=0, end=1, label=label) for label in labels))


@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", None]), st.frozensets(st.sampled_from("wxyz"), max_size=3)),
        min_size=2,
        max_size=60,
    ),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32),
)
def test_it_is_a_partition_that_leaves_train_every_label(
    rows: list[tuple[str | None, frozenset[str]]], fraction: float, seed: int
) -> None:
    examples = [example(str(number), *row) for number, row in enumerate(rows)]
    try:
        kept, dev = split(examples, fraction=fraction, seed=seed, labels_of=labels_of)
    except DataError:
        assume(False)
    assert dev
    numbers = [[int(one.text) for one in part] for part in (kept, dev)]
    assert numbers == [sorted(part) for part in numbers]  # the order of the file is kept
    assert sorted(numbers[0] + numbers[1]) == list(range(len(examples)))
    assert {one.intent for one in kept} == {intent for intent, _ in rows}
    assert {label for one in kept for label in labels_of(one)} == {label for _, own in rows for label in own}
    assert len(dev) <= fraction * len(examples) + 0.5
    assert split(examples, fraction=fraction, seed=seed, labels_of=labels_of) == (kept, dev)


@given(sizes=st.lists(st.integers(10, 30), min_size=1, max_size=6), fraction=st.floats(0.1, 0.5))
def test_it_takes_its_share_of_every_intent(sizes: list[int], fraction: float) -> None:
    examples = [example("x", str(intent)) for intent, size in enumerate(sizes) for _ in range(size)]
    _, dev = split(examples, fraction=fraction, seed=3, labels_of=labels_of)
    taken = Counter(one.intent for one in dev)
    assert all(abs(taken[str(intent)] - fraction * size) <= 1 for intent, size in enumerate(sizes))
    assert abs(len(dev) - fraction * sum(sizes)) <= 0.5


def test_tiny_intents_add_up() -> None:
    examples = [example("x", str(number // 2)) for number in range(100)]
    kept, dev = split(examples, fraction=0.1, seed=0, labels_of=labels_of)
    assert len(dev) == 10
    assert len({one.intent for one in kept}) == 50


@pytest.mark.parametrize("seed", range(20))
def test_another_example_is_taken_in_the_place_of_a_labels_only_one(seed: int) -> None:
    """Whatever the seed draws: of ten examples nine have a label that no other has."""
    examples = [example(str(number), "a", [f"only-{number}"] if number else []) for number in range(10)]
    _, dev = split(examples, fraction=0.1, seed=seed, labels_of=labels_of)
    assert [one.text for one in dev] == ["0"]


@pytest.mark.parametrize(
    "examples",
    [[], [example("x", "a")], [example("x", "a")] * 3, [example(str(n), "a", [str(n)]) for n in range(30)]],
    ids=["none", "one", "three", "each with a label of its own"],
)
def test_too_few_examples(examples: list[Example]) -> None:
    with pytest.raises(DataError, match=r"too few to split a dev set off, .* set data\.dev"):
        split(examples, fraction=0.1, seed=0, labels_of=labels_of)
