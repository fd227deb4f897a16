"""SNIPS and ATIS as they are published; skipped where they are not at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nlu_kit.data.example import Example
from nlu_kit.registry import Registry

DATA = Path(os.environ.get("NLU_KIT_BENCHMARK_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
READER = Registry.load().get("reader", "parallel").spec
SIZES = {
    ("snips", "train"): 13_084,
    ("snips", "dev"): 700,
    ("snips", "test"): 700,
    ("atis", "train"): 4_478,
    ("atis", "dev"): 500,
    ("atis", "test"): 893,
}

pytestmark = pytest.mark.skipif(
    not (DATA / "snips").is_dir() or not (DATA / "atis").is_dir(),
    reason="SNIPS and ATIS are not here; name their parent folder in NLU_KIT_BENCHMARK_DATA",
)


def tags_of(example: Example) -> list[str]:
    """The tags that the example's spans give back, by its words' offsets alone."""
    tags, position = [], 0
    for word in example.text.split():
        position = example.text.index(word, position)
        tag = "O"
        for entity in example.entities or ():
            if entity.start <= position < entity.end:
                tag = f"{'B' if entity.start == position else 'I'}-{entity.label}"
        tags.append(tag)
        position += len(word)
    return tags


@pytest.mark.parametrize(("corpus", "split"), SIZES)
def test_every_split_is_read_whole_and_spans_give_back_the_tags(corpus: str, split: str) -> None:
    path = DATA / corpus / split
    examples = list(READER.read(READER.params(), path))  # type: ignore[attr-defined]
    assert len(examples) == SIZES[corpus, split]
    assert [example.text for example in examples] == (path / "seq.in").read_text("utf-8").split("\n")[:-1]
    assert [example.intent for example in examples] == (path / "label").read_text("utf-8").split()
    tags = [line.split() for line in (path / "seq.out").read_text("utf-8").splitlines()]
    wrong = [example.source for example, line in zip(examples, tags, strict=True) if tags_of(example) != line]
    assert wrong == []


def test_multi_intent_labels_stay_whole() -> None:
    examples = READER.read(READER.params(), DATA / "atis" / "train")  # type: ignore[attr-defined]
    assert any("#" in (example.intent or "") for example in examples)


@pytest.mark.parametrize("corpus", ["snips", "atis"])
def test_only_the_parallel_reader_recognises_the_folder(corpus: str) -> None:
    readers = Registry.load().all("reader")
    assert [p.spec.name for p in readers if p.spec.detect(DATA / corpus / "train")] == ["parallel"]  # type: ignore[attr-defined]
