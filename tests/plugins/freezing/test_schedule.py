"""One strategy after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlu_kit.config.check import resolve
from nlu_kit.errors import ConfigError

RATES = {0.1: "a", 0.2: "b", 0.3: "c"}
RISING = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]


def stage(name: str, **options: Any) -> dict[str, Any]:
    """A stage that is told by its heads' rate."""
    rate = next(rate for rate, known in RATES.items() if known == name)
    return {"type": "freeze_backbone", "head_lr": rate, **options}


def course(strategy: Any, layers: Any, scores: list[float]) -> str:
    """``"aab"``: the stage of each epoch, where each epoch reaches its score."""
    found = ""
    for epoch in range(len(scores)):
        groups = strategy.groups(layers, epoch, scores[:epoch])
        found += RATES[next(group.lr for group in groups if group.lr)]
    return found


@pytest.mark.parametrize(
    ("stages", "scores", "expected"),
    [
        ([stage("a")], RISING, "aaaaaaaa"),
        ([stage("a", until=3), stage("b")], RISING, "aaabbbbb"),
        ([stage("a", until=1), stage("b", until=4), stage("c")], RISING, "abbbcccc"),
        ([stage("a", until="plateau"), stage("b")], RISING, "aaaaaaaa"),
        ([stage("a", until="plateau"), stage("b")], [0.5, 0.4, 0.5, 0.9, 0.9], "aaabb"),
        ([stage("a", until="plateau"), stage("b")], [0.5, 0.4, 0.6, 0.6, 0.5, 0.9], "aaaaab"),
        ([stage("a", until="plateau", plateau_patience=1), stage("b")], [0.5, 0.5, 0.6], "aab"),
        # a stage's best begins with the stage
        (
            [stage("a", until=2), stage("b", until="plateau", plateau_patience=1), stage("c")],
            [0.9, 0.9, 0.1, 0.2, 0.2, 0.3],
            "aabbbc",
        ),
        # the plateau comes later than the next stage's end
        (
            [stage("a", until="plateau", plateau_patience=3), stage("b", until=2), stage("c")],
            [0.5, 0.5, 0.5, 0.5, 0.5],
            "aaaac",
        ),
    ],
)
def test_which_stage_when(build: Any, model: Any, stages: Any, scores: list[float], expected: str) -> None:
    assert course(build("schedule", stages=stages), model(3), scores) == expected


def test_without_scores_there_is_no_plateau(build: Any, model: Any) -> None:
    strategy = build("schedule", stages=[stage("a", until="plateau"), stage("b")])
    assert {group.lr for group in strategy.groups(model(3), 99, ())} == {None, 0.1}


def test_a_stage_counts_its_epochs_from_its_own_start(build: Any, model: Any) -> None:
    layers = model(3)
    strategy = build("schedule", stages=[stage("a", until=4), {"type": "gradual_unfreezing", "every": 2}])
    alone = build("gradual_unfreezing", every=2)
    for epoch in range(6):
        assert strategy.groups(layers, 4 + epoch, RISING) == alone.groups(layers, epoch, ())


def test_a_schedule_in_a_schedule_sees_the_scores_since_its_start(build: Any, model: Any) -> None:
    inner = {"type": "schedule", "stages": [stage("b", until="plateau", plateau_patience=1), stage("c")]}
    strategy = build("schedule", stages=[stage("a", until=2), inner])
    assert course(strategy, model(1), [0.9, 0.9, 0.1, 0.2, 0.1, 0.0]) == "aabbbc"


def test_what_may_train_is_what_this_stage_and_later_ones_train(build: Any, model: Any) -> None:
    layers = model(4)
    stages = [{"type": "discriminative", "until": 2}, {"type": "freeze_lower", "until": 4}, {"type": "freeze_all"}]
    strategy = build("schedule", stages=stages)
    sizes = [len(strategy.may_train(layers, epoch, ())) for epoch in range(6)]
    assert sizes == [9, 9, 6, 6, 3, 3]


def test_the_default_trains_the_heads_and_then_everything(build: Any, model: Any) -> None:
    layers = model(2)
    strategy = build("schedule")
    assert strategy.groups(layers, 2, ()) == build("freeze_backbone").groups(layers, 0, ())
    assert strategy.groups(layers, 3, ()) == build("discriminative").groups(layers, 0, ())


# --- in pipeline.json -------------------------------------------------------------------------------------------------


def resolved(stages: Any) -> Any:
    raw = {"data": {"train": "train.jsonl"}, "freezing": {"type": "schedule", "stages": stages}}
    return resolve(raw, base_dir=Path()).freezing


def test_stages_are_resolved_and_written_out() -> None:
    part = resolved([{"type": "freeze_lower", "layers": 2, "until": "plateau"}, "freeze_all"])
    assert [inner.type for inner in part.nested] == ["freeze_lower", "freeze_all"]
    section = part.to_json()
    assert section["stages"][0] == {
        "type": "freeze_lower",
        "until": "plateau",
        "plateau_patience": None,
        "layers": 2,
        "fraction": None,
        "encoder_lr": 5e-5,
        "head_lr": 1e-3,
    }
    assert resolved(section["stages"]).to_json() == section


@pytest.mark.parametrize(
    ("stages", "path", "message"),
    [
        ([], "freezing.stages", "at least 1 item"),
        ([{"type": "freeze_all"}, "discriminative"], "freezing.stages", r"stage 1 \(freeze_all\) needs an 'until'"),
        ([{"type": "freeze_all", "until": 3}], "freezing.stages", "stage 1 .* is the last: no 'until'"),
        (
            [{"type": "freeze_all", "until": 3}, {"type": "freeze_all", "until": 3}, "freeze_all"],
            "freezing.stages",
            r"stage 2 \(freeze_all\) ends with epoch 3, not after 3",
        ),
        (
            [{"type": "freeze_all", "until": 3, "plateau_patience": 2}, "freeze_all"],
            "freezing.stages",
            "has a 'plateau_patience', but not",
        ),
        ([{"type": "freeze_all", "until": 0}, "freeze_all"], "freezing.stages.0.until", "epoch from 1 to"),
        ([{"type": "freeze_all", "until": True}, "freeze_all"], "freezing.stages.0.until", "epoch from 1 to"),
        ([{"type": "freeze_all", "until": "plato"}, "freeze_all"], "freezing.stages.0.until", "epoch from 1 to"),
        ([{"type": "freeze_al", "until": 1}, "freeze_all"], "freezing.stages.0.type", "did you mean 'freeze_all'"),
        ([{"type": "freeze_all", "until": 1, "lr": 1}, "freeze_all"], "freezing.stages.0.lr", "allowed: head_lr"),
    ],
)
def test_a_wrong_schedule_is_refused_at_its_place(stages: Any, path: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        resolved(stages)
    assert [problem.path for problem in caught.value.problems] == [path]
