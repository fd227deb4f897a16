"""The tables that ship can be read, and no split has seen another's sentences."""

from __future__ import annotations

from pathlib import Path

from nlu_kit_csv.params import CsvParams
from nlu_kit_csv.reader import read_csv

DATA = Path(__file__).parents[1] / "data"


def test_splits_share_no_sentence_and_are_annotated() -> None:
    examples = [
        example
        for split in ("train", "dev", "test")
        for example in read_csv(CsvParams(text="utterance"), DATA / f"{split}.csv")
    ]
    assert len({example.text for example in examples}) == len(examples) == 285
    assert all(example.intent is not None and example.entities is not None for example in examples)
    spans = {(e.label, example.text[e.start : e.end]) for example in examples for e in example.entities or ()}
    assert ("room", "living room") in spans
