"""Strict JSON, regular files only, writes that are whole or not there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu_kit.files import JsonError, open_regular, parse_json, read_json, read_regular, replacing, sha256, write_whole

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_what_json_writes_is_read_back(value: Any) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=False)) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON: Expecting value at line 1, column 1"),
        ('{"a": 1,\n "b": }', "at line 2, column 7"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": -Infinity}', "-Infinity is not a JSON number"),
        ('{"a": 1e999}', "1e999 is too large a number"),
        ('{"a": {"b": 1, "b": 2}}', "the key 'b' occurs twice in one object"),
        ('"\\ud83d"', "half of a surrogate pair"),
        ('{"\\ud83d": 1}', "half of a surrogate pair"),
        ("[" * 12_000, "nested too deeply"),
        ("[" * 12_000 + "]" * 12_000, "nested too deeply"),
        ('{"a": ' + "1" * 5000 + "}", "not valid JSON"),
    ],
)
def test_what_json_has_not_is_refused(text: str, message: str) -> None:
    with pytest.raises(JsonError) as caught:
        parse_json(text)
    assert message in str(caught.value)


def test_a_whole_pair_of_surrogates_is_a_character() -> None:
    assert parse_json('"\\ud83d\\ude0a"') == "😊"


def test_a_file_is_read_within_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(file, limit=11) == {"a": 1}
    with pytest.raises(JsonError, match="larger than 10 bytes"):
        read_json(file, limit=10)
    file.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(JsonError, match="not UTF-8: byte 0xff at position 7"):
        read_json(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
@pytest.mark.parametrize("read", [open_regular, read_regular, read_json, sha256])
def test_only_regular_files_are_read(tmp_path: Path, read: Any) -> None:
    os.mkfifo(tmp_path / "pipe")  # that nobody writes to: opened as usual, it would wait for ever
    for place, kind in ((tmp_path / "pipe", "a pipe"), (tmp_path, "a folder"), (Path("/dev/zero"), "a device")):
        with pytest.raises(OSError, match=f"this is {kind}, not a regular file"):
            read(place)
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with pytest.raises(OSError, match="this is a pipe"):
        read(tmp_path / "link")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "gone")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.txt"
    write_whole(file, "old")

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as stream:
            stream.write(data[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, "new")
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [("a.txt", "old")]


def test_a_folder_or_a_link_takes_its_place_whole_or_not_at_all(tmp_path: Path) -> None:
    with replacing(tmp_path / "model") as temporary:
        temporary.mkdir()
        (temporary / "weights").write_bytes(b"1")
        assert not (tmp_path / "model").exists()
    assert (tmp_path / "model" / "weights").read_bytes() == b"1"
    for target in ("one", "two"):
        with replacing(tmp_path / "latest") as temporary:
            temporary.symlink_to(target)
    assert (tmp_path / "latest").readlink() == Path("two")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "other") as temporary:
        temporary.write_bytes(bytes(1 // 0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "model"]
