"""Every combination is checked before anything runs, and a key changes with all that a run depends on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.errors import ConfigError
from nlu_kit.experiments.grid import parse_axes
from nlu_kit.experiments.plan import Plan, content, make_plan


def plan_of(pipeline: Path, *vary: str, settings: tuple[str, ...] = (), seeds: int = 1) -> Plan:
    content.cache_clear()
    return make_plan(pipeline, axes=parse_axes(vary), settings=settings, seeds=seeds)


def problems_of(pipeline: Path, *vary: str, settings: tuple[str, ...] = ()) -> list[Any]:
    with pytest.raises(ConfigError) as caught:
        plan_of(pipeline, *vary, settings=settings)
    return list(caught.value.problems)


@pytest.fixture
def pipeline(write_pipeline: Any, tmp_path: Path) -> Path:
    file: Path = write_pipeline(tmp_path, training={"seed": 7})
    return file


def test_a_cell_for_each_combination_and_seed(pipeline: Path) -> None:
    plan = plan_of(pipeline, "sampler=random,weighted", settings=("training.epochs=2",), seeds=2)
    assert [(cell.combination.number, cell.seed) for cell in plan.cells] == [(1, 7), (2, 7), (1, 8), (2, 8)]
    assert plan.cells[3].overrides == ("training.epochs=2", "sampler=weighted", "training.seed=8")
    assert len({cell.key for cell in plan.cells}) == 4


def test_all_problems_at_once_each_with_its_combinations(pipeline: Path) -> None:
    found = problems_of(pipeline, "sampler=random,wieghted", "training.epochs=-1,1,true")
    by_path = {(problem.path, problem.message) for problem in found}
    assert len(by_path) == 3
    (sampler,) = [problem for problem in found if problem.path == "sampler.type"]
    assert "unknown sampler 'wieghted' (with sampler=wieghted training.epochs=-1; " in sampler.message
    assert "did you mean 'weighted'" in sampler.hint
    (epochs,) = [problem for problem in found if "got True" in problem.message]
    assert "(with sampler=random training.epochs=true; sampler=wieghted training.epochs=true)" in epochs.message


def test_what_every_combination_has_is_said_without_them(pipeline: Path) -> None:
    (problem,) = problems_of(pipeline, "smapler=random,weighted", settings=("training.epochs=1",))[:1]
    assert problem.path == "smapler"
    assert problem.message == "unknown key 'smapler'"
    assert "did you mean 'sampler'" in problem.hint


def test_a_path_through_something_that_is_no_object(pipeline: Path) -> None:
    (problem,) = problems_of(pipeline, "training.epochs.more=1,2")
    assert "leads through 'training.epochs'" in problem.message


def test_missing_data_of_one_combination(pipeline: Path) -> None:
    (problem,) = problems_of(pipeline, "data.test=null,nowhere.jsonl")
    assert problem.path == "data.test"
    assert "(with data.test=nowhere.jsonl)" in problem.message


def test_two_ways_to_write_one_pipeline(pipeline: Path) -> None:
    (problem,) = problems_of(pipeline, 'sampler=random,{"type":"random"}')
    assert "are the same pipeline" in problem.message


def test_several_processes_are_refused(pipeline: Path) -> None:
    (problem,) = problems_of(pipeline, "training.processes=1,2")
    assert problem.path == "training.processes"
    assert "(with training.processes=2)" in problem.message


def test_a_key_follows_content_and_not_place(write_pipeline: Any, corpus: Path, tmp_path: Path) -> None:
    places = []
    for name in ("here", "there"):
        shutil.copytree(corpus, tmp_path / name)
        data = {split: f"{split}.jsonl" for split in ("train", "dev", "test")}
        places.append(write_pipeline(tmp_path / name, data=data))
    here, there = places
    (first,), (second,) = plan_of(here).cells, plan_of(there).cells
    assert first.key == second.key
    with (tmp_path / "there" / "test.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"text": "more"}) + "\n")
    (changed,) = plan_of(there).cells
    assert changed.key != second.key
    (other,) = plan_of(here, settings=("training.patience=9",)).cells
    assert other.key != first.key


def test_a_key_follows_the_files_of_the_backbone(write_pipeline: Any, tiny_bert: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_bert, tmp_path / "bert")
    pipeline = write_pipeline(tmp_path, backbone={"type": "transformer", "model": "./bert"})
    (before,) = plan_of(pipeline).cells
    (tmp_path / "bert" / "config.json").write_text("{}", encoding="utf-8")
    (after,) = plan_of(pipeline).cells
    assert before.key != after.key


def test_a_folder_of_data_is_all_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1", encoding="utf-8")
    before = content(tmp_path)
    content.cache_clear()
    (tmp_path / "b").write_text("1", encoding="utf-8")
    assert content(tmp_path) != before
