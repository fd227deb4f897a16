"""``nlu-kit compare`` as a user types it: a real grid of tiny runs, its files, and its page."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from nlu_kit.cli.main import main
from nlu_kit.training.folders import waiting

COMMAND = [sys.executable, "-m", "nlu_kit"]
ARGUMENTS = ["compare", "pipeline.json", "--vary", "freezing=freeze_backbone,discriminative", "--seeds", "2"]
METRICS = ["intent.accuracy", "ner.f1", "exact_match"]
VOID = {"meta", "br"}


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory, write_pipeline: Any, run_cli: Any) -> Any:
    """(folder, what the command printed) of a grid of 2 strategies and 2 seeds."""
    folder = tmp_path_factory.mktemp("grid")
    write_pipeline(folder, training={"epochs": 3}, freezing="discriminative")
    done = run_cli(folder, *ARGUMENTS)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder, done.stdout


@pytest.fixture(scope="module")
def summary(grid: Any) -> Any:
    return json.loads((grid[0] / "compare" / "compare.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def html(grid: Any) -> str:
    return (grid[0] / "compare" / "compare.html").read_text(encoding="utf-8")


def test_a_line_for_each_run_then_the_table(grid: Any) -> None:
    lines = grid[1].splitlines()
    assert [line.split(":")[0] for line in lines[:4]] == [
        "run 1/4  freeze_backbone, seed 42",
        "run 2/4  discriminative, seed 42",
        "run 3/4  freeze_backbone, seed 43",
        "run 4/4  discriminative, seed 43",
    ]
    assert lines[4] == "tiny: figures on test (19 utterances) in percent, mean ± sd over 2 seeds"
    assert lines[6].split()[:4] == ["combination", *METRICS]
    assert lines[7].startswith("1 freeze_backbone ")
    assert lines[8].startswith("2 discriminative ")
    assert sum("really the best?" in line for line in lines) == 3
    assert "\x1b" not in grid[1]


def test_json_holds_figures_that_follow_from_the_runs(summary: Any) -> None:
    assert [metric["name"] for metric in summary["metrics"]] == METRICS
    assert [metric["resampled"] for metric in summary["metrics"]] == [True, True, True]
    assert (summary["evaluated_on"], summary["utterances"], summary["seeds"]) == ("test", 19, 2)
    assert summary["vary"] == {"freezing": ["freeze_backbone", "discriminative"]}
    for row in summary["combinations"]:
        runs = [one for one in summary["runs"] if one["combination"] == row["number"]]
        assert [one["seed"] for one in runs] == row["seeds"] == [42, 43]
        for metric in METRICS:
            values = [one["scores"][metric] for one in runs]
            found = row["metrics"][metric]
            assert found["by_seed"] == values
            assert found["mean"] == pytest.approx(statistics.fmean(values))
            assert found["sd"] == pytest.approx(statistics.stdev(values))
            assert found["interval"][0] <= found["mean"] <= found["interval"][1]
        assert row["peak_memory_mb"]["mean"] > 100
        assert all(len(one["epochs"]) == one["epochs_run"] == 3 for one in runs)
        assert all(one["epochs"][one["best_epoch"] - 1]["dev"] == one["dev"] for one in runs)


def test_a_cell_is_what_train_gives(grid: Any, summary: Any, tmp_path: Path) -> None:
    """The model was loaded again and predicted test: the same figures as the run's own, from before it was saved."""
    for one in summary["runs"]:
        events = (grid[0] / "compare" / one["run"] / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        end = json.loads(events[-1])
        assert end["event"] == "RunEnd"
        assert one["scores"] == pytest.approx(end["test"])


def test_csv_has_a_row_for_each_run(grid: Any, summary: Any) -> None:
    with (grid[0] / "compare" / "compare.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["freezing"], row["seed"]) for row in rows] == [
        ("freeze_backbone", "42"),
        ("discriminative", "42"),
        ("freeze_backbone", "43"),
        ("discriminative", "43"),
    ]
    for row, one in zip(rows, summary["runs"], strict=True):
        assert float(row["ner.f1"]) == one["scores"]["ner.f1"]
        assert float(row["seconds"]) == one["seconds"]


class Page(HTMLParser):
    """Checks that tags are closed in order, and keeps the table cells by column."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.cells: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "td":
            self.cells.append([dict(attrs).get("data-label") or "", ""])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open:
            self.cells[-1][1] += data


def test_the_page_is_well_formed_and_needs_nothing_else(html: str) -> None:
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == []
    assert not re.search(r"https?:|//|@import|url\(|<script|<link|<img", html)
    assert not {name for name, _ in page.attributes} & {"src", "href", "srcset", "onload", "onclick", "style"}
    assert html.count("<svg") == 3 + 1 + 3  # bars, trade-off, curves


def test_the_numbers_of_the_page_are_those_of_the_json(html: str, summary: Any) -> None:
    page = Page()
    page.feed(html)
    for metric in METRICS:
        shown = [text for label, text in page.cells if label == metric]
        for row, text in zip(summary["combinations"], shown, strict=False):
            found = row["metrics"][metric]
            assert text == f"{100 * found['mean']:.2f} ± {100 * found['sd']:.2f}"
        best = summary["comparisons"][metric]["best"]
        for row, text in zip(summary["combinations"], shown[len(summary["combinations"]) :], strict=True):
            if row["number"] == best:
                assert text == "best"
                continue
            (pair,) = [p for p in summary["comparisons"][metric]["pairs"] if (p["a"], p["b"]) == (best, row["number"])]
            assert float(text.partition("[")[0].replace("−", "-")) == pytest.approx(
                -100 * pair["difference"], abs=0.006
            )


def test_the_same_command_runs_nothing_and_more_seeds_only_the_new_ones(grid: Any, run_cli: Any) -> None:
    folder, _ = grid
    before = {file: file.stat().st_mtime_ns for file in (folder / "compare").rglob("cell.json")}
    started = time.perf_counter()
    done = run_cli(folder, *ARGUMENTS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("4 of 4 runs are finished already\n")
    assert time.perf_counter() - started < 20
    more = run_cli(folder, *ARGUMENTS[:-1], "3", "--output", "compare", "--set", "sampler=random")
    assert more.returncode == 0, more.stderr
    assert more.stdout.startswith("4 of 6 runs are finished already\nrun 5/6 ")  # --set said what was so anyway
    after = {file: file.stat().st_mtime_ns for file in (folder / "compare").rglob("cell.json")}
    assert before.items() <= after.items()
    assert len(after) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vary", "smapler=random,weighted"], "did you mean 'sampler'"),
        (["--vary", "sampler=random,wieghted"], "(with sampler=wieghted)"),
        (["--vary", "training.epochs=-1,1"], "(with training.epochs=-1)"),
        (["--vary", "sampler"], "there is no '='"),
        (["--vary", "sampler=[1"], "'[' is not closed"),
        (["--seeds", "0"], "--seeds"),
        (["--set", "nonsense"], "can't read 'nonsense'"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(
    write_pipeline: Any, tmp_path: Path, capsys: Any, arguments: list[str], message: str
) -> None:
    pipeline = write_pipeline(tmp_path)
    assert main(["compare", str(pipeline), "--output", str(tmp_path / "out"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_run_that_diverges_is_named_and_the_others_are_reported(
    write_pipeline: Any, tmp_path: Path, run_cli: Any
) -> None:
    write_pipeline(tmp_path, freezing="discriminative")
    done = run_cli(tmp_path, "compare", "--vary", "freezing.encoder_lr=1e-3,1e6", "--seeds", "1", "--quiet")
    assert done.returncode == 2
    assert (
        "1 of 2 runs failed; the same command tries them again. The first, 1e6, seed 42: the loss is no" in done.stderr
    )
    assert "note: 1 of 2 runs failed" in done.stdout
    assert "no longer a number" in (tmp_path / "compare" / "compare.html").read_text(encoding="utf-8")


def test_without_test_the_dev_figures_are_reported_as_such(write_pipeline: Any, tmp_path: Path, run_cli: Any) -> None:
    write_pipeline(tmp_path, data={"test": None})
    done = run_cli(tmp_path, "compare", "--seeds", "1", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tiny: figures on dev (19 utterances)")
    assert "note: The pipeline names no test set" in done.stdout
    assert "note: One seed" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="signals are another matter there")
def test_an_interrupted_run_of_the_grid_goes_on_where_it_was(write_pipeline: Any, tmp_path: Path, run_cli: Any) -> None:
    """Interrupted in its second epoch, it trains the rest only; the record has what an uninterrupted one has."""
    write_pipeline(tmp_path, training={"epochs": 3, "batch_size": 4, "checkpoint_minutes": 0, "patience": 9})
    whole = run_cli(tmp_path, "compare", "--seeds", "1", "--output", "whole", "--quiet")
    assert whole.returncode == 0, whole.stderr
    process = subprocess.Popen(
        [*COMMAND, "compare", "--seeds", "1"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not any("epoch-2-step-3" in folders for _, folders, _ in os.walk(tmp_path / "compare")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    (run,) = (tmp_path / "compare").rglob("pipeline.json")
    done = run_cli(tmp_path, "compare", "--seeds", "1", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "resumed   in epoch" in (run.parent / "log.txt").read_text("utf-8")
    records = [
        json.loads(next((tmp_path / name / "cells").rglob("cell.json")).read_text("utf-8"))
        for name in ("whole", "compare")
    ]
    for record in records:
        assert [epoch["epoch"] for epoch in record["epochs"]] == [1, 2, 3]
        for epoch in record["epochs"]:
            del epoch["seconds"]
    assert records[0]["epochs"] == records[1]["epochs"]
    assert records[0]["counts"] == records[1]["counts"]


def test_ctrl_c_says_how_to_go_on(write_pipeline: Any, tmp_path: Path) -> None:
    write_pipeline(tmp_path, training={"epochs": 400, "patience": 400})
    process = subprocess.Popen(
        [*COMMAND, "compare", "--seeds", "2"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts what runs in its background with SIGINT ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "compare").rglob("metrics.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all that it started
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "0 of 2 runs are finished; the same command goes on from there" in err
    assert "Traceback" not in out + err
    (cell,) = (tmp_path / "compare" / "cells").iterdir()
    assert waiting(cell / "runs"), "the run that was interrupted can be resumed"


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_on_a_terminal_one_bar_shows_where_it_is(write_pipeline: Any, tmp_path: Path) -> None:
    import fcntl
    import pty
    import struct
    import termios

    write_pipeline(tmp_path, training={"epochs": 2})
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "PYTHONUTF8": "1"}
    arguments = ["compare", "--seeds", "1", "--vary", "sampler=random"]
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(timeout=120) == 0
    text = shown.decode()
    assert "0/1 runs" in text
    assert "random, seed 42: epoch 2/2 dev " in text
    assert "\nrun 1/1  random, seed 42: intent.accuracy " in text.replace("\r", "\n")
