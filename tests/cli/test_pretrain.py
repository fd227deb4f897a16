"""`nlu-kit pretrain`, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def folder(tmp_path: Path, tiny_bert: Path) -> Path:
    texts = ["book a table in Paris", "play some jazz", "wake me at seven", "", "play some jazz"]
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    plan = {
        "backbone": {"type": "transformer", "model": str(tiny_bert)},
        "objectives": [{"type": "mlm", "texts": ["texts.txt"], "dev": ["texts.txt"]}],
        "training": {"batch_size": 2, "device": "cpu", "precision": "fp32"},
        "freezing": {"encoder_lr": 3e-3, "head_lr": 3e-2},
    }
    (tmp_path / "pretrain.json").write_text(json.dumps(plan), encoding="utf-8")
    return tmp_path


def test_it_says_what_the_data_becomes_and_writes_nothing(folder: Path, run_cli: Any) -> None:
    done = run_cli(folder, "pretrain", "--inspect")
    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert "texts 3" in words
    assert "dropped: there already 1" in words
    assert "e.g. book a table in Paris" in words
    assert not (folder / "runs").exists()


def test_it_shows_before_and_after_and_where_the_encoder_is(folder: Path, run_cli: Any) -> None:
    done = run_cli(folder, "pretrain", "--set", "training.epochs=20")
    assert done.returncode == 0, done.stderr
    assert "epoch 20/20  loss mlm" in done.stdout
    (line,) = [line.split() for line in done.stdout.splitlines() if "mlm.perplexity" in line]
    before, after = map(float, line[1:])
    assert after < before
    encoder = folder / done.stdout.splitlines()[-1].removeprefix("encoder ")
    assert (encoder / "modules.json").exists()
    assert (folder / "runs" / "latest-encoder" / "config.json").exists()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ('objectives=[{"type":"mlm","texts":["nowhere.txt"]}]', "nowhere.txt: the file does not exist"),
        ('objectives=[{"type":"mlm","texts":["texts.txt"]}]', "has 3 texts, too few to hold some out"),
        ('objectives=[{"type":"triplet","train":["texts.txt"]}]', "texts.txt:1: no known layout of pairs"),
        ("training.epochs=0", "greater than or equal to 1"),
    ],
)
def test_mistakes_are_the_users(folder: Path, run_cli: Any, setting: str, said: str) -> None:
    done = run_cli(folder, "pretrain", "--set", setting)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "runs").exists()


def test_without_a_file_it_says_so(tmp_path: Path, run_cli: Any) -> None:
    done = run_cli(tmp_path, "pretrain")
    assert done.returncode == 2
    assert "the file does not exist\n    docs/pretraining.md shows some to begin with" in done.stderr
