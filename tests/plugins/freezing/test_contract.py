"""What holds for every strategy, whatever its parameters, the model and the dev scores."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nlu_kit.registry import Registry

EPOCHS = 8


def section(name: str, **options: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(name)}, optional=options)


SIMPLE = st.one_of(
    section("freeze_all"),
    section("freeze_backbone"),
    section("discriminative"),
    section("freeze_embeddings"),
    section("freeze_lower", fraction=st.floats(0, 1)),
    section("layerwise_decay", decay=st.floats(0.1, 1)),
    section("gradual_unfreezing", every=st.integers(1, 4)),
)


@st.composite
def schedules(draw: Any, inner: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    ends = sorted(draw(st.sets(st.integers(1, EPOCHS), max_size=2)))
    stages = [{**draw(inner), "until": end} for end in ends]
    if draw(st.booleans()):
        plateau = {**draw(inner), "until": "plateau", "plateau_patience": draw(st.integers(1, 3))}
        stages.insert(draw(st.integers(0, len(stages))), plateau)
    return {"type": "schedule", "stages": [*stages, draw(inner)]}


SECTIONS = st.recursive(SIMPLE, schedules, max_leaves=6)
SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.3]), min_size=EPOCHS, max_size=EPOCHS)


def test_each_bundled_strategy_is_among_these() -> None:
    bundled = {provided.spec.name for provided in Registry.load().all("freezing")}
    assert bundled == {
        "freeze_all", "freeze_backbone", "freeze_lower", "freeze_embeddings", "discriminative", "layerwise_decay",
        "gradual_unfreezing", "schedule",
    }  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(written=SECTIONS, blocks=st.integers(0, 5), scores=SCORES)
def test_groups_are_complete_and_promises_are_kept(
    build: Any, model: Any, written: dict[str, Any], blocks: int, scores: list[float]
) -> None:
    options = {key: value for key, value in written.items() if key != "type"}
    strategy, layers = build(written["type"], epochs=EPOCHS, **options), model(blocks)
    order = [layer.name for layer in layers]
    promised = set(order)
    for epoch in range(EPOCHS):
        before = scores[:epoch]
        groups = strategy.groups(layers, epoch, before)
        assert sorted(name for group in groups for name in group.layers) == sorted(order)
        assert all(group.layers and list(group.layers) == sorted(group.layers, key=order.index) for group in groups)
        may_train = set(strategy.may_train(layers, epoch, before))
        assert may_train <= promised, "a layer that was left out may train again"
        promised = may_train
        assert {name for group in groups if group.lr is not None for name in group.layers} <= promised
        # it is a pure function
        assert strategy.groups(layers, epoch, tuple(before)) == groups
        assert set(strategy.may_train(layers, epoch, tuple(before))) == may_train


@given(written=SECTIONS, epoch=st.integers(0, EPOCHS))
def test_no_layers_give_no_groups(build: Any, written: dict[str, Any], epoch: int) -> None:
    options = {key: value for key, value in written.items() if key != "type"}
    strategy = build(written["type"], epochs=EPOCHS, **options)
    assert list(strategy.groups((), epoch, ())) == []
    assert set(strategy.may_train((), epoch, ())) == set()
