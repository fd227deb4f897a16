"""What is said of data before anything is trained: counts and places, all of the places in the run's log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.config.check import load_pipeline
from nlu_kit.errors import DataError
from nlu_kit.training.data_checks import data_findings
from nlu_kit.training.prepare import prepare
from nlu_kit.training.run import train

CONFLICTS = [
    {"text": "cancel it", "intent": "cancel_order", "entities": []},
    {"text": "cancel it", "intent": "cancel_flight", "entities": []},
    {"text": "Cancel it ", "intent": "cancel_order", "entities": []},
    {"text": "train to Oslo", "intent": "travel", "entities": [{"start": 9, "end": 13, "label": "city"}]},
    {"text": "train to Oslo", "intent": "travel", "entities": [{"start": 9, "end": 13, "label": "destination"}]},
    {"text": "train to Oslo", "intent": "travel", "entities": []},
]


@pytest.fixture
def findings(write_pipeline: Any, jsonl: Any, records: Any, tmp_path: Path) -> Any:
    """``findings(train, dev)``: (message, places) of each."""

    def find(train: list[dict[str, Any]], dev: list[dict[str, Any]] | None = None) -> dict[str, list[str]]:
        files = {"train": jsonl(tmp_path / "t.jsonl", train), "dev": jsonl(tmp_path / "d.jsonl", dev or records[:3])}
        data = {"test": None, **{split: str(file) for split, file in files.items()}}
        prepared = prepare(load_pipeline(write_pipeline(tmp_path, data=data)))
        return {finding.message: list(finding.places) for finding in data_findings(prepared)}

    return find


def only(found: dict[str, list[str]], part: str) -> list[str]:
    (places,) = [places for message, places in found.items() if part in message]
    return places


def test_contradictions_have_their_places(findings: Any, records: Any) -> None:
    found = findings([*CONFLICTS, *records])
    (intents,) = only(found, "train: 1 text is annotated in several ways for 'intent'")
    assert "t.jsonl:1" in intents
    assert "t.jsonl:2" in intents
    assert "cancel_flight" in intents
    (entities,) = only(found, "train: 1 text is annotated in several ways for 'ner'")
    assert [f"t.jsonl:{line}" in entities for line in (4, 5, 6)] == [True] * 3


def test_what_is_in_train_and_dev_is_said(findings: Any, records: Any) -> None:
    dev = [{**records[4], "text": records[4]["text"].upper()}, {"text": "something else", "intent": "play"}]
    (place,) = only(findings(records, dev), "dev: 1 of the utterances are in train, too")
    assert "d.jsonl:1 is " in place
    assert "t.jsonl:5" in place


def test_labels_that_only_dev_has_are_named(findings: Any, records: Any) -> None:
    dev = [{"text": "hum", "intent": "sing"}, {"text": "go", "intent": "sing"}, records[0]]
    assert len(only(findings(records, dev), "2 annotations have labels that train never had for 'intent'")) == 2


def test_lost_annotations_are_in_the_log_all_of_them(
    write_pipeline: Any, jsonl: Any, records: Any, tmp_path: Path
) -> None:
    """An entity that ends inside a word: "Par" of "Paris"."""
    odd = [
        {"text": f"see Paris now {n}", "intent": "play", "entities": [{"start": 4, "end": 7, "label": "city"}]}
        for n in range(12)
    ]
    file = jsonl(tmp_path / "t.jsonl", [*records, *odd])
    result = train(write_pipeline(tmp_path, data={"train": str(file)}), runs=tmp_path / "runs")
    log = (result.run_dir / "log.txt").read_text(encoding="utf-8")
    assert "train: 'ner' can't learn 12 annotations" in log
    assert log.count("t.jsonl:") >= 12
    assert "t.jsonl:58: 'Par' [4, 7) city" in log


def test_where_most_of_a_label_is_lost_nothing_is_trained(
    write_pipeline: Any, jsonl: Any, records: Any, tmp_path: Path
) -> None:
    wrong = [
        {**record, "entities": [{**entity, "end": entity["end"] - 1} for entity in record["entities"]]}
        for record in records
    ]
    file = jsonl(tmp_path / "t.jsonl", wrong)
    with pytest.raises(DataError, match=r"(?s)t\.jsonl:\d+") as caught:
        train(write_pipeline(tmp_path, data={"train": str(file)}), runs=tmp_path / "runs")
    assert "the head 'ner' can't learn most annotations of these labels" in str(caught.value)
    assert "city 18 of 18" in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_corpus_without_entities_trains_the_head_that_it_can(
    pipeline_sections: Any, jsonl: Any, records: Any, tmp_path: Path
) -> None:
    plain = [{"text": record["text"], "intent": record["intent"]} for record in records]
    file = jsonl(tmp_path / "t.jsonl", plain)
    sections = pipeline_sections(data={"train": str(file), "dev": str(file), "test": None})
    del sections["heads"]
    (tmp_path / "pipeline.json").write_text(json.dumps(sections), encoding="utf-8")
    result = train(tmp_path / "pipeline.json", runs=tmp_path / "runs")
    assert set(result.dev) == {"intent.accuracy", "intent.macro_f1", "exact_match"}
    assert "there is no head 'ner'" in (result.run_dir / "log.txt").read_text(encoding="utf-8")


def test_half_a_surrogate_pair_in_a_label_is_found_before_training(write_pipeline: Any, tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text('{"text": "play some jazz", "intent": "play\\ud83d_music", "entities": []}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"t\.jsonl:1: .*half of a surrogate pair"):
        train(write_pipeline(tmp_path, data={"train": str(file)}), runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
