"""Real processes and real pipes: stdin that stays open, streams that are closed or full, readers that leave."""

from __future__ import annotations

import json
import os
import queue
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "nlu_kit"]
DEADLINE = 120  # seconds; the machine may be busy
posix = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
ENVIRONMENT = {**os.environ, "PYTHONUTF8": "1"}


class Talk:
    """``predict -`` with stdin kept open."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "predict", "--model", str(folder), *options, "-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT,
        )  # fmt: skip
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.decode())

    def say(self, text: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def hear(self) -> str:
        """The next line, which must come while stdin is open. Raises queue.Empty after the deadline."""
        return self.lines.get(timeout=DEADLINE)

    def end(self) -> tuple[int, str]:
        """Close stdin: (exit code, stderr)."""
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        code = self.process.wait(timeout=DEADLINE)
        return code, self.process.stderr.read().decode()


@pytest.fixture
def talk(trained: Any) -> Iterator[Callable[..., Talk]]:
    talks: list[Talk] = []

    def start(*options: str) -> Talk:
        talks.append(Talk(trained.run_dir, *options))
        return talks[-1]

    yield start
    for one in talks:
        one.process.kill()
        one.process.wait()
        for stream in (one.process.stdin, one.process.stderr):
            assert stream is not None
            stream.close()


def test_each_line_is_answered_when_it_comes(talk: Any) -> None:
    conversation = talk("--json")
    for text in ("play some jazz", "", "wake me at noon", "caf\u00e9"):
        conversation.say(f"{text}\n".encode())
        assert json.loads(conversation.hear())["text"] == text
    conversation.say(b"half a ")
    conversation.say(b"line")
    assert conversation.end() == (0, "")
    assert json.loads(conversation.hear())["text"] == "half a line"


def test_people_get_their_answers_at_once_too(talk: Any) -> None:
    conversation = talk()
    conversation.say(b"play some jazz\n")
    assert conversation.hear() == "play some [jazz](genre)\n"
    assert conversation.hear().startswith("  intent: play (")


def test_records_come_back_with_their_ids(talk: Any) -> None:
    conversation = talk("--json", "--jsonl")
    for number in range(3):
        conversation.say(json.dumps({"id": number, "text": "play jazz", "intent": "gold"}).encode() + b"\n")
        answer = json.loads(conversation.hear())
        assert (answer["id"], answer["input"]) == (number, {"intent": "gold"})
        assert answer["intent"]["name"] == "play"


@pytest.mark.parametrize(
    ("options", "broken", "said"),
    [
        ((), b"\xff\xfe", "error: stdin:3: not UTF-8: byte 0xff at position 0 of the line"),
        (("--jsonl",), b'{"text": ', "error: stdin:3: not valid JSON: Expecting value at column 10"),
    ],
)
def test_what_came_before_a_broken_line_is_answered(
    talk: Any, options: Sequence[str], broken: bytes, said: str
) -> None:
    conversation = talk("--json", *options)
    conversation.say(b'{"text": "one"}\n{"text": "two"}\n' + broken + b'\n{"text": "four"}\n')
    answers = [json.loads(conversation.hear())["text"] for _ in range(2)]
    assert answers == (["one", "two"] if options else ['{"text": "one"}', '{"text": "two"}'])
    code, error = conversation.end()
    assert code == 2
    assert error.startswith(said)
    assert conversation.lines.empty()


def test_many_lines_that_wait_share_batches(monkeypatch: pytest.MonkeyPatch, trained: Any) -> None:
    import io

    from nlu_kit.cli.main import main
    from nlu_kit.runtime.predictor import Predictor

    sizes: list[int] = []
    parse_many = Predictor.parse_many

    def count(self: Predictor, texts: Sequence[str]) -> Any:
        sizes.append(len(texts))
        return parse_many(self, texts)

    monkeypatch.setattr(Predictor, "parse_many", count)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"play jazz\n" * 600)))
    assert main(["predict", "--model", str(trained.run_dir), "-"]) == 0
    assert sum(sizes[1:]) == 600, "the first is the text that a model is tried with when it is loaded"
    assert max(sizes) == 256, "the first may be alone, but many wait by then"


# --- closed, full and broken ------------------------------------------------------------------------------------------


def shell(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Run ``line``, in which ``nlu-kit`` is ours, in a POSIX shell."""
    ours = f'nlu-kit() {{ {shlex.join(COMMAND)} "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", ours.replace("nlu-kit()", "nlu_kit()") + line.replace("nlu-kit", "nlu_kit")],
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip


FULL = "error: No space left on device\n"
CLOSED_IN = "error: stdin is closed, so there is nothing to read; name a file with --input\n"
CLOSED_OUT = "error: stdout is closed, so the answers have nowhere to go; redirect it to a file\n"


@posix
@pytest.mark.parametrize(
    ("line", "code", "error"),
    [
        ("nlu-kit predict -m MODEL - <&-", 2, CLOSED_IN),
        ("nlu-kit predict -m MODEL - <&- 2>&-", 2, ""),
        ("nlu-kit predict -m MODEL hi <&-", 0, ""),
        ("nlu-kit predict -m MODEL hi >&-", 2, CLOSED_OUT),
        ("nlu-kit predict -m MODEL hi 2>&-", 0, ""),
        ("nlu-kit predict -m MODEL hi <&- 2>/dev/full", 0, ""),
        ("nlu-kit predict -m MODEL hi >/dev/full", 1, FULL),
        ("nlu-kit predict -m MODEL --json hi >/dev/full", 1, FULL),
        ("nlu-kit --help >&-", 0, ""),
        ("nlu-kit --help >/dev/full", 1, FULL),
        ("nlu-kit --version <&- >&- 2>&-", 0, ""),
        ("nlu-kit config schema >&-", 0, ""),
        ("nlu-kit config schema >/dev/full", 1, FULL),
        ("nlu-kit nonsense 2>&-", 2, ""),
        ("nlu-kit nonsense 2>/dev/full", 2, ""),
        ("set -o pipefail; yes 'play jazz' | head -3000 | nlu-kit predict -m MODEL - | head -1", 1, ""),
        ("set -o pipefail; nlu-kit config schema | true", 1, ""),
    ],
)
def test_streams_that_are_closed_or_full(line: str, code: int, error: str, trained: Any, tmp_path: Path) -> None:
    if "/dev/full" in line and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    done = shell(tmp_path, line.replace("MODEL", shlex.quote(str(trained.run_dir))))
    assert (done.stderr, done.returncode) == (error, code)


@posix
def test_the_number_of_a_closed_stream_goes_to_no_file(tmp_path: Path) -> None:
    """What native libraries print to stdout would end up in a model's file."""
    script = (
        "import os, sys\nfrom nlu_kit.cli.output import prepare_streams\nprepare_streams()\n"
        "numbers = [os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY) for _ in range(3)]\n"
        "assert min(numbers) > 2 and all(os.get_inheritable(n) for n in range(3))\n"
        "assert sys.stdin is None and sys.stdout is None\nprint('x', file=sys.stderr)\nos.write(1, b'x')\n"
    )
    line = f"{shlex.join([sys.executable, '-c', script, 'file'])} <&- >&- 2>&-"
    assert shell(tmp_path, line).returncode == 0
    assert (tmp_path / "file").read_bytes() == b""


@posix
@pytest.mark.parametrize("out", [">&-", ">/dev/full", "| true", "<&- >&- 2>&-"])
def test_progress_that_nobody_reads_ends_no_training(out: str, write_pipeline: Any, tmp_path: Path) -> None:
    if "/dev/full" in out and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    write_pipeline(tmp_path)
    done = shell(tmp_path, f"set -o pipefail; nlu-kit train {out}")
    assert (done.stderr, done.returncode) == ("", 0)
    assert (tmp_path / "runs" / "latest" / "model" / "model.json").is_file()


# --- stdout is for answers --------------------------------------------------------------------------------------------

NOISY = """
import os
import subprocess

import click
from nlu_kit.plugin import hookimpl

NLU_KIT_CONTRACT = 2

def noise():
    print("noise of Python", flush=True)
    os.write(1, b"noise of a library\\n")
    subprocess.run(["echo", "noise of a process"])

noise()

@hookimpl
def nlu_kit_heads():
    noise()
    return []

@hookimpl
def nlu_kit_commands(cli):
    noise()

    @cli.command("whisper")
    def whisper():
        "Answer."
        click.echo("answer of a plugin")
"""


@pytest.fixture
def noisy(tmp_path: Path) -> dict[str, str]:
    """The environment of a distribution whose plugin prints whenever it can."""
    (tmp_path / "acme_noisy.py").write_text(NOISY, encoding="utf-8")
    info = tmp_path / "acme_noisy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-noisy\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[nlu_kit]\nnoisy = acme_noisy\n", encoding="utf-8")
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])}


@posix
@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        (["predict", "-m", "MODEL", "--json", "play jazz"], '{"text": "play jazz"'),
        (["predict", "-m", "MODEL", "play jazz"], "play [jazz](genre)"),
        (["predict", "-m", "MODEL", "-i", "many.txt", "-o", "out.jsonl", "--workers", "2"], "answered 1,500 texts"),
        (["plugins", "list", "--json"], "{\n"),
        (["config", "schema"], "{\n"),
        (["whisper"], "answer of a plugin\n"),
        (["--help"], "Usage: nlu-kit"),
        (["predict", "--help"], "Usage: nlu-kit predict"),
    ],
)
def test_what_plugins_print_is_no_answer(
    arguments: list[str], begins: str, noisy: dict[str, str], exported: Path, run_cli: Any, tmp_path: Path
) -> None:
    (tmp_path / "many.txt").write_text("play jazz\n" * 1500, encoding="utf-8")
    here = [str(exported) if one == "MODEL" else one for one in arguments]
    done = run_cli(tmp_path, *here, **noisy)
    assert done.returncode == 0, done.stderr
    assert "noise" not in done.stdout
    assert done.stdout.startswith(begins)
    heard = set(re.findall(r"noise of (?:Python|a library|a process)", done.stderr))  # processes may share a line
    assert heard in (set(), {"noise of Python", "noise of a library", "noise of a process"})
    assert heard or arguments == ["predict", "--help"], "which needs no plugin"


def test_a_program_that_calls_the_command_line_gets_its_stdout_back(capfd: pytest.CaptureFixture[str]) -> None:
    from nlu_kit.cli.main import main
    from nlu_kit.stdout import answers_only, stdout

    before = sys.stdout
    assert main(["config", "schema"]) == 0
    assert sys.stdout is before
    with answers_only(), answers_only():
        assert stdout() is before
        print("aside")
    assert stdout() is sys.stdout is before
    assert capfd.readouterr().err == "aside\n"
