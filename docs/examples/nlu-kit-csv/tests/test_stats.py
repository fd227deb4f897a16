"""The command: what it counts, which reader it takes, and how it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import nlu_kit_csv
from nlu_kit.plugin import DataError, Entity, Example, PluginError
from nlu_kit.registry import Registry
from nlu_kit_csv.choice import read
from nlu_kit_csv.counts import count

REGISTRY = Registry.of({"csv": nlu_kit_csv})
CITY = Entity(start=0, end=4, label="city")


def test_what_is_counted() -> None:
    counts = count(
        [
            Example(text="Rome", intent="go", entities=(CITY, Entity(start=0, end=1, label="initial"))),
            Example(text="Oslo", intent=("go", "stay"), entities=(CITY,), labels={"stars": "7"}),
            Example(text="hm", intent=(), entities=()),
            Example(text="what"),
        ]
    )
    assert counts.to_json() == {
        "utterances": 4,
        "with_intent": 3,
        "with_entities": 3,
        "intents": {"go": 2, "stay": 1},
        "entities": {"city": 2, "initial": 1},
        "fields": {"stars": 1},
    }
    assert counts.lines() == [
        "utterances  4",
        "intents     2 labels in 3 annotated utterances: go 2, stay 1",
        "entities    2 labels in 3 annotated utterances: city 2, initial 1",
        "fields      stars 1",
    ]
    assert count([Example(text="what")]).lines()[1:] == ["intents     none annotated", "entities    none annotated"]


def test_the_reader_is_the_one_that_recognises_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("text\nhi\n", encoding="utf-8")
    assert [example.text for example in read(file, None, REGISTRY)] == ["hi"]
    other = tmp_path / "a.txt"
    other.write_text("say\nhi\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no installed reader recognises .*a\.txt; say which with --reader"):
        read(other, None, REGISTRY)
    named = read(other, '{"type": "csv", "text": "say"}', REGISTRY)
    assert [example.text for example in named] == ["hi"]


@pytest.mark.parametrize(
    ("reader", "error", "said"),
    [
        ("cvs", PluginError, "unknown reader 'cvs': did you mean 'csv'"),
        ('{"type": "csv", "txt": "say"}', DataError, "the reader 'csv' does not take these parameters: txt"),
        ('{"type": "csv"', DataError, "--reader is a name, or JSON such as"),
        ('{"text": "say"}', DataError, "--reader is a name, or JSON such as"),
    ],
)
def test_readers_that_are_none(tmp_path: Path, reader: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        read(tmp_path, reader, REGISTRY)


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file or folder .*gone\.csv"):
        read(tmp_path / "gone.csv", None, REGISTRY)


def test_the_command_prints_a_part_for_each_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "load", lambda: REGISTRY)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("text,intent\nhi,greet\n", encoding="utf-8")
    files = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    cli = click.Group("nlu-kit")
    nlu_kit_csv.nlu_kit_commands(cli)
    told = CliRunner().invoke(cli, ["stats", *files])
    assert told.exit_code == 0, told.output
    assert told.output.splitlines()[:3] == [
        files[0],
        "  utterances  1",
        "  intents     1 labels in 1 annotated utterances: greet 1",
    ]
    assert list(json.loads(CliRunner().invoke(cli, ["stats", "--json", *files]).output)) == files


def test_counting_needs_neither_torch_nor_numpy() -> None:
    """Heavy imports would make `nlu-kit --help` slow, which asks every plugin for its commands."""
    script = (
        "import sys, nlu_kit_csv, nlu_kit_csv.command, nlu_kit_csv.choice, nlu_kit_csv.counts\n"
        "print([name for name in ('torch', 'transformers', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
