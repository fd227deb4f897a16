"""What a pipeline's losses and sampler do to how often classes occur."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nlu_kit.config.check import resolve
from nlu_kit.errors import ConfigError, PluginError
from nlu_kit.training.prepare import Prepared, prepare
from nlu_kit.training.prior import prior_correction

PLAIN = {"intent": "intent", "ner": {"type": "ner", "loss": "cross_entropy"}}
WEIGHTED = {"type": "weighted", "strength": 3}


@pytest.fixture
def prepared(pipeline_sections: Any) -> Any:
    def make(**sections: Any) -> Prepared:
        return prepare(resolve(pipeline_sections(**sections), base_dir=Path()))

    return make


def test_a_weighted_loss_shifts_by_the_log_of_its_weights(prepared: Any) -> None:
    found = prepared(sampler="random")
    assert set(found.correction.shifts) == {"ner"}
    weights = found.objective.losses["ner"].weights
    np.testing.assert_allclose(found.correction.shifts["ner"], weights.log().numpy(), rtol=1e-5)
    assert found.correction.share is None


@pytest.mark.parametrize("sampler", [WEIGHTED, {"type": "bucketed", "base": WEIGHTED}])
def test_a_sampler_shifts_by_how_much_more_often_it_draws_a_class(
    prepared: Any, jsonl: Any, tmp_path: Path, sampler: Any
) -> None:
    city = {"text": "book a table in Rome", "intent": "book", "entities": [{"start": 16, "end": 20, "label": "city"}]}
    bare = {"text": "stop", "intent": "stop", "entities": []}
    train = jsonl(tmp_path / "train.jsonl", [city, *[{**bare, "text": f"stop {n}"} for n in range(3)]])
    data = {"train": str(train), "dev": str(train)}
    shifts = prepared(sampler=sampler, heads=PLAIN, data=data, detector=None, recipe="standard").correction.shifts
    # Of four utterances, one has an entity and counts three times: half of what is drawn, and a quarter of the data.
    np.testing.assert_allclose(shifts["intent"], np.log([2, 2 / 3]), atol=1e-12)
    # 11 words: 10 times O and once B-city; drawn, 3 * 5 + 6 words, 3 of them B-city. I-city is never there.
    np.testing.assert_allclose(shifts["ner"], np.log([(18 / 21) / (10 / 11), (3 / 21) / (1 / 11), 1]), atol=1e-12)


def test_where_all_count_the_same_there_is_nothing_to_take_back(prepared: Any) -> None:
    assert prepared(sampler="random", heads=PLAIN).correction.shifts == {}


def test_a_crf_takes_it_off_its_emissions(prepared: Any) -> None:
    heads = {"ner": "crf_ner"}
    assert prepared(sampler="random", heads=heads).correction.shifts == {}
    assert set(prepared(sampler=WEIGHTED, heads=heads).correction.shifts) == {"ner"}


@pytest.mark.parametrize(("asked", "share"), [(True, None), (0.5, 0.5), (0, 0.0), (1, 1.0)])
def test_the_pipeline_says_how_much(prepared: Any, asked: Any, share: float | None) -> None:
    found = prepared(decoding={"prior_correction": asked}).correction
    assert found.share == share
    assert found.shifts


def test_false_switches_it_off(prepared: Any) -> None:
    assert prepared(decoding={"prior_correction": False}).correction.shifts == {}


@pytest.mark.parametrize("wrong", [-1, 11, "much"])
def test_what_is_no_share_is_refused(pipeline_sections: Any, wrong: Any) -> None:
    with pytest.raises(ConfigError, match=r"decoding\.prior_correction"):
        resolve(pipeline_sections(decoding={"prior_correction": wrong}), base_dir=Path())


@pytest.mark.parametrize("shift", [torch.zeros(3), torch.full((7,), torch.nan)])
def test_a_loss_whose_shift_makes_no_sense_breaks_its_contract(
    prepared: Any, monkeypatch: pytest.MonkeyPatch, shift: torch.Tensor
) -> None:
    found = prepared()
    monkeypatch.setattr(found.objective.losses["ner"], "log_prior_shift", lambda: shift)
    with pytest.raises(PluginError, match="log_prior_shift"):
        prior_correction(found.pipeline, found.objective, found.sampler, found.train, found.codecs)
