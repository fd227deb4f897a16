"""Corpora and pipelines with all that can be wrong: each is refused with a clear error, or means something."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.config.check import load_pipeline
from nlu_kit.corpus.read import read_corpus
from nlu_kit.errors import NluKitError
from nlu_kit.registry import Registry

VALUES: tuple[Any, ...] = (None, True, -1, 0, 2**32, 10**12, 1e300, "x", "", "\x1b[2J", [], [[]], {}, {"type": "x"})
GOOD = '{"text": "play some jazz", "intent": "play", "entities": [{"start": 10, "end": 14, "label": "genre"}]}'
LINES = [
    "", "{", "[]", "1", "null", '"text"', "{}", '{"text": 1}', '{"text": null}', '{"text": ""}', '{"text": " "}',
    '{"text": "a", "text": "b"}', '{"text": "a", "n": NaN}', '{"text": "a", "n": 1e999}', '{"text": "\\ud83d"}',
    '{"text": "a", "intent": "\\ud83d"}', '{"text": "a", "intent": 1}', '{"text": "a", "intent": ""}',
    '{"text": "a", "intent": ["a", "a"]}', '{"text": "a", "intent": {}}', '{"text": "a", "entities": 1}',
    '{"text": "a", "entities": [1]}', '{"text": "a", "entities": [{}]}', "[" * 12_000, "{" * 12_000, "9" * 5000,
    '{"text": "a", "entities": [{"start": -1, "end": 1, "label": "x"}]}',
    '{"text": "a", "entities": [{"start": 0, "end": 9, "label": "x"}]}',
    '{"text": "a", "entities": [{"start": 1, "end": 0, "label": "x"}]}',
    '{"text": "a", "entities": [{"start": 0.0, "end": 1, "label": "x"}]}',
    '{"text": "a", "entities": [{"start": true, "end": 1, "label": "x"}]}',
    '{"text": "a", "entities": [{"start": 0, "end": 1, "label": ""}]}',
    '{"text": "a", "entities": [{"start": 0, "end": 1, "label": "\\udc00"}]}',
    '{"text": "a", "entities": [{"start": 0, "end": 1, "label": "x", "role": 1}]}',
    '{"text": "a", "entities": [{"start": 0, "end": 1, "label": "x", "more": 1}]}',
    '{"text": "a b", "entities": [{"start": 1, "end": 3, "label": "x"}]}',
    '{"text": "a", "out_of_scope": "true"}', '{"text": "a", "out_of_scope": 1}', '{"utterance": "a"}', "\0", "\x1b[2J",
]  # fmt: skip
BYTES = [b"", b"\n\n\n", b"\xff\xfe{", b"\xef\xbb\xbf", b"\0" * 1000, b"\x80abc\n", b"\r", GOOD.encode("utf-16")]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*path, key)
        yield from places(below, (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    changed = copy.deepcopy(value)
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = new
    return changed


@pytest.fixture(scope="module")
def counted() -> Iterator[Callable[[str, Callable[[], object]], None]]:
    """``counted(title, call)``: a clean error or none; anything else is a fault, and in the end there may be none."""
    counts = {"clean errors": 0, "taken": 0}
    faults: list[str] = []

    def count(title: str, call: Callable[[], object]) -> None:
        try:
            call()
            counts["taken"] += 1
        except NluKitError as error:
            str(error).encode()  # can be printed
            counts["clean errors"] += 1
        except Exception as error:
            faults.append(f"{title}: {type(error).__name__}: {error}")

    yield count
    print(counts)
    assert faults == []
    assert sum(counts.values()) >= 200


def test_pipelines(pipeline_sections: Any, tmp_path: Path, counted: Any) -> None:
    """Each key of a whole pipeline, with a value of another kind or beyond all bounds."""
    registry, file = Registry.load(), tmp_path / "pipeline.json"
    file.write_text(json.dumps(pipeline_sections()), encoding="utf-8")
    whole = load_pipeline(file, registry=registry).to_json()
    for path in places(whole):
        for new in VALUES:
            file.write_text(json.dumps(put(whole, path, new)), encoding="utf-8")
            counted(f"{path} {new!r}", lambda: load_pipeline(file, registry=registry, check_files=True))
    texts = ["", "[]", "{", '{"data": {"data": NaN}}', "[" * 12_000, '{"a": 1, "a": 2}', '{"name": "\\ud83d"}', "\0"]
    for text in texts:
        file.write_text(text, encoding="utf-8")
        with pytest.raises(NluKitError):
            load_pipeline(file, registry=registry)


def test_corpora(write_pipeline: Any, tmp_path: Path, counted: Any) -> None:
    """Each line among good ones, as the first and the last; files of no lines; what is no regular file."""
    data = tmp_path / "train.jsonl"
    pipeline = load_pipeline(write_pipeline(tmp_path, data={"train": str(data), "dev": str(data), "test": None}))
    contents = [f"{GOOD}\n{line}\n{GOOD}\n".encode() for line in LINES] + [f"{line}\n".encode() for line in LINES]
    for content in [*contents, *BYTES]:
        data.write_bytes(content)
        counted(repr(content[:60]), lambda: read_corpus(pipeline))
    makers: list[Callable[[], object]] = [data.mkdir, lambda: data.symlink_to("/dev/zero"), lambda: os.mkfifo(data)]
    for make in makers if hasattr(os, "mkfifo") else makers[:1]:
        data.rmdir() if data.is_dir() and not data.is_symlink() else data.unlink()
        make()
        with pytest.raises(NluKitError):
            read_corpus(pipeline)
