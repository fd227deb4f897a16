"""Which data is read, and with which reader."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.data.example import Example
from nlu_kit.errors import ConfigError, DataError, NluKitError
from nlu_kit.evaluation.data import read_data
from nlu_kit.params import Params
from nlu_kit.plugin.hooks import hookimpl
from nlu_kit.plugin.specs import ReaderSpec
from nlu_kit.registry import Registry


class CsvParams(Params):
    separator: str = ";"


def read(params: CsvParams, path: Path) -> Iterable[Example]:
    for line in path.read_text(encoding="utf-8").splitlines():
        text, intent = line.split(params.separator)
        yield Example(text=text, intent=intent)


class Plugin:
    NLU_KIT_CONTRACT = 2

    @hookimpl
    def nlu_kit_readers(self) -> list[ReaderSpec[Any]]:
        def is_csv(path: Path) -> bool:
            return path.suffix == ".csv"

        names = ("csv", "other")
        return [ReaderSpec(name=name, summary="x", params=CsvParams, read=read, detect=is_csv) for name in names]


REGISTRY = Registry.of({"csv": Plugin()})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of something that says of itself that it is a model in a run."""
    folder = tmp_path / "runs" / "x" / "model"
    folder.mkdir(parents=True)
    return folder


def names(folder: Path, **data: Any) -> None:
    (folder / "pipeline.json").write_text(json.dumps({"data": data}), encoding="utf-8")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "t.csv"
    file.write_text("play jazz;play\nwhy;oos\n", encoding="utf-8")
    return file


def test_the_test_set_of_the_run_comes_first_then_the_models_own(
    model: Path, table: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    names(model, test="t.csv", reader={"type": "csv"})
    monkeypatch.chdir(tmp_path)
    assert read_data(None, model=model, registry=REGISTRY).path == Path("t.csv")
    (tmp_path / "runs" / "other.csv").write_text("a;b\n", encoding="utf-8")
    names(model.parent, test="../other.csv", reader={"type": "csv"})
    assert read_data(None, model=model, registry=REGISTRY).path == Path("runs/other.csv")


def test_no_test_set(model: Path) -> None:
    with pytest.raises(DataError, match="names no test set; name the data"):
        read_data(None, model=model, registry=REGISTRY)
    names(model, test="gone.csv")
    with pytest.raises(DataError, match=r"gone\.csv, is not there"):
        read_data(None, model=model, registry=REGISTRY)


def test_the_reader(model: Path, table: Path) -> None:
    with pytest.raises(DataError, match=r"several readers recognise.*--reader to one of: csv, other"):
        read_data(table, model=model, registry=REGISTRY)
    assert len(read_data(table, model=model, registry=REGISTRY, reader="csv").examples) == 2
    names(model, reader={"type": "csv", "separator": ";"})
    assert len(read_data(table, model=model, registry=REGISTRY).examples) == 2
    odd = table.with_suffix(".txt")
    odd.write_text("a,b\n", encoding="utf-8")
    reader = '{"type": "csv", "separator": ","}'
    assert read_data(odd, model=model, registry=REGISTRY, reader=reader).examples[0].intent == "b"
    names(model, reader={"type": "fold"})
    with pytest.raises(DataError, match="no installed reader recognises"):
        read_data(odd, model=model, registry=REGISTRY)


@pytest.mark.parametrize(
    ("reader", "kind", "told"),
    [
        ("csb", ConfigError, "did you mean 'csv'"),
        ('{"type": "csv", "sep": ","}', ConfigError, "--reader.sep: unknown key 'sep'"),
        ("{nonsense", DataError, "not valid JSON"),
        ('{"separator": ","}', ConfigError, "--reader.type: a reader is"),
    ],
)
def test_readers_that_are_none(reader: str, kind: type[NluKitError], told: str, model: Path, table: Path) -> None:
    with pytest.raises(kind, match=told):
        read_data(table, model=model, registry=REGISTRY, reader=reader)


def test_missing_and_empty_data(model: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no .*nothing"):
        read_data(tmp_path / "nothing", model=model, registry=REGISTRY)
    empty = tmp_path / "e.csv"
    empty.write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="holds no examples"):
        read_data(empty, model=model, registry=REGISTRY, reader="csv")


def test_what_is_out_of_scope_is_what_the_model_says(model: Path, table: Path) -> None:
    names(model, reader={"type": "csv"}, out_of_scope=["oos"])
    examples = read_data(table, model=model, registry=REGISTRY).examples
    assert [(example.intent, example.out_of_scope) for example in examples] == [("play", False), (None, True)]
    names(model, reader={"type": "csv"})  # a model that learnt "oos" like any other intent
    assert read_data(table, model=model, registry=REGISTRY).examples[1].intent == "oos"
