"""Reading pipeline.json and ``--set``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nlu_kit.config.load import apply_overrides, read_json_object
from nlu_kit.errors import ConfigError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1,}', "line 1, column"),
        (b"", "not valid JSON"),
        (b"[]", "expected a JSON object, got list"),
        (b'{"a": 1, "a": 2}', "the key 'a' occurs twice"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": "\\ud800"}', "not valid JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", "not valid JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_broken_file_names_itself_and_the_place(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "pipeline.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_json_object(file)
    assert message in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_missing_file_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nlu-kit init"):
        read_json_object(tmp_path / "gone.json")
    with pytest.raises(ConfigError, match="can't be read"):
        read_json_object(tmp_path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.json"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json_object(file) == {"a": 1}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.epochs=3", {"sampler": "weighted", "training": {"epochs": 3}}),
        ("sampler=random", {"sampler": "random"}),
        ("sampler.strength=2.5", {"sampler": {"type": "weighted", "strength": 2.5}}),
        ('sampler={"type": "random"}', {"sampler": {"type": "random"}}),
        ("name=a=b", {"sampler": "weighted", "name": "a=b"}),
        ("name=", {"sampler": "weighted", "name": ""}),
        ("heads.ner.loss.type=x", {"sampler": "weighted", "heads": {"ner": {"loss": {"type": "x"}}}}),
        ("data.dev=null", {"sampler": "weighted", "data": {"dev": None}}),
        ("rate=NaN", {"sampler": "weighted", "rate": "NaN"}),
    ],
)
def test_set(override: str, expected: dict[str, Any]) -> None:
    raw = {"sampler": "weighted"}
    assert apply_overrides(raw, [override]) == expected
    assert raw == {"sampler": "weighted"}, "the original stays as it was"


def test_set_reaches_into_lists() -> None:
    raw = {"objectives": [{"type": "mlm"}, "span"]}
    assert apply_overrides(raw, ["objectives.0.weight=2", "objectives.1.share=0.2"]) == {
        "objectives": [{"type": "mlm", "weight": 2}, {"type": "span", "share": 0.2}]
    }


@pytest.mark.parametrize(
    "override", ["epochs", "=3", "a..b=3", ".a=3", "list.1=3", "list.x=3", "list.0.a=3", "none.0=1"]
)
def test_set_that_can_not_be_read(override: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        apply_overrides({"list": [1], "none": []}, [override])
