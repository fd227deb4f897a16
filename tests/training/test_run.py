"""A run: what it learns, what it leaves, what stops it, and what is found before it starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from nlu_kit.config.check import load_pipeline
from nlu_kit.errors import ConfigError, DataError, ModelError, NluKitError, TrainingError
from nlu_kit.plugin import RunEnd
from nlu_kit.plugin.events import EpochEnd, RunStart, StepEnd
from nlu_kit.runtime.predictor import load
from nlu_kit.training.checkpoint import Best, Checkpoint
from nlu_kit.training.run import finish_run, train


def told_by(start: Any) -> list[str]:
    """Its warnings, without their places."""
    return [warning.message for warning in start.warnings]


def saved_weights(result: RunEnd) -> dict[str, torch.Tensor]:
    return load_file(result.model_dir / "model.safetensors")


def test_it_learns_the_corpus_by_heart(trained: Any, records: Any) -> None:
    assert trained.dev["exact_match"] == trained.test["intent.accuracy"] == trained.test["ner.f1"] == 1.0
    model = load(trained.run_dir)
    for record, prediction in zip(records, model.parse_many([record["text"] for record in records]), strict=True):
        assert prediction.intent.name == record["intent"]
        found = [{"start": e.start, "end": e.end, "label": e.label} for e in prediction.entities]
        assert found == record["entities"]


def test_the_loss_goes_down(trained: Any) -> None:
    lines = (trained.run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    epochs = [record for record in map(json.loads, lines) if record["event"] == "EpochEnd"]
    for head in ("intent", "ner"):
        assert epochs[-1]["losses"][head] < 0.2 * epochs[0]["losses"][head]


def test_a_second_ctrl_c_keeps_the_best_epoch_so_far(listen: Any, write_pipeline: Any, tmp_path: Path) -> None:
    """It ends a run at once, wherever it is; the first lets it be resumed (test_resume.py)."""

    def interrupt(event: StepEnd) -> None:
        if (event.epoch, event.step) == (2, 2):
            raise KeyboardInterrupt

    listening = listen(at_step=interrupt)
    pipeline = write_pipeline(tmp_path, training={"epochs": 9, "model_selection": "best"})
    with pytest.raises(KeyboardInterrupt, match="--finish"):
        train(pipeline, runs=tmp_path / "runs", callbacks=[listening])
    (run,) = (tmp_path / "runs").iterdir()
    result = finish_run(run)
    assert result.dev == listening.of(EpochEnd)[result.best_epoch].dev
    assert load(tmp_path / "runs" / "latest")("play jazz").intent.confidence > 0
    assert not (result.run_dir / "checkpoints").exists()


def test_ctrl_c_before_the_first_validation_keeps_nothing(listen: Any, write_pipeline: Any, tmp_path: Path) -> None:
    def interrupt(event: StepEnd) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(write_pipeline(tmp_path), runs=tmp_path / "runs", callbacks=[listen(at_step=interrupt)])
    assert not (tmp_path / "runs" / "latest").exists()


def test_the_same_seed_gives_the_same_model_and_another_gives_another(write_pipeline: Any, tmp_path: Path) -> None:
    heads = {"intent": "intent", "ner": "ner"}  # with dropout

    def go(seed: int) -> RunEnd:
        training = {"epochs": 2, "seed": seed}
        sampler = {"type": "bucketed", "base": "weighted"}
        pipeline = write_pipeline(tmp_path, training=training, sampler=sampler, heads=heads)
        return train(pipeline, runs=tmp_path / "runs")

    first, second, other = go(1), go(1), go(2)
    assert (first.dev, first.test) == (second.dev, second.test)
    assert first.run_dir != second.run_dir
    reference = saved_weights(first)
    for name, tensor in saved_weights(second).items():
        torch.testing.assert_close(tensor, reference[name], atol=1e-6, rtol=1e-5)
    assert any(not torch.allclose(tensor, reference[name]) for name, tensor in saved_weights(other).items())


def test_what_a_run_leaves(trained: Any) -> None:
    assert {path.name for path in trained.run_dir.iterdir()} == {"log.txt", "metrics.jsonl", "model", "pipeline.json"}
    latest = trained.run_dir.parent / "latest"
    assert latest.resolve() == trained.run_dir.resolve()
    if latest.is_symlink():
        assert str(latest.readlink()) == trained.run_dir.name  # relative, so that runs/ can be moved


def test_metrics_jsonl_tells_all(trained: Any) -> None:
    lines = (trained.run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    kinds = [record["event"] for record in records]
    assert kinds == ["RunStart", *(["StepEnd"] * 4 + ["EpochEnd"]) * 12, "RunEnd"]
    start, step, epoch, end = records[0], records[1], records[5], records[-1]
    assert start["examples"] == {"train": 57, "dev": 19, "test": 19}
    assert start["parameters"]["total"] == start["parameters"]["trainable"] > 20_000
    assert start["sampler"] == {"entity_share": pytest.approx(54 / 57)}
    assert (start["precision"], start["processes"], start["steps_per_epoch"]) == ("fp32", 1, 4)
    assert (step["epoch"], step["step"], step["steps"]) == (0, 1, 4)
    assert set(step["losses"]) == {"intent", "ner"}
    assert step["rates"] == {"backbone": pytest.approx(3e-3), "heads": pytest.approx(1e-2)}
    assert epoch["samples"][0]["prediction"]["text"]
    assert epoch["samples"][0]["gold"].keys() == {"intent", "entities"}
    assert (end["reason"], end["epochs_run"], end["best_epoch"]) == ("finished", 12, trained.best_epoch)
    assert end["test"] == trained.test


def test_log_txt_is_for_people(trained: Any) -> None:
    log = (trained.run_dir / "log.txt").read_text(encoding="utf-8")
    assert log.startswith("run       ")
    assert "epoch 1/12  loss intent " in log
    assert "      ≠ entities: gold [" in log
    assert "      = entities: gold [" in log
    assert f"finished after 12 epochs, {trained.seconds:.0f}s; peak memory" in log
    assert log.rstrip().endswith(f"model {trained.model_dir}")


def test_the_resolved_pipeline_of_a_run_trains_again(trained: Any, tmp_path: Path) -> None:
    again = train(trained.run_dir / "pipeline.json", overrides=["training.epochs=1"], runs=tmp_path / "runs")
    assert again.epochs_run == 1


def test_without_dev_a_part_of_train_is_split_off_and_that_is_said(
    listen: Any, write_pipeline: Any, tmp_path: Path
) -> None:
    listening = listen()
    pipeline = write_pipeline(tmp_path, data={"dev": None, "test": None, "dev_fraction": 0.1})
    result = train(pipeline, runs=tmp_path / "runs", callbacks=[listening])
    start = listening.events[0]
    assert start.examples["train"] + start.examples["dev"] == 57
    assert start.examples["dev"] == 6
    assert any("split off train" in warning for warning in told_by(start))
    assert result.test == {}


def test_without_dev_a_small_train_is_trained_on_as_a_whole(listen: Any, write_pipeline: Any, tmp_path: Path) -> None:
    listening = listen()
    pipeline = write_pipeline(tmp_path, data={"dev": None})
    result = train(pipeline, runs=tmp_path / "runs", callbacks=[listening])
    (start,) = listening.of(RunStart)
    assert (start.examples["train"], start.examples["dev"]) == (57, 0)
    assert any(warning.startswith("no data.dev, and train is too small") for warning in told_by(start))
    assert (result.dev, result.best_epoch) == ({}, result.epochs_run - 1)
    assert result.test
    log = (result.run_dir / "log.txt").read_text(encoding="utf-8")
    assert "|  dev " not in log


def test_one_example_of_each_intent_is_enough(records: Any, jsonl: Any, write_pipeline: Any, tmp_path: Path) -> None:
    """Nothing needs dev: not the graph, not the model card, not the detector."""
    train_file = jsonl(tmp_path / "train.jsonl", list({record["intent"]: record for record in records}.values()))
    pipeline = write_pipeline(tmp_path, data={"train": str(train_file), "dev": None}, training={"export": True})
    result = train(pipeline, runs=tmp_path / "runs")
    assert result.notes == []
    prediction = load(result.run_dir, runtime="onnx")("play jazz")
    assert {intent.name for intent in prediction.intents} == {record["intent"] for record in records}
    assert prediction.out_of_scope in (True, False)
    assert "## Try it with" in (result.model_dir / "README.md").read_text(encoding="utf-8")


def test_what_the_data_loses_is_said(
    listen: Any, write_pipeline: Any, tmp_path: Path, jsonl: Any, records: Any
) -> None:
    long = {"text": "play " * 99 + "jazz", "intent": "play", "entities": [{"start": 495, "end": 499, "label": "genre"}]}
    inside = {"text": "rome", "intent": "book", "entities": [{"start": 0, "end": 2, "label": "city"}]}
    file = jsonl(tmp_path / "odd.jsonl", [*records, long, inside])
    listening = listen()
    train(write_pipeline(tmp_path, data={"train": str(file)}), runs=tmp_path / "runs", callbacks=[listening])
    assert "train: 1 text is longer than the encoder reads and cut off" in told_by(listening.events[0])
    assert any("train: 'ner' can't learn 2 annotations: cut off" in warning for warning in told_by(listening.events[0]))


def test_a_second_run_may_want_another_precision(listen: Any, write_pipeline: Any, tmp_path: Path) -> None:
    for precision in ("fp32", "bf16", "fp32"):
        listening = listen()
        pipeline = write_pipeline(tmp_path, training={"precision": precision})
        result = train(pipeline, runs=tmp_path / "runs", callbacks=[listening])
        assert listening.events[0].precision == precision
        assert all(tensor.dtype == torch.float32 for tensor in saved_weights(result).values())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"data": {"train": "nowhere.jsonl"}}, DataError, r"nowhere\.jsonl does not exist"),
        ({"data": {"test": "empty.jsonl"}}, DataError, r"empty\.jsonl holds no examples"),
        ({"data": {"dev": "broken.jsonl"}}, DataError, r"broken\.jsonl:2: "),
        ({"backbone": {"type": "transformer", "model": "./nowhere"}}, ModelError, "no model folder"),
        ({"training": {"precision": "fp16"}}, ConfigError, "fp16 needs a CUDA device"),
        ({"training": {"processes": 2}}, ConfigError, "2 processes were asked for, 1 are running"),
        ({"training": {"monitor": "ner.f2"}}, ConfigError, r"no 'ner\.f2'\n.*did you mean 'ner\.f1'"),
        ({"data": {"dev": "plain.jsonl"}}, DataError, "no example of the dev set is annotated"),
        ({"training": {"epochs": 0}}, ConfigError, r"training\.epochs"),
        ({"heads": {"a": "intent", "b": "intent"}}, ConfigError, r"heads\.b: fills 'intent', as does heads\.a"),
        ({"balancing": {"type": "weighted", "weights": {"nre": 2}}}, ConfigError, r"no head 'nre'"),
    ],
)
def test_a_mistake_is_found_before_anything_is_written(
    write_pipeline: Any, tmp_path: Path, changes: Any, error: type[NluKitError], message: str
) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "plain.jsonl").write_text('{"text": "a"}\n', encoding="utf-8")
    (tmp_path / "broken.jsonl").write_text('{"text": "a"}\n{"text": \n', encoding="utf-8")
    with pytest.raises(error, match=message):
        train(write_pipeline(tmp_path, **changes), runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_latest_does_not_point_to_a_run_that_failed(listen: Any, write_pipeline: Any, tmp_path: Path) -> None:
    def fail(event: EpochEnd) -> None:
        raise RuntimeError("the disk is on fire")

    pipeline, runs = write_pipeline(tmp_path), tmp_path / "runs"
    with pytest.raises(TrainingError, match="on fire"):
        train(pipeline, runs=runs, callbacks=[listen(at_epoch=fail)])
    assert not (runs / "latest").exists()
    good = train(pipeline, runs=runs)
    with pytest.raises(TrainingError, match="on fire"):
        train(pipeline, runs=runs, callbacks=[listen(at_epoch=fail)])
    assert (runs / "latest").resolve() == good.run_dir.resolve()


@pytest.mark.parametrize("when", ["before", "after"])
def test_ctrl_c_while_a_checkpoint_is_written(
    when: str, listen: Any, write_pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[Best] = []
    original = Checkpoint.save

    def save(self: Checkpoint, module: torch.nn.Module, best: Best) -> None:
        if saved and when == "before":
            self.file.with_name(f".{self.file.name}-1").write_bytes(b"half")
            raise KeyboardInterrupt
        original(self, module, best)
        saved.append(best)
        if len(saved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", save)
    with pytest.raises(KeyboardInterrupt, match="--finish"):
        train(write_pipeline(tmp_path, training={"epochs": 9, "model_selection": "best"}), runs=tmp_path / "runs")
    (run,) = (tmp_path / "runs").iterdir()
    result = finish_run(run)
    assert (result.best_epoch, result.dev) == (saved[-1].epoch, saved[-1].dev)
    assert len(saved) == (1 if when == "before" else 2)
    assert not (result.run_dir / "checkpoints").exists()
    assert (tmp_path / "runs" / "latest" / "model").is_dir()


def test_a_run_that_diverges_ends_with_an_error(write_pipeline: Any, tmp_path: Path) -> None:
    freezing = {"type": "discriminative", "encoder_lr": 1e6, "head_lr": 1e6}
    with pytest.raises(TrainingError, match=r"lower the learning rates of the freezing strategy"):
        train(write_pipeline(tmp_path, freezing=freezing), runs=tmp_path / "runs")
    assert not (tmp_path / "runs" / "latest").exists()


def test_the_runs_own_pipeline_can_be_run_again(trained: Any, tmp_path: Path) -> None:
    again = load_pipeline(trained.run_dir / "pipeline.json", check_files=True)
    assert again.path(again.data.train).is_file()
    assert not Path(again.data.train).is_absolute()


def test_what_dev_lacks_is_said(listen: Any, records: Any, jsonl: Any, write_pipeline: Any, tmp_path: Path) -> None:
    dev = [{"text": record["text"], "intent": "else"} for record in records[:4]]
    file = jsonl(tmp_path / "dev.jsonl", dev)
    listening = listen()
    pipeline = write_pipeline(tmp_path, data={"dev": str(file)}, training={"epochs": 1})
    train(pipeline, runs=tmp_path / "runs", callbacks=[listening])
    (start,) = listening.of(RunStart)
    assert any("dev: 4 annotations have labels that train never had for 'intent'" in said for said in told_by(start))
    assert "dev: nothing is annotated for 'ner', so it has no figures there" in told_by(start)


def test_divergence_after_a_good_epoch_keeps_that_epoch(listen: Any, write_pipeline: Any, tmp_path: Path) -> None:
    def spoil(event: EpochEnd) -> None:
        if event.epoch == 1:
            raise TrainingError("the loss is no longer a number")

    listening = listen(at_epoch=spoil)
    pipeline = write_pipeline(tmp_path, training={"epochs": 9, "model_selection": "best"})
    result = train(pipeline, runs=tmp_path / "runs", callbacks=[listening])
    assert result.reason.startswith("diverged (the loss is no longer a number)")
    assert result.best_epoch in (0, 1)
    assert load(tmp_path / "runs" / "latest")("play jazz").intent.confidence > 0


def test_a_model_that_gives_no_numbers_is_not_saved(write_pipeline: Any, tmp_path: Path) -> None:
    freezing = {"type": "discriminative", "encoder_lr": 1e6, "head_lr": 1e6}
    pipeline = write_pipeline(tmp_path, freezing=freezing, training={"epochs": 1, "batch_size": 64})  # a single step
    with pytest.raises(ModelError, match=r"the head '\w+' gives outputs that are no numbers"):
        train(pipeline, runs=tmp_path / "runs")
    assert not list((tmp_path / "runs").glob("*/checkpoints"))
    assert not list((tmp_path / "runs").glob("*/model"))


def test_slips_in_the_data_are_pointed_out(
    listen: Any, records: Any, jsonl: Any, write_pipeline: Any, tmp_path: Path
) -> None:
    slips = [{"text": "hello", "intent": "Play "}, {"text": "hi", "intents": "play"}, {"text": "ho", "id": 7}]
    file = jsonl(tmp_path / "train.jsonl", [*records, *slips])
    data = {"train": str(file), "dev": str(file)}
    listening = listen()
    train(write_pipeline(tmp_path, data=data, training={"epochs": 1}), runs=tmp_path / "runs", callbacks=[listening])
    (start,) = listening.of(RunStart)
    assert "train: 'intent' has a label 'Play ' and a label 'play': is one of them a slip?" in told_by(start)
    assert "train: no head reads the field 'intents' of 1 examples; did you mean 'intent'?" in told_by(start)
    assert any("utterances are in train, too: its figures will flatter" in said for said in told_by(start))
    assert not any("'id'" in warning for warning in told_by(start))


def test_a_dev_set_without_entities_gives_no_f1(listen: Any, jsonl: Any, write_pipeline: Any, tmp_path: Path) -> None:
    dev = [{"text": "play music", "intent": "play", "entities": []}]
    file = jsonl(tmp_path / "dev.jsonl", dev)
    listening = listen()
    pipeline = write_pipeline(tmp_path, data={"dev": str(file)}, training={"epochs": 1})
    result = train(pipeline, runs=tmp_path / "runs", callbacks=[listening])
    assert set(result.dev) == {"intent.accuracy", "intent.macro_f1", "exact_match"}
    assert "dev: nothing is annotated for 'ner', so it has no figures there" in told_by(listening.of(RunStart)[0])


def test_every_file_of_the_model_may_be_read_by_whom_the_umask_allows(trained: Any) -> None:
    modes = {file.name: file.stat().st_mode & 0o777 for file in trained.model_dir.rglob("*") if file.is_file()}
    assert set(modes.values()) == {modes["model.json"]}


def test_a_head_that_learns_what_is_out_of_scope_as_a_label_is_pointed_out(
    listen: Any, records: Any, jsonl: Any, write_pipeline: Any, tmp_path: Path
) -> None:
    topics = [{**record, "topic": "oos" if number % 3 else "x"} for number, record in enumerate(records)]
    file = jsonl(tmp_path / "train.jsonl", [*topics, {"text": "why", "intent": "oos", "topic": "x"}])
    heads = {"intent": "intent", "about": {"type": "intent", "field": "topic"}}

    def told(**data: Any) -> list[str]:
        listening = listen()
        pipeline = write_pipeline(tmp_path, data={"train": str(file), "dev": str(file), **data}, heads=heads)
        train(pipeline, runs=tmp_path / "runs", callbacks=[listening])
        (start,) = listening.of(RunStart)
        return [warning for warning in told_by(start) if "data.out_of_scope" in warning]

    (warning,) = told()
    assert warning.startswith("train: 'about' learns 'oos' like any other label, for data.out_of_scope goes by the")
    assert told(out_of_scope=[]) == []
