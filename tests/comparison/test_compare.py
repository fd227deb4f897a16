"""``nlu_kit.compare``: a grid from Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nlu_kit
from nlu_kit.experiments.plan import Cell
from nlu_kit.experiments.runner import Watcher


class Heard(Watcher):
    """Which cells were run."""

    def __init__(self) -> None:
        self.cells: list[str] = []

    def on_cell_start(self, cell: Cell) -> None:
        self.cells.append(cell.combination.label)


def test_a_grid_is_trained_once(write_pipeline: Any, tmp_path: Path) -> None:
    pipeline = write_pipeline(tmp_path, training={"epochs": 1})
    vary = {"training.batch_size": [8, 16]}
    first, again = Heard(), Heard()
    found = nlu_kit.compare(pipeline, vary, seeds=1, output=tmp_path / "compare", watcher=first)
    assert first.cells == ["8", "16"]
    assert [row["label"] for row in found.summary["combinations"]] == ["8", "16"]
    assert found.summary["comparisons"]["intent.accuracy"]["pairs"]
    assert json.loads((tmp_path / "compare" / "compare.json").read_text(encoding="utf-8")) == found.summary
    assert all(file.exists() for file in found.files)
    nlu_kit.compare(pipeline, vary, seeds=1, output=tmp_path / "compare", watcher=again)
    assert again.cells == []


def test_a_run_that_fails_is_told(write_pipeline: Any, tmp_path: Path) -> None:
    pipeline = write_pipeline(tmp_path, training={"epochs": 1, "device": "mps"})
    with pytest.raises(nlu_kit.TrainingError, match="1 of 1 runs failed"):
        nlu_kit.compare(pipeline, seeds=1, output=tmp_path / "compare")


def test_mistakes_in_the_grid_come_before_any_run(write_pipeline: Any, tmp_path: Path) -> None:
    pipeline = write_pipeline(tmp_path)
    with pytest.raises(nlu_kit.ConfigError, match="occurs twice"):
        nlu_kit.compare(pipeline, {"training.batch_size": [8, 8]}, output=tmp_path / "compare")
    with pytest.raises(nlu_kit.ConfigError, match="has no value"):
        nlu_kit.compare(pipeline, {"training.batch_size": []}, output=tmp_path / "compare")
    with pytest.raises(nlu_kit.ConfigError, match="is what the seeds are for"):
        nlu_kit.compare(pipeline, {"training.seed": [1, 2]}, output=tmp_path / "compare")
    assert not (tmp_path / "compare").exists()


def test_the_pipeline_is_not_overwritten(write_pipeline: Any, tmp_path: Path) -> None:
    pipeline = write_pipeline(tmp_path).rename(tmp_path / "compare.json")
    before = pipeline.read_bytes()
    with pytest.raises(nlu_kit.DataError, match=r"compare\.json would overwrite .*compare\.json, which is read"):
        nlu_kit.compare(pipeline, seeds=1, output=tmp_path)
    assert pipeline.read_bytes() == before
