"""Finding the reader, refusing what is missing or empty, and splitting dev off train."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nlu_kit import plugin
from nlu_kit.config.check import resolve
from nlu_kit.config.pipeline import Pipeline
from nlu_kit.corpus.read import read_corpus, read_examples, split
from nlu_kit.data.example import Example
from nlu_kit.errors import DataError
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.registry import Registry


class NoParams(plugin.Params):
    pass


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
        return [_stub(plugin.HeadSpec, codec=None, default_loss="plain")]

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


def test_an_empty_dev_file_is_an_error_too(pipeline: Make, write: Write) -> None:
    write("train.txt", 5)
    write("dev.txt", 0)
    with pytest.raises(DataError, match=r"dev\.txt holds no examples"):
        read_corpus(pipeline(dev="dev.txt"))


@given(
    intents=st.lists(st.sampled_from(["a", "b", "c", None]), min_size=2, max_size=60),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32),
)
def test_split_is_a_partition(intents: list[str | None], fraction: float, seed: int) -> None:
    examples = [Example(text=str(number), intent=intent) for number, intent in enumerate(intents)]
    try:
        kept, dev = split(examples, fraction=fraction, seed=seed)
    except DataError:
        assume(False)
    assert kept
    assert dev
    numbers = [[int(example.text) for example in part] for part in (kept, dev)]
    assert numbers == [sorted(part) for part in numbers]  # the order of the file is kept
    assert sorted(numbers[0] + numbers[1]) == list(range(len(examples)))
    assert {example.intent for example in kept} == set(intents)  # train never loses an intent
    assert len(dev) <= fraction * len(examples) + 0.5
    assert split(examples, fraction=fraction, seed=seed) == (kept, dev)


@given(sizes=st.lists(st.integers(10, 30), min_size=1, max_size=6), fraction=st.floats(0.1, 0.5))
def test_split_takes_its_share_of_every_intent(sizes: list[int], fraction: float) -> None:
    examples = [Example(text="x", intent=str(intent)) for intent, size in enumerate(sizes) for _ in range(size)]
    _, dev = split(examples, fraction=fraction, seed=3)
    taken = Counter(example.intent for example in dev)
    assert all(abs(taken[str(intent)] - fraction * size) <= 1 for intent, size in enumerate(sizes))
    assert abs(len(dev) - fraction * sum(sizes)) <= 0.5


def test_tiny_intents_add_up() -> None:
    examples = [Example(text="x", intent=str(number // 2)) for number in range(100)]
    kept, dev = split(examples, fraction=0.1, seed=0)
    assert len(dev) == 10
    assert len({example.intent for example in kept}) == 50


@pytest.mark.parametrize("count", [0, 1, 3])
def test_too_few_examples_to_split(count: int) -> None:
    with pytest.raises(DataError, match=r"too few to split a dev set off, .* set data\.dev"):
        split([Example(text="x", intent="a")] * count, fraction=0.1, seed=0)
