"""A pretrain.json on a tiny encoder and a few sentences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WritePlan = Callable[..., Path]
SENTENCES = [
    ("book a table in Paris", "a table in Paris please", "play some jazz"),
    ("play some jazz", "i want to hear jazz", "wake me at seven"),
    ("wake me at seven", "alarm at seven", "book a table in Paris"),
    ("play folk now", "some folk please", "alarm at noon"),
]


@pytest.fixture
def write_plan(tmp_path: Path, tiny_bert: Path) -> WritePlan:
    """``write_plan({"type": "mlm"}, training={…})``: pretrain.json beside triplets.jsonl and texts.txt."""

    def write(*objectives: Any, **sections: Any) -> Path:
        records = [{"anchor": a, "positive": p, "negative": n} for a, p, n in SENTENCES]
        (tmp_path / "triplets.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
        (tmp_path / "texts.txt").write_text("".join(f"{t}\n" for s in SENTENCES for t in s), encoding="utf-8")
        training = {"epochs": 2, "batch_size": 4, "device": "cpu", "precision": "fp32", "warmup": 0.0}
        plan = {
            "backbone": {"type": "transformer", "model": str(tiny_bert)},
            "objectives": list(objectives),
            "freezing": {"encoder_lr": 3e-3},
            **sections,
            "training": {**training, **sections.get("training", {})},
        }
        file = tmp_path / "pretrain.json"
        file.write_text(json.dumps(plan), encoding="utf-8")
        return file

    return write


TRIPLET = {"type": "triplet", "train": ["triplets.jsonl"], "dev": ["triplets.jsonl"], "test": ["triplets.jsonl"]}
MLM = {"type": "mlm", "texts": ["texts.txt"], "dev": ["texts.txt"]}


@pytest.fixture
def triplet() -> dict[str, Any]:
    return dict(TRIPLET)


@pytest.fixture
def mlm() -> dict[str, Any]:
    return dict(MLM)
