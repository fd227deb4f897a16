"""``nlu_kit.evaluate``: a model and data in, figures and errors out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nlu_kit


@pytest.fixture
def test_set(tmp_path: Path, records: list[dict[str, Any]]) -> Path:
    """The corpus that the model knows by heart, with one intent that is wrong."""
    file = tmp_path / "test.jsonl"
    wrong = {**records[0], "intent": next(r["intent"] for r in records if r["intent"] != records[0]["intent"])}
    file.write_text("".join(json.dumps(record) + "\n" for record in [wrong, *records[1:]]), encoding="utf-8")
    return file


def test_figures_have_intervals_and_errors_are_found(trained: Any, test_set: Path, records: list[Any]) -> None:
    done: list[int] = []
    evaluation = nlu_kit.evaluate(trained.run_dir, test_set, on_progress=done.append)
    accuracy = evaluation.summary["figures"]["intent.accuracy"]
    assert accuracy["value"] == pytest.approx(1 - 1 / len(records))
    assert accuracy["interval"][0] < accuracy["value"] <= accuracy["interval"][1]
    assert evaluation.errors[0]["text"] == records[0]["text"]
    assert sum(done) == len(records)


def test_the_data_are_by_default_the_test_set_of_the_pipeline(trained: Any) -> None:
    assert nlu_kit.evaluate(str(trained.model_dir)).summary["data"].endswith(".jsonl")


def test_wrong_arguments_are_named(trained: Any, tmp_path: Path) -> None:
    with pytest.raises(nlu_kit.ModelError, match="none"):
        nlu_kit.evaluate(tmp_path / "none")
    with pytest.raises(nlu_kit.DataError, match=r"there is no .*none\.jsonl"):
        nlu_kit.evaluate(trained.model_dir, tmp_path / "none.jsonl")
    with pytest.raises(TypeError, match="data must be a path"):
        nlu_kit.evaluate(trained.model_dir, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        nlu_kit.evaluate(trained.model_dir, batch_size=0)
