"""metrics.jsonl holds every event as strict JSON; log.txt tells the run in plain lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nlu_kit.data.findings import Finding
from nlu_kit.data.prediction import EntityPrediction, LabelPrediction, Prediction
from nlu_kit.plugin.events import EpochEnd, RunEnd, RunStart, Sample, StepEnd
from nlu_kit.training.listeners import Recorder
from nlu_kit.training.run_lines import epoch_lines, figures, run_end_lines, run_start_lines, sample_lines, warning_lines

TEXT = "fly to Tōkyō"


def entity(label: str, *, confidence: float = 1.0) -> EntityPrediction:
    return EntityPrediction(start=7, end=12, text="Tōkyō", label=label, confidence=confidence)


def sample(gold: Mapping[str, Any], *, intent: str = "fly", label: str = "city") -> Sample:
    found = LabelPrediction(name=intent, confidence=0.7)
    fields = {"intent": found, "intents": (found,), "entities": (entity(label, confidence=0.6),)}
    return Sample(gold=gold, prediction=Prediction(text=TEXT, truncated=False, fields=fields))


GOLD = {"intent": LabelPrediction(name="fly", confidence=1.0), "entities": (entity("city"),)}
START = RunStart(
    run_dir=Path("runs") / "one",
    name="nlu",
    device="cpu",
    precision="fp32",
    processes=1,
    epochs=20,
    steps_per_epoch=55,
    examples={"train": 1750, "dev": 280},
    sampler={"share": 0.51234},
    parameters={"total": 1000, "trainable": 250},
    warnings=[Finding("3 texts are longer than the encoder reads", ["a:1", "a:2", "a:3", "a:4"])],
)
STEP = StepEnd(epoch=0, step=1, steps=55, losses={"intent": 1.5}, total=1.5, rates={"backbone": 1e-5, "heads": 1e-3})
EPOCH = EpochEnd(
    epoch=1,
    epochs=20,
    losses={"intent": 0.25, "ner": 0.5},
    dev={"intent.accuracy": 0.975, "intent.macro_f1": 0.9, "exact_match": 0.5},
    main=["intent.accuracy", "exact_match"],
    score=0.7,
    best_score=0.8,
    best_epoch=0,
    improved=False,
    patience_left=4,
    seconds=2.0,
    examples_per_second=875.0,
    rates={"backbone": 1e-5, "heads": 1e-3},
    samples=[sample(GOLD)],
)
END = RunEnd(
    run_dir=Path("runs") / "one",
    model_dir=Path("runs") / "one" / "model",
    reason="early stopping",
    epochs_run=7,
    best_epoch=1,
    dev={"exact_match": 0.8},
    test={"exact_match": 0.75},
    seconds=12.0,
    peak_memory_mb=512.0,
)


def record_all(folder: Path) -> Recorder:
    recorder = Recorder(folder)
    recorder.on_run_start(START)
    recorder.on_step_end(STEP)
    recorder.on_epoch_end(EPOCH)
    recorder.on_run_end(END)
    return recorder


def test_every_event_is_a_line_of_strict_json(tmp_path: Path) -> None:
    lines = record_all(tmp_path).metrics_file.read_text(encoding="utf-8").splitlines()
    start, step, epoch, end = (json.loads(line) for line in lines)
    assert [record["event"] for record in (start, step, epoch, end)] == ["RunStart", "StepEnd", "EpochEnd", "RunEnd"]
    assert start["run_dir"] == str(START.run_dir)
    assert start["examples"] == {"train": 1750, "dev": 280}
    assert step["losses"] == {"intent": 1.5}
    assert epoch["dev"]["intent.accuracy"] == 0.975
    assert epoch["samples"][0]["prediction"]["fields"]["entities"][0]["text"] == "Tōkyō"
    assert epoch["samples"][0]["gold"]["intent"]["name"] == "fly"
    assert end["reason"] == "early stopping"
    assert "Tōkyō" in lines[2]  # readable, not escaped


def test_each_event_is_on_disk_when_the_call_returns(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.on_step_end(STEP)
    assert len(recorder.metrics_file.read_text(encoding="utf-8").splitlines()) == 1
    recorder.on_step_end(STEP)
    assert len(recorder.metrics_file.read_text(encoding="utf-8").splitlines()) == 2
    assert not recorder.log_file.exists()  # steps are for machines


def test_the_log_is_the_narration(tmp_path: Path) -> None:
    log = record_all(tmp_path).log_file.read_text(encoding="utf-8").splitlines()
    warnings = warning_lines(START, everything=True)
    assert warnings == ["warning   3 texts are longer than the encoder reads", *(f"    a:{n}" for n in (1, 2, 3, 4))]
    assert log == [*run_start_lines(START), *warnings, *epoch_lines(EPOCH), *run_end_lines(END)]


def test_a_run_starts_with_where_what_and_the_warnings() -> None:
    text = "\n".join(run_start_lines(START))
    for part in ("train 1,750, dev 280", "1,000 parameters, 25.0%", "cpu, fp32", "share 0.512", "at most 20 epochs"):
        assert part in text
    assert "processes" not in text
    said = ["warning   3 texts are longer than the encoder reads", "    a:1", "    a:2", "    a:3"]
    assert warning_lines(START) == [*said, "    and 1 more, all of them in runs/one/log.txt"]
    assert "4 processes" in "\n".join(run_start_lines(replace(START, processes=4)))
    assert not any(line.startswith("sampler") for line in run_start_lines(replace(START, sampler={})))
    assert "detector" not in text
    watching = run_start_lines(replace(START, detector="mahalanobis", watched="goal"))
    assert "detector  mahalanobis watches goal" in watching


def test_an_epoch_counts_from_one_and_shows_percent() -> None:
    line = epoch_lines(EPOCH)[0]
    for part in ("epoch 2/20", "intent 0.2500 ner 0.5000", "intent.accuracy 97.50", "score 70.00", "875 examples/s"):
        assert part in line
    assert "best 80.00 in epoch 1" in line
    assert "best so far" in epoch_lines(replace(EPOCH, improved=True))[0]


def test_a_run_ends_with_its_figures_and_its_model() -> None:
    lines = run_end_lines(END)
    assert lines[0].startswith("early stopping after 7 epochs")
    assert "best epoch 2" in lines[0]
    assert lines[1:] == ["dev   exact_match 80.00", "test  exact_match 75.00", f"model {END.model_dir}"]
    assert len(run_end_lines(replace(END, test={}))) == 3


def test_the_sanity_print_marks_what_differs() -> None:
    assert sample_lines(sample(GOLD)) == [
        f"    {TEXT}",
        "      = intent: gold fly | predicted fly",
        "      = entities: gold [Tōkyō]city | predicted [Tōkyō]city",
    ]
    wrong = sample_lines(sample(GOLD, intent="book", label="name"))
    assert wrong[1:] == [
        "      ≠ intent: gold fly | predicted book",
        "      ≠ entities: gold [Tōkyō]city | predicted [Tōkyō]name",
    ]


def test_the_sanity_print_shows_annotated_fields_only() -> None:
    assert len(sample_lines(sample({}))) == 1
    assert sample_lines(sample({"entities": ()}))[1] == "      ≠ entities: gold none | predicted [Tōkyō]city"


def test_sets_of_labels_agree_in_any_order() -> None:
    gold, found = (
        tuple(LabelPrediction(name=name, confidence=1.0) for name in names)
        for names in (("fly", "fare"), ("fare", "fly"))
    )
    prediction = Prediction(text=TEXT, truncated=False, fields={"intents": found, "moods": ()})
    lines = sample_lines(Sample(gold={"intents": gold, "moods": ()}, prediction=prediction))
    assert lines[1:] == [
        "      = intents: gold fare, fly | predicted fare, fly",
        "      = moods: gold none | predicted none",
    ]
    less = Prediction(text=TEXT, truncated=False, fields={"intents": found[:1]})
    assert sample_lines(Sample(gold={"intents": gold}, prediction=less))[1].startswith("      ≠ intents")


def test_figures() -> None:
    assert figures({"ner.f1": 0.5, "exact_match": 1.0}) == "ner.f1 50.00  exact_match 100.00"


def test_what_a_strangers_head_decodes_to_is_compared_without_its_confidence() -> None:
    @dataclass(frozen=True)
    class Pair:
        first: int
        confidence: float

        def __str__(self) -> str:
            return f"<{self.first}>"

    def sample_of(first: int) -> Sample:
        found = Prediction(text="zzz", truncated=False, fields={"pairs": (Pair(1, 0.4), Pair(first, 0.3))})
        return Sample(gold={"pairs": (Pair(1, 1.0), Pair(2, 1.0))}, prediction=found)

    assert sample_lines(sample_of(2))[1] == "      = pairs: gold <1>, <2> | predicted <1>, <2>"
    assert sample_lines(sample_of(3))[1] == "      ≠ pairs: gold <1>, <2> | predicted <1>, <3>"
