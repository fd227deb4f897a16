"""Exit codes, messages, help: what holds for every command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from nlu_kit import __version__
from nlu_kit.cli.main import cli, main
from nlu_kit.errors import ConfigError, DataError, Problem


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command of ours, groups included."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


COMMANDS = dict(commands(cli))


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], int]:
    """The exit code after a command that raises this."""

    def run(error: BaseException) -> int:
        def body() -> None:
            raise error

        monkeypatch.setitem(cli.commands, "fail", click.Command("fail", callback=body))
        return main(["fail"])

    return run


def test_our_errors_are_a_message_and_exit_code_2(failing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(DataError("train.jsonl:3: no text")) == 2
    assert capsys.readouterr().err == "error: train.jsonl:3: no text\n"
    problems = [Problem("a", "wrong", "right it"), Problem("b", "wrong too")]
    assert failing(ConfigError(problems, source="pipeline.json")) == 2
    assert capsys.readouterr().err == (
        "error: pipeline.json: 2 problems in the configuration\n  - a: wrong\n    right it\n  - b: wrong too\n"
    )


def test_a_bug_says_that_it_is_ours(failing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(RuntimeError("two\nlines")) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "RuntimeError: two lines" in error
    assert "a bug in nlu-kit" in error
    assert "NLU_KIT_DEBUG=1" in error


def test_a_bug_shows_its_traceback_when_asked(
    failing: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NLU_KIT_DEBUG", "1")
    assert failing(RuntimeError("oh")) == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_disk_is_not_our_bug(failing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(PermissionError(13, "Permission denied", "runs")) == 1
    assert capsys.readouterr().err == "error: Permission denied: runs\n"


class OutOfMemoryError(RuntimeError):
    """As torch's, which this must not import."""


class SafetensorError(Exception):
    """As safetensors'."""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "error: No space left on device\n"),
        (OSError("can't read this"), "error: can't read this\n"),
        (TimeoutError(), "error: TimeoutError\n"),
        (SafetensorError("Error while serializing: I/O error: No space left"), "I/O error: No space left\n"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "smaller training.batch_size"),
        (OutOfMemoryError("CUDA out of memory."), "larger training.gradient_accumulation"),
        (MemoryError(), "out of memory"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "out of memory"),
    ],
)
def test_the_machine_is_not_our_bug(
    failing: Any, capsys: pytest.CaptureFixture[str], error: Exception, message: str
) -> None:
    assert failing(error) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert "bug" not in said


def test_the_names_are_those_of_the_libraries() -> None:
    import safetensors
    import torch

    assert torch.OutOfMemoryError.__name__ == OutOfMemoryError.__name__
    assert safetensors.SafetensorError.__name__ == SafetensorError.__name__


def test_a_damaged_safetensors_file_that_nobody_caught_is_a_bug(
    failing: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failing(SafetensorError("Error while deserializing header: invalid")) == 1
    assert "a bug in nlu-kit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (SystemExit(7), 7), (SystemExit(), 0), (BrokenPipeError(), 1)]
)
def test_other_ends(failing: Any, error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert failing(error) == code
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["trian"], "did you mean 'train'?"),
        (["config", "chek"], "did you mean 'check'?"),
        (["plugins", "lst"], "did you mean 'list'?"),
        (["config", "check", "--sett", "a=1"], "--set"),
        (["plugins", "show", "haed", "ner"], "did you mean 'head'?"),
        (["plugins", "show", "sampler", "wieghted"], "did you mean 'weighted'?"),
    ],
)
def test_usage_errors_suggest(arguments: list[str], suggestion: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert suggestion in capsys.readouterr().err


def test_version(nlu_kit: Any) -> None:
    assert nlu_kit("--version").stdout == f"nlu-kit {__version__}\n"


def test_the_table_of_commands_says_what_the_commands_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    for name in ("init", "config", "train", "predict", "plugins"):
        assert (name,) in COMMANDS
        assert f"\n  {name}" in listed


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_has_an_example(path: tuple[str, ...]) -> None:
    assert f"nlu-kit {' '.join(path)}" in (COMMANDS[path].help or "")


HEAVY = {"torch", "transformers", "sentence_transformers", "accelerate", "onnxruntime", "sklearn", "tokenizers", "ray"}


@pytest.mark.parametrize("path", [(), *COMMANDS], ids=lambda path: " ".join(path) or "nlu-kit")
def test_help_loads_nothing_heavy(path: tuple[str, ...]) -> None:
    """What makes it wait; how long that is depends on the machine, and is measured by benchmarks/predict.py."""
    script = "import sys; from nlu_kit.cli.main import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", script, *path, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "Usage: " in done.stdout
    assert HEAVY.isdisjoint(done.stderr.split())


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe is another error there")
def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        command = [sys.executable, "-m", "nlu_kit", "config", "schema"]
        done = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, cwd=tmp_path, timeout=60, check=False)
    assert done.stderr == b""


def test_a_terminal_that_lacks_the_characters_gets_escapes(nlu_kit: Any, tmp_path: Path) -> None:
    (tmp_path / "pipeline.json").write_text('{"data": {"train": "日本"}}', encoding="utf-8")
    done = nlu_kit("config", "show", PYTHONUTF8="0", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert r"\u65e5\u672c" in done.stdout
