"""Which indices each sampler draws, and what it says of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from nlu_kit.config.components import build_nested
from nlu_kit.data.example import Entity, Example
from nlu_kit.params import Component
from nlu_kit.plugin.contracts import Sampler, SamplerContext
from nlu_kit.registry import Registry

REGISTRY = Registry.load()
ENTITIES = (Entity(start=0, end=1, label="x"),)


def context(lengths: list[int], *, carriers: int = 0, batch_size: int = 4, seed: int = 7) -> SamplerContext:
    """Examples of these lengths; the first ``carriers`` have an entity, of the rest every other is not annotated."""
    examples = [
        Example(text="x", entities=ENTITIES if i < carriers else () if i % 2 else None) for i in range(len(lengths))
    ]

    def nested(component: Component) -> Sampler:
        return build_nested(REGISTRY, "sampler", component, built)

    built = SamplerContext(
        examples=examples, lengths=np.array(lengths, dtype=np.int64), batch_size=batch_size, seed=seed, nested=nested
    )
    return built


def build(name: str, given_context: SamplerContext, **options: object) -> Sampler:
    spec = REGISTRY.get("sampler", name).spec
    return spec.build(spec.params(**options), given_context)


def flat(sampler: Sampler, epoch: int) -> list[int]:
    return [index for batch in sampler.batches(epoch) for index in batch]


def skewed(size: int) -> list[int]:
    return (np.random.default_rng(0).geometric(0.1, size=size) + 2).tolist()


@pytest.mark.parametrize("name", ["random", "weighted", "bucketed"])
def test_order_is_fixed_by_seed_and_epoch_and_new_each_epoch(name: str) -> None:
    lengths = skewed(200)
    one, two = (build(name, context(lengths, carriers=60)) for _ in range(2))
    other_seed = build(name, context(lengths, carriers=60, seed=8))
    for epoch in (0, 1, 5):
        assert one.order(epoch).tolist() == two.order(epoch).tolist()
        assert [list(batch) for batch in one.batches(epoch)] == [list(batch) for batch in two.batches(epoch)]
    assert one.order(0).tolist() != one.order(1).tolist()
    assert one.order(0).tolist() != other_seed.order(0).tolist()
    assert one.order(1).tolist() == two.order(1).tolist(), "asking for epoch 0 again must not move epoch 1"


@pytest.mark.parametrize("name", ["random", "weighted", "bucketed"])
@pytest.mark.parametrize("size", [0, 1, 4, 21])
def test_batches_are_the_order_cut(name: str, size: int) -> None:
    sampler = build(name, context(skewed(size), carriers=size // 2))
    batches = [list(batch) for batch in sampler.batches(3)]
    assert flat(sampler, 3) == sampler.order(3).tolist()
    assert sorted(map(len, batches), reverse=True) == [4] * (size // 4) + [size % 4] * bool(size % 4)
    assert all(np.isfinite(value) for value in sampler.describe().values())


def test_random_draws_each_example_once() -> None:
    assert sorted(flat(build("random", context([1] * 33)), 2)) == list(range(33))


def test_weighted_looks_at_the_field_it_is_told() -> None:
    examples = [Example(text="x", labels={"slots": ["a"] if number < 2 else []}) for number in range(8)]
    given = replace(context([1] * 8), examples=examples)
    assert build("weighted", given).describe()["entity_share"] == 0
    assert build("weighted", given, field="slots").describe()["entity_share"] == 0.25


@pytest.mark.parametrize("strength", [1.0, 2.0, 8.0])
def test_weighted_moves_the_share_of_entities_where_it_says(strength: float) -> None:
    sampler = build("weighted", context([1] * 6000, carriers=1800), strength=strength)
    figures = sampler.describe()
    expected = strength * 0.3 / (strength * 0.3 + 0.7)
    assert figures["entity_share"] == pytest.approx(0.3)
    assert figures["expected_entity_share"] == pytest.approx(expected)
    assert figures["drawn_entity_share"] == pytest.approx(expected, abs=0.025)
    drawn = sampler.order(0)
    assert figures["drawn_entity_share"] == pytest.approx(float((drawn < 1800).mean()))
    assert len(drawn) == 6000
    assert len(set(drawn.tolist())) < 6000, "it draws with replacement"


@pytest.mark.parametrize("carriers", [0, 40])
def test_weighted_where_none_or_all_carry_entities_draws_evenly(carriers: int) -> None:
    figures = build("weighted", context([1] * 40, carriers=carriers), strength=5).describe()
    assert set(figures.values()) == {carriers / 40}


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), max_size=120),
    batch_size=st.integers(1, 9),
    pool_batches=st.integers(1, 6),
    base=st.sampled_from(["random", "weighted"]),
    seed=st.integers(0, 2**40),
    epoch=st.integers(0, 500),
)
def test_bucketed_draws_what_its_base_draws(
    lengths: list[int], batch_size: int, pool_batches: int, base: str, seed: int, epoch: int
) -> None:
    given_context = context(lengths, carriers=len(lengths) // 3, batch_size=batch_size, seed=seed)
    plain = build(base, given_context)
    bucketed = build("bucketed", given_context, base=base, pool_batches=pool_batches)
    assert Counter(flat(bucketed, epoch)) == Counter(plain.order(epoch).tolist())
    assert all(0 < len(batch) <= batch_size for batch in bucketed.batches(epoch))
    assert sum(len(batch) < batch_size for batch in bucketed.batches(epoch)) <= 1


def test_bucketed_sorts_within_pools_only() -> None:
    lengths = skewed(64)
    given_context = context(lengths)
    pools = np.array_split(build("random", given_context).order(0), 4)
    batches = {frozenset(batch) for batch in build("bucketed", given_context, pool_batches=4).batches(0)}
    for pool in pools:
        ordered = sorted(pool.tolist(), key=lambda index: lengths[index])
        assert {frozenset(ordered[i : i + 4]) for i in range(0, 16, 4)} <= batches


def test_bucketed_shuffles_its_batches() -> None:
    lengths = skewed(400)
    sampler = build("bucketed", context(lengths), pool_batches=100)
    longest = [max(lengths[index] for index in batch) for batch in sampler.batches(0)]
    assert longest != sorted(longest)


def test_bucketed_measures_the_padding_it_saves() -> None:
    lengths = skewed(2000)
    given_context = context(lengths, carriers=500, batch_size=32)
    sampler = build("bucketed", given_context, base={"type": "weighted", "strength": 3})
    figures = sampler.describe()

    def ratio(batches: list[list[int]]) -> float:
        padded = sum(len(batch) * max(lengths[index] for index in batch) for batch in batches)
        return padded / sum(lengths[index] for batch in batches for index in batch)

    plain = build("weighted", given_context, strength=3)
    assert figures["padding_ratio"] == pytest.approx(ratio([list(batch) for batch in sampler.batches(0)]))
    assert figures["plain_padding_ratio"] == pytest.approx(ratio([list(batch) for batch in plain.batches(0)]))
    assert 1 <= figures["padding_ratio"] < 1.3 < figures["plain_padding_ratio"]
    assert figures["expected_entity_share"] == plain.describe()["expected_entity_share"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("weighted", {"strength": 0.5}),
        ("weighted", {"strength": float("inf")}),
        ("bucketed", {"pool_batches": 0}),
        ("random", {"seed": 1}),
    ],
)
def test_wrong_parameters_are_refused(name: str, options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        build(name, context([1]), **options)


def test_bucketed_over_random_is_the_default() -> None:
    spec = REGISTRY.default("sampler").spec
    assert spec.name == "bucketed"
    assert spec.params().base.type == "random"  # type: ignore[attr-defined]
