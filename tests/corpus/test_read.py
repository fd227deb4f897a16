"""Finding the reader, and refusing what is missing or empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nlu_kit import plugin
from nlu_kit.config.check import resolve
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.corpus.read import read_corpus, read_examples
from nlu_kit.corpus.split import ENOUGH
from nlu_kit.data.example import Example
from nlu_kit.errors import DataError
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.registry import Registry


class NoParams(plugin.Params):
    pass


class Field(plugin.Params):
    field: str = "intent"


class LineParams(plugin.Params):
    prefix: str = ""


def _read(params: LineParams, path: Path) -> Iterator[Example]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield Example(text=params.prefix + line, intent=line[:1])


def _reader(name: str, *suffixes: str) -> Any:
    return plugin.ReaderSpec(
        name=name, summary="Lines.", params=LineParams, read=_read, detect=lambda path: path.suffix in suffixes
    )


def _stub(cls: Any, **more: Any) -> Any:
    return cls(name="plain", summary="A stub.", params=NoParams, build=None, default=True, **more)


class Stubs:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_readers(self) -> list[Any]:
        return [_reader("lines", ".txt", ".both"), _reader("others", ".both")]

    @hookimpl
    def nlu_kit_backbones(self) -> list[Any]:
        return [_stub(plugin.BackboneSpec)]

    @hookimpl
    def nlu_kit_heads(self) -> list[Any]:
        codec = plugin.lazy("nlu_kit.plugin:LabelCodec")
        return [
            plugin.HeadSpec(
                name="plain",
                summary="A stub.",
                params=Field,
                build=None,
                codec=codec,
                default_loss="plain",
                default=True,
            )
        ]

    @hookimpl
    def nlu_kit_losses(self) -> list[Any]:
        return [_stub(plugin.LossSpec)]

    @hookimpl
    def nlu_kit_balancing(self) -> list[Any]:
        return [_stub(plugin.BalancingSpec)]

    @hookimpl
    def nlu_kit_samplers(self) -> list[Any]:
        return [_stub(plugin.SamplerSpec)]

    @hookimpl
    def nlu_kit_freezing_strategies(self) -> list[Any]:
        return [_stub(plugin.FreezingSpec)]


@pytest.fixture
def pipeline(tmp_path: Path) -> Callable[..., Pipeline]:
    def make(*, seed: int = 1, **data: Any) -> Pipeline:
        raw = {"data": {"train": "train.txt", **data}, "training": {"seed": seed}}
        return resolve(raw, base_dir=tmp_path, registry=Registry.of({"stubs": Stubs()}), check_files=False)

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, int], Path]:
    def lines(name: str, count: int) -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{'ab'[number % 2]}{number}\n" for number in range(count)), encoding="utf-8")
        return path

    return lines


Make = Callable[..., Pipeline]
Write = Callable[[str, int], Path]


def test_auto_takes_the_one_reader_that_recognises_the_path(pipeline: Make, write: Write) -> None:
    path = write("train.txt", 3)
    assert [example.text for example in read_examples(pipeline(), path)] == ["a0", "b1", "a2"]


def test_a_named_reader_reads_with_its_parameters(pipeline: Make, write: Write) -> None:
    path = write("train.both", 1)
    reader = {"type": "others", "prefix": "> "}
    assert [example.text for example in read_examples(pipeline(reader=reader), path)] == ["> a0"]


def test_no_reader_recognises_the_path(pipeline: Make, write: Write) -> None:
    with pytest.raises(DataError, match=r"no installed reader recognises .*train\.csv.*data\.reader.*lines, others"):
        read_examples(pipeline(), write("train.csv", 1))


def test_several_readers_recognise_the_path(pipeline: Make, write: Write) -> None:
    with pytest.raises(DataError, match=r"several readers recognise .*train\.both.*lines, others"):
        read_examples(pipeline(), write("train.both", 1))


def test_a_missing_path_and_an_empty_file_are_data_errors(pipeline: Make, write: Write, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.txt does not exist"):
        read_examples(pipeline(), tmp_path / "nowhere.txt")
    with pytest.raises(DataError, match=r"train\.txt holds no examples"):
        read_examples(pipeline(), write("train.txt", 0))


def test_all_named_splits_are_read(pipeline: Make, write: Write) -> None:
    for name, count in (("train.txt", 5), ("dev.txt", 3), ("test.txt", 2)):
        write(name, count)
    corpus = read_corpus(pipeline(dev="dev.txt", test="test.txt"))
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (5, 3, 2)
    assert not corpus.dev_from_train


def test_dev_is_split_off_train_where_none_is_named(pipeline: Make, write: Write) -> None:
    write("train.txt", 20)
    corpus = read_corpus(pipeline(dev_fraction=0.2))
    assert corpus.dev_from_train
    assert corpus.test == []
    assert Counter(example.intent for example in corpus.dev) == {"a": 2, "b": 2}
    assert len(corpus.train) == 16
    assert read_corpus(pipeline(dev_fraction=0.2)) == corpus
    assert read_corpus(pipeline(dev_fraction=0.2, seed=2)).dev != corpus.dev


def test_a_tenth_is_split_off_where_that_is_enough_to_choose_by(pipeline: Make, write: Write) -> None:
    write("train.txt", 10 * ENOUGH)
    assert len(read_corpus(pipeline()).dev) == ENOUGH
    write("train.txt", 10 * ENOUGH - 10)
    corpus = read_corpus(pipeline())
    assert (len(corpus.train), corpus.dev, corpus.dev_from_train) == (10 * ENOUGH - 10, [], False)


def test_an_empty_dev_file_is_an_error_too(pipeline: Make, write: Write) -> None:
    write("train.txt", 5)
    write("dev.txt", 0)
    with pytest.raises(DataError, match=r"dev\.txt holds no examples"):
        read_corpus(pipeline(dev="dev.txt"))
