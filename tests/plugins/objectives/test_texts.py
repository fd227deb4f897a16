"""Texts from files, folders, gzipped ones and corpora: each once, none blank, and not all in memory."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.errors import ConfigError, DataError
from nlu_kit_objectives.texts import TextStore


def test_a_store_gives_back_what_it_got() -> None:
    texts = ["a", "", "東京 🙂", "x" * 100_000, "line\nbreak"]
    store = TextStore(iter(texts))
    assert [store[i] for i in range(len(store))] == texts


def test_every_source_is_read(make: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\n\n  \ntwo\none\n", encoding="utf-8")
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    with gzip.open(tmp_path / "folder" / "deep" / "b.txt.gz", "wt", encoding="utf-8") as stream:
        stream.write("three\n")
    (tmp_path / "folder" / "c.txt").write_text("four", encoding="utf-8")
    (tmp_path / "folder" / "notes.md").write_text("not a text", encoding="utf-8")
    (tmp_path / "d.jsonl").write_text(json.dumps({"text": "five"}) + "\n", encoding="utf-8")
    objective = make("mlm", texts=["a.txt", "folder"], corpora=["d.jsonl"], dev=["d.jsonl", "a.txt"])
    texts = objective.texts
    assert [texts.encoding(i).text for i in range(len(objective))] == ["one", "two", "four", "three", "five"]
    assert [encoding.text for encoding in texts.dev] == ["five", "one", "two", "one"]
    report = objective.report()
    assert (report.counts["texts"], report.counts["held out"], report.dropped) == (5, 4, {"there already": 1})


def test_some_are_held_out(make: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"text {i}\n" for i in range(500)), encoding="utf-8")
    texts = make("mlm", texts=["a.txt"]).texts
    assert (len(texts), len(texts.dev)) == (400, 100)
    learnt = {texts.encoding(i).text for i in range(len(texts))}
    assert learnt.isdisjoint(encoding.text for encoding in texts.dev)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "finds no text in a.txt"),
        ("a.txt", b"\xff\xfe\n", r"a\.txt:1: not UTF-8"),
        ("a.txt.gz", b"not gzipped", r"a\.txt\.gz: the file can't be read"),
        ("folder/notes.md", b"x", r"folder has no text files; they end in \.txt"),
        ("a.txt", b"few\n", "has 1 texts, too few to hold some out"),
    ],
)
def test_what_is_no_text_is_said_so(name: str, content: bytes, message: str, make: Any, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        make("mlm", texts=[name.partition("/")[0]])


def test_texts_must_be_named(make: Any) -> None:
    with pytest.raises(ConfigError, match="name files of text"):
        make("mlm")
