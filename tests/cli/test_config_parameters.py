"""``nlu-kit config show --parameters``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

STAGES = '{"type": "schedule", "stages": [{"type": "freeze_backbone", "until": "plateau"}, "discriminative"]}'


def test_each_layer_in_each_range_of_epochs(nlu_kit: Any, write_pipeline: Any, tmp_path: Path) -> None:
    file = write_pipeline(tmp_path, training={"epochs": 9}, freezing={"type": "gradual_unfreezing", "every": 4})
    done = nlu_kit("config", "show", str(file), "--parameters")
    assert done.returncode == 0, done.stderr
    assert "before warmup and schedule" in done.stdout
    headers = [line for line in done.stdout.splitlines() if line.startswith("epoch")]
    assert [line.split(":")[0] for line in headers] == ["epochs 1 to 4 of 9", "epochs 5 to 8 of 9", "epoch 9 of 9"]
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("  model.")]
    of_the_top = [row[1:3] for row in rows if row[0] == "model.backbone.encoder.encoder.layer.1"]
    assert of_the_top == [["frozen", "-"], ["trains", "5e-05"], ["trains", "5e-05"]]
    assert [row[1:3] for row in rows if row[0].endswith("embeddings")] == [["static", "-"]] * 3
    first = rows[: len(rows) // 3]
    training, total = (sum(int(row[3].replace(",", "")) for row in first if row[1] in of) for of in (("trains",), SOME))
    assert f": {training:,} of {total:,} parameters train" in headers[0]


SOME = ("trains", "frozen", "static")


def test_what_depends_on_the_dev_score_is_said(nlu_kit: Any, write_pipeline: Any, tmp_path: Path) -> None:
    file = write_pipeline(tmp_path, training={"epochs": 5})
    done = nlu_kit("config", "show", str(file), "--parameters", "--set", f"freezing={STAGES}")
    assert done.returncode == 0, done.stderr
    headers = [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("epoch")]
    assert headers == [
        "epochs 1 to 5 of 5 while it sees no plateau",
        "epochs 1 to 3 of 5 if the dev score never rises",
        "epochs 4 to 5 of 5 if the dev score never rises",
    ]


def test_mistakes_are_messages(nlu_kit: Any, write_pipeline: Any, tmp_path: Path) -> None:
    file = write_pipeline(tmp_path, freezing={"type": "freeze_lower", "layers": 7})
    done = nlu_kit("config", "show", str(file), "--parameters")
    assert (done.returncode, done.stdout) == (2, "")
    assert "freeze_lower is to fix 7 layers, but this encoder has 2" in done.stderr
    done = nlu_kit("config", "show", str(file), "--parameters", "--set", "data.train=gone.jsonl")
    assert done.returncode == 2
    assert "there is no file or folder 'gone.jsonl'" in done.stderr
