"""The one place that prints: no user commands a terminal, JSON is JSON, and a remark that fails is dropped."""

from __future__ import annotations

import ast
import io
import json
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nlu_kit.cli
from nlu_kit.cli import output
from nlu_kit.cli.main import cli, main
from nlu_kit.cli.output import json_text, mention, say, say_json, shown, style, warn
from nlu_kit.data.printable import printable
from nlu_kit.errors import DataError

ROOM = Path(nlu_kit.cli.__file__).parent
NASTY = "hi \x1b[31m\x1b[2J \x07\x9b \r \u202e\u2028 \x7f"
ANY = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x1b\x07\x9b\r\u2028\u202e\x7f[m"))


class Stream(io.TextIOWrapper):
    """A stdout of that encoding."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="backslashreplace", write_through=True)

    @property
    def written(self) -> bytes:
        return self.buffer.getvalue()  # type: ignore[attr-defined,no-any-return]


class Full(io.StringIO):
    """A stream that can't be written."""

    def write(self, text: str, /) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("file", sorted(ROOM.glob("*.py")), ids=lambda file: file.name)
def test_nobody_else_prints(file: Path) -> None:
    """``print``, ``click.echo``, ``click.secho`` and ``click.style`` pass by the wrapper."""
    if file.name == "output.py":
        return
    calls = [node.func for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    names = {ast.unparse(call) for call in calls}
    assert (
        names & {"print", "click.echo", "click.secho", "click.style", "click.echo_via_pager", "sys.stdout.write"}
        == set()
    )
    if file.name not in ("config.py", "plugins.py", "plugins_check.py", "plugins_new.py"):  # values in a line, files
        assert "json.dumps" not in names


@given(ANY, ANY)
def test_our_own_styles_are_all_that_is_left(plain: str, coloured: str) -> None:
    expected = printable(plain) + click.style(printable(coloured), fg="red", bold=True)
    assert shown(plain + style(coloured, fg="red", bold=True)) == expected


def test_styles_of_users_are_none() -> None:
    assert shown("\x1b[31mred\x1b[0m") == "␛[31mred␛[0m"
    assert click.unstyle(shown(style("\x1b[31mred", bold=True))) == "␛[31mred"


@pytest.mark.parametrize("print_", [say, mention])
def test_nothing_raw_on_stdout(print_: Any, capsys: pytest.CaptureFixture[str]) -> None:
    print_(f"{NASTY}\nnext")
    assert capsys.readouterr().out == f"{printable(NASTY)}\nnext\n"


def test_errors_and_usage_errors_show_symbols(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def body() -> None:
        raise DataError(f"x.jsonl:3: {NASTY}\n  more")

    monkeypatch.setitem(cli.commands, "fail", click.Command("fail", callback=body))
    assert main(["fail"]) == 2
    assert capsys.readouterr().err == f"error: x.jsonl:3: {printable(NASTY)}\n  more\n"
    for arguments in (
        [NASTY],
        ["predict", f"--{NASTY}"],
        ["predict", "x", "--device", NASTY],
        ["plugins", "show", NASTY, "x"],
    ):
        assert main(arguments) == 2
        said = capsys.readouterr().err
        assert "␇" in said or "\\x07" in said  # click itself drops colours, and some versions of it show a repr
        assert said == printable(said)


@given(st.recursive(st.none() | st.integers() | ANY, lambda inner: st.lists(inner) | st.dictionaries(ANY, inner)))
def test_json_is_the_same_and_has_nothing_that_commands(value: Any) -> None:
    for ascii_only in (False, True):
        text = json_text(value, ascii_only=ascii_only)
        assert json.loads(text) == value
        assert printable(text) == text
        assert text.isascii() or not ascii_only
        assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("encoding", "raw"), [("utf-8", True), ("utf-16", True), ("cp1252", False), ("ascii", False), ("latin-1", False)]
)
def test_json_is_json_in_every_encoding(encoding: str, raw: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    say_json({"text": "Zürich 😀"}, indent=2)
    text = stream.written.decode(encoding)
    assert json.loads(text) == {"text": "Zürich 😀"}
    assert ("😀" in text) is raw


def test_people_get_escapes_where_their_terminal_lacks_the_character(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream("cp1252")
    monkeypatch.setattr(sys, "stdout", stream)
    say("Zürich 😀 \x1b")
    assert stream.written.decode("cp1252").rstrip() == "Zürich \\U0001f600 \\u241b"


def test_a_result_that_cannot_be_written_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(OSError, match="No space left"):
        say("x")
    with pytest.raises(OSError, match="No space left"):
        say_json({})
    with pytest.raises(ValueError, match="JSON"):
        say_json(float("nan"))


def test_a_remark_that_cannot_be_written_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    monkeypatch.setattr(sys, "stderr", Full())
    mention("x")
    warn("x")


@pytest.mark.parametrize("closed", [None])
def test_a_closed_stream_takes_everything(closed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", closed)
    monkeypatch.setattr(sys, "stderr", closed)
    for print_ in (say, mention, warn):
        print_("x")
    say_json({})
    output.silence(None)
