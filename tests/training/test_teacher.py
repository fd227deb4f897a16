"""A trained model as teacher: its answers are learnt, and a teacher that does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nlu_kit.config.check import resolve
from nlu_kit.data.batch import collate
from nlu_kit.data.encoding import Encoding, Word
from nlu_kit.errors import ConfigError, ModelError
from nlu_kit.plugin.events import EpochEnd
from nlu_kit.training.prepare import prepare
from nlu_kit.training.run import train
from nlu_kit.training.teacher import TARGET, TaughtObjective, _placed


def prepared(pipeline_sections: Any, teacher: Any, **sections: Any) -> Any:
    return prepare(resolve(pipeline_sections(training={"teacher": teacher}, **sections), base_dir=Path()))


def test_the_loss_is_the_divergence_from_its_answers(pipeline_sections: Any, trained: Any) -> None:
    found = prepared(pipeline_sections, {"model": str(trained.model_dir), "weight": 1.0, "temperature": 3.0})
    objective = found.objective
    assert isinstance(objective, TaughtObjective)
    batch = collate(found.train, range(6), pad_id=objective.model.backbone.pad_id, device=torch.device("cpu"))
    objective.eval()
    with torch.no_grad():
        denominators = objective.denominators(batch)
        total, told = objective(batch, denominators, 1.0)
        outputs = objective.model(batch.tokens)
    for head in ("intent", "ner"):
        theirs = batch.targets[head][TARGET]
        answered = ~theirs.isnan().any(-1)
        p, q = ((logits[answered] / 3).softmax(-1) for logits in (theirs, outputs[head]["logits"]))
        expected = 9 * (p * (p.log() - q.log())).sum(-1).mean()
        assert float(told[f"{head}.teacher"]) == pytest.approx(float(expected), rel=1e-3)
        assert float(denominators[f"{head}.teacher"]) == int(answered.sum())
    assert float(total) == pytest.approx(float(told["intent.teacher"] + told["ner.teacher"]), rel=1e-5)


def test_a_student_that_knows_all_has_nothing_to_learn(pipeline_sections: Any, trained: Any) -> None:
    found = prepared(pipeline_sections, {"model": str(trained.model_dir), "weight": 1.0})
    from nlu_kit.model.folder import open_model
    from nlu_kit.registry import Registry
    from nlu_kit.runtime.torch_runtime import restore_model

    objective = found.objective.eval()
    objective.model.load_state_dict(restore_model(open_model(trained.model_dir, Registry.load())).state_dict())
    batch = collate(found.train, range(9), pad_id=objective.model.backbone.pad_id, device=torch.device("cpu"))
    with torch.no_grad():
        _, told = objective(batch, objective.denominators(batch), 1.0)
    assert float(told["intent.teacher"]) == pytest.approx(0, abs=1e-5)
    assert float(told["ner.teacher"]) == pytest.approx(0, abs=1e-5)


def test_a_whole_run_with_texts_that_nobody_annotated(
    write_pipeline: Any, trained: Any, tmp_path: Path, listen: Any
) -> None:
    (tmp_path / "more.txt").write_text("play some folk in Rome\n\nbook it\n", encoding="utf-8")
    teacher = {"model": str(trained.model_dir), "unlabelled": ["more.txt"]}
    listening = listen()
    file = write_pipeline(tmp_path, training={"epochs": 2, "teacher": teacher})
    result = train(file, runs=tmp_path / "runs", callbacks=[listening])
    assert set(listening.of(EpochEnd)[0].losses) == {"intent", "ner", "intent.teacher", "ner.teacher"}
    said = [str(warning) for warning in listening.events[0].warnings]
    assert any("teaches intent, ner: it has answered 59 texts, 2 of them without annotation" in line for line in said)
    again = train(result.run_dir / "pipeline.json", runs=tmp_path / "again")
    assert again.dev == result.dev, "its copy of the pipeline finds the teacher, too"


def test_the_teachers_part_does_not_depend_on_how_a_batch_is_cut(
    write_pipeline: Any, trained: Any, tmp_path: Path, listen: Any
) -> None:
    losses = []
    for pieces in (1, 3):
        listening = listen()
        teacher = {"model": str(trained.model_dir)}
        training = {"teacher": teacher, "gradient_accumulation": pieces}
        train(write_pipeline(tmp_path / str(pieces), training=training), runs=tmp_path / "runs", callbacks=[listening])
        losses.append(listening.of(EpochEnd)[0].losses)
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"heads": {"mood": {"type": "intent"}}}, "the teacher has none of the pipeline's heads"),
        ({"data": {"train": "OTHER"}}, "the teacher's head 'intent' has other labels; these are not in both: dance"),
    ],
)
def test_a_teacher_that_does_not_fit(
    sections: Any, message: str, pipeline_sections: Any, trained: Any, tmp_path: Path, corpus: Path
) -> None:
    other = tmp_path / "other.jsonl"
    line = '{"text": "let us dance", "intent": "dance", "entities": []}\n'
    other.write_text((corpus / "train.jsonl").read_text("utf-8") + line * 3, encoding="utf-8")
    if "data" in sections:
        sections = {"data": {"train": str(other)}}
    with pytest.raises(ConfigError, match=message):
        prepared(pipeline_sections, {"model": str(trained.model_dir)}, **sections)


def test_a_teacher_that_is_not_there(pipeline_sections: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        prepared(pipeline_sections, {"model": str(tmp_path / "nowhere")})


def test_words_get_their_answers_wherever_their_tokens_are() -> None:
    text = "a bc"
    theirs = Encoding(text, (1, 5, 6, 2), (Word(1, 2, 0, 1), Word(2, 3, 2, 4)), truncated=False)
    ours = Encoding(text, (1, 5, 6, 7, 2), (Word(1, 2, 0, 1), Word(2, 4, 2, 4)), truncated=False)
    placed = _placed(np.arange(8.0).reshape(4, 2), theirs, ours)
    np.testing.assert_array_equal(placed[[1, 2]], [[2, 3], [4, 5]])
    assert np.isnan(placed[[0, 3, 4]]).all()
