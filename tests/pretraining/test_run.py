"""One run of pre-training: what it teaches, what it writes, and that it never ends with a worse encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlu_kit.errors import ConfigError, DataError, PluginError, TrainingError
from nlu_kit.plugin.events import EpochEnd, RunEnd
from nlu_kit.pretraining.prepare import prepare
from nlu_kit.pretraining.run import pretrain
from nlu_kit.training.folders import last_unfinished
from nlu_kit.training.run import train
from nlu_kit.training.signals import EndedBySignal
from nlu_kit_objectives.paraphrases import Triplets
from tests.training.test_resume import POSIX, Die, StopAt


class Heard:
    def __init__(self) -> None:
        self.events: list[Any] = []

    def on_run_start(self, event: Any) -> None:
        self.events.append(event)

    def on_step_end(self, event: Any) -> None: ...

    def on_epoch_end(self, event: Any) -> None:
        self.events.append(event)

    def on_run_end(self, event: Any) -> None:
        self.events.append(event)


def test_two_objectives_teach_at_once(write_plan: Any, triplet: Any, mlm: Any, tmp_path: Path) -> None:
    heard = Heard()
    weighted = {**mlm, "weight": 0.5}
    file = write_plan(triplet, weighted, training={"epochs": 6})
    found = pretrain(file, runs=tmp_path / "runs", callbacks=[heard])
    assert found.after["dev"]["mlm.perplexity"] < found.before["dev"]["mlm.perplexity"]
    assert found.after["dev"]["mlm.accuracy"] > found.before["dev"]["mlm.accuracy"]
    assert found.after["dev"]["triplet.triplet_accuracy"] >= found.before["dev"]["triplet.triplet_accuracy"]
    assert set(found.after["test"]) == {"triplet.triplet_accuracy"}, "only it has a test set"
    assert found.unscaled == {"mlm.perplexity"}
    epochs = [event for event in heard.events if isinstance(event, EpochEnd)]
    assert set(epochs[0].losses) == {"triplet", "mlm"}
    assert set(epochs[0].dev) == {"triplet.triplet_accuracy", "mlm.accuracy", "mlm.probability"}, (
        "shares only: they are shown in percent"
    )
    (end,) = [event for event in heard.events if isinstance(event, RunEnd)]
    assert end.model_dir == found.encoder
    report = json.loads((found.encoder / "report.json").read_text("utf-8"))
    assert report["after"] == json.loads(json.dumps(found.after))
    assert report["data"]["mlm"]["counts"]["texts"] == 9, "each once"


def test_the_folder_is_a_backbone_and_loads_with_the_fields_libraries(
    write_plan: Any, mlm: Any, tmp_path: Path, write_pipeline: Any
) -> None:
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel, AutoTokenizer

    found = pretrain(write_plan(mlm), runs=tmp_path / "runs")
    assert (tmp_path / "runs" / "latest-encoder").resolve() == found.encoder.resolve()
    texts = ["book a table in Paris", "jazz"]
    backbone = {"type": "sentence_transformer", "model": str(tmp_path / "runs" / "latest-encoder")}
    prepared = prepare_with(write_plan(mlm, backbone=backbone))
    ours = vectors(prepared.backbone, texts)
    theirs = SentenceTransformer(str(found.encoder), device="cpu").encode(texts)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    tokenizer = AutoTokenizer.from_pretrained(found.encoder)
    assert tokenizer.mask_token == "[MASK]"
    hidden = AutoModel.from_pretrained(found.encoder)(**tokenizer(texts[:1], return_tensors="pt")).last_hidden_state
    np.testing.assert_allclose(hidden.detach().mean(1)[0], ours[0], atol=1e-5)
    run = train(write_pipeline(tmp_path / "task", backbone=backbone), runs=tmp_path / "task" / "runs")
    assert run.dev["intent.accuracy"] > 0


def prepare_with(file: Path) -> Any:
    from nlu_kit.config.pretraining import load_pretraining

    return prepare(load_pretraining(file))


def vectors(backbone: Any, texts: list[str]) -> np.ndarray:
    from nlu_kit.plugin import sentence_vectors

    return sentence_vectors(backbone, backbone.tokenizer.encode(texts))


def test_the_same_seed_gives_the_same_encoder(write_plan: Any, triplet: Any, mlm: Any, tmp_path: Path) -> None:
    file = write_plan(triplet, mlm)
    first, again = (pretrain(file, runs=tmp_path / "runs").encoder for _ in range(2))
    assert (first / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()


def test_pieces_of_a_batch_make_the_same_step(write_plan: Any, mlm: Any, tmp_path: Path) -> None:
    one = pretrain(write_plan(mlm), runs=tmp_path / "runs")
    two = pretrain(write_plan(mlm, training={"gradient_accumulation": 2}), runs=tmp_path / "runs")
    assert two.after["dev"]["mlm.perplexity"] == pytest.approx(one.after["dev"]["mlm.perplexity"], rel=1e-3)


def test_where_no_epoch_is_better_the_encoder_stays_as_it_was(
    write_plan: Any, triplet: Any, tmp_path: Path, tiny_bert: Path
) -> None:
    found = pretrain(write_plan(triplet, freezing={"encoder_lr": 1e-12}), runs=tmp_path / "runs")
    assert (found.best_epoch, found.after) == (-1, found.before)
    before = {"type": "transformer", "model": str(tiny_bert)}
    after = {"type": "sentence_transformer", "model": str(found.encoder)}
    texts = ["book a table", "wake me at noon"]
    old, new = (vectors(prepare_with(write_plan(triplet, backbone=b)).backbone, texts) for b in (before, after))
    np.testing.assert_array_equal(old, new)


@POSIX
def test_an_interrupted_run_goes_on_to_the_same_encoder(
    write_plan: Any, triplet: Any, mlm: Any, tmp_path: Path
) -> None:
    """Also with negatives that an epoch's beginning has mined, and a head that is thrown away."""
    mined = {**triplet, "negatives": "corpus"}
    file = write_plan(mined, mlm, training={"epochs": 3, "batch_size": 3})
    whole = pretrain(file, runs=tmp_path / "whole")
    for at in ((0, 2), (1, 1)):
        runs = tmp_path / f"runs-{at[0]}"
        with pytest.raises(EndedBySignal, match="nlu-kit pretrain --resume"):
            pretrain(file, runs=runs, callbacks=[StopAt(*at)])
        (run,) = runs.iterdir()
        assert not (run / "encoder").exists()
        resumed = pretrain(run, resume=run)
        assert resumed.encoder == run / "encoder"
        assert (resumed.before, resumed.after, resumed.best_epoch) == (whole.before, whole.after, whole.best_epoch)
        weights = [found.encoder / "model.safetensors" for found in (whole, resumed)]
        assert weights[0].read_bytes() == weights[1].read_bytes()
        with pytest.raises(TrainingError, match="is finished: its encoder is in"):
            pretrain(run, resume=run)


def test_one_that_died_before_its_first_checkpoint_begins_again(write_plan: Any, mlm: Any, tmp_path: Path) -> None:
    file = write_plan(mlm)
    whole = pretrain(file, runs=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        pretrain(file, runs=tmp_path / "runs", callbacks=[Die()])
    (run,) = (tmp_path / "runs").iterdir()
    assert last_unfinished(tmp_path / "runs", result="encoder") == run
    with pytest.raises(ConfigError, match=r"(?s)objectives\.0\.share"):
        pretrain(run, resume=run, overrides=["objectives.0.share=0.3"])
    heard = Heard()
    resumed = pretrain(run, resume=run, callbacks=[heard])
    assert str(heard.events[0].warnings[0]) == "the run had no checkpoint yet, so it begins again"
    assert resumed.encoder == run / "encoder"
    weights = [found.encoder / "model.safetensors" for found in (whole, resumed)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert (run / "metrics.jsonl").read_text("utf-8").count('"RunStart"') == 1


@POSIX
def test_other_data_and_settings_are_refused(write_plan: Any, mlm: Any, tmp_path: Path) -> None:
    file = write_plan(mlm, training={"epochs": 3})
    with pytest.raises(EndedBySignal):
        pretrain(file, runs=tmp_path / "runs", callbacks=[StopAt(0, 1)])
    (run,) = (tmp_path / "runs").iterdir()
    with pytest.raises(ConfigError, match=r"(?s)objectives\.0\.share"):
        pretrain(run, resume=run, overrides=["objectives.0.share=0.3"])
    (tmp_path / "texts.txt").write_text("something else\nand more\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"data\.mlm: the data has changed"):
        pretrain(run, resume=run)


def test_the_runs_own_copy_can_be_run_again(write_plan: Any, mlm: Any, tmp_path: Path) -> None:
    first = pretrain(write_plan(mlm, training={"epochs": 1}), runs=tmp_path / "runs")
    again = pretrain(first.encoder.parent, runs=tmp_path / "elsewhere" / "runs")
    assert again.after == first.after


def test_objectives_look_at_the_encoder_before_each_epoch(
    write_plan: Any, triplet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[np.ndarray] = []
    mine = Triplets.refresh

    def refresh(self: Triplets, backbone: Any) -> None:
        mine(self, backbone)
        found.append(self.vectors(backbone, ["play some jazz"]))

    monkeypatch.setattr(Triplets, "refresh", refresh)
    pretrain(write_plan({**triplet, "negatives": "corpus"}, training={"epochs": 3}), runs=tmp_path / "runs")
    assert len(found) == 3
    assert not np.array_equal(found[0], found[1])


def test_steps_limit_an_epoch(write_plan: Any, mlm: Any, tmp_path: Path) -> None:
    heard = Heard()
    pretrain(write_plan(mlm, training={"epochs": 1, "steps": 1}), runs=tmp_path / "runs", callbacks=[heard])
    assert heard.events[0].steps_per_epoch == 1


def test_lower_layers_can_stay_frozen(write_plan: Any, mlm: Any, tmp_path: Path, tiny_bert: Path) -> None:
    from safetensors.torch import load_file

    freezing = {"type": "freeze_lower", "layers": 1, "encoder_lr": 3e-3}
    found = pretrain(write_plan(mlm, freezing=freezing), runs=tmp_path / "runs")
    before, after = (load_file(str(folder / "model.safetensors")) for folder in (tiny_bert, found.encoder))
    assert found.best_epoch >= 0
    changed = {name for name, tensor in after.items() if not tensor.equal(before[name])}
    assert changed
    assert all(name.startswith("encoder.layer.1.") for name in changed)


def test_an_encoder_that_can_not_be_written_is_refused_before_training(
    write_plan: Any, mlm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nlu_kit.plugin.modules import Backbone
    from nlu_kit_backbones.encoder import EncoderBackbone

    monkeypatch.setattr(EncoderBackbone, "save_pretrained", Backbone.save_pretrained)
    with pytest.raises(PluginError, match="'transformer' can't be pre-trained"):
        prepare_with(write_plan(mlm))


def test_nothing_is_written_for_data_that_is_not_there(write_plan: Any, mlm: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing\.txt: the file does not exist"):
        pretrain(write_plan({**mlm, "texts": ["missing.txt"]}), runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_from_scratch(write_plan: Any, mlm: Any, tmp_path: Path) -> None:
    backbone = {"type": "new_bert", "texts": ["texts.txt"], "vocabulary": 200, "layers": 1, "width": 16}
    found = pretrain(write_plan(mlm, backbone={**backbone, "attention_heads": 2}), runs=tmp_path / "runs")
    again = prepare_with(write_plan(mlm, backbone={"type": "sentence_transformer", "model": str(found.encoder)}))
    assert again.backbone.width == 16
    assert again.backbone.tokenizer.mask_id is not None
