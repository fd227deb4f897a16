"""A teacher's vectors: other widths, other tokenizers, and a teacher that learns nothing itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from nlu_kit.plugin.modules import stack_targets
from nlu_kit_objectives.distill import _shared_words

TEXTS = ["book a table in Paris", "play some jazz", "wake me at seven"]


@pytest.fixture
def objective(make: Any, tmp_path: Path, tiny_bert: Path) -> Any:
    (tmp_path / "a.txt").write_text("".join(f"{text}\n" for text in TEXTS), encoding="utf-8")
    teacher = {"type": "transformer", "model": str(tiny_bert)}
    return make("distill", texts=["a.txt"], dev=["a.txt"], backbone=teacher)


def test_only_what_is_thrown_away_is_its_own(objective: Any) -> None:
    assert {name for name, _ in objective.named_parameters()} == {"map.weight", "map.bias"}
    assert (objective.map.in_features, objective.map.out_features) == (24, 32)


def test_the_teacher_stays_as_it_is(objective: Any, encoder: Any) -> None:
    (teacher,) = objective._teacher
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    items = [objective.item(i, None) for i in range(3)]
    from nlu_kit.data.batch import collate_tokens

    tokens = collate_tokens([i.encodings[0] for i in items], pad_id=0, device=torch.device("cpu"))
    loss = objective(encoder(tokens), stack_targets(items, torch.device("cpu")), encoder)
    torch.autograd.backward(loss)
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())
    assert set(objective.evaluate(encoder, "dev")) == {"sentence_cosine", "word_cosine"}


def test_words_meet_by_their_places(objective: Any, encoder: Any) -> None:
    (teacher,) = objective._teacher
    ours, theirs = (b.tokenizer.encode(TEXTS) for b in (encoder, teacher))
    pairs = _shared_words(ours, theirs)
    assert len(pairs) == sum(len(text.split()) for text in TEXTS)
    for (row, token), (other_row, other) in pairs:
        assert row == other_row
        own = next(w for w in ours[row].words if w.token == token)
        its = next(w for w in theirs[row].words if w.token == other)
        assert (own.start, own.end) == (its.start, its.end)


def test_a_trained_model_can_teach(make: Any, tmp_path: Path, trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("play some jazz\n", encoding="utf-8")
    asked: list[Path] = []

    def model(path: Path) -> Any:
        from nlu_kit.model.folder import open_model
        from nlu_kit.registry import Registry
        from nlu_kit.runtime.torch_runtime import restore_model

        asked.append(path)
        return restore_model(open_model(path, Registry.load())).backbone

    from dataclasses import replace

    from nlu_kit.config.components import resolve_component
    from nlu_kit.registry import Registry

    section = {"type": "distill", "texts": ["a.txt"], "dev": ["a.txt"], "model": str(trained.model_dir), "tokens": 0}
    from nlu_kit.plugin.objectives import ObjectiveContext
    from nlu_kit.testing.parts import TinyEncoder

    context = ObjectiveContext(
        name="mine",
        encoder=TinyEncoder(),
        seed=0,
        path=lambda path: tmp_path / path,
        read=lambda path: [],
        backbone=lambda part: pytest.fail("no encoder was asked for"),
        model=model,
    )
    objective = resolve_component(Registry.load(), "objective", section).make(replace(context))
    assert asked == [Path(str(trained.model_dir))]
    assert set(objective.evaluate(context.encoder, "dev")) == {"sentence_cosine"}
