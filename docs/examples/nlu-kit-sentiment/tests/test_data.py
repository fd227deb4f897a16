"""The data that ships: all stars are there, and no split has seen another's sentences."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

DATA = Path(__file__).parents[1] / "data"


def read(split: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (DATA / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_splits_share_no_sentence() -> None:
    texts = [str(record["text"]).lower() for split in ("train", "dev", "test") for record in read(split)]
    assert len(texts) == len(set(texts)) == 475


def test_every_split_has_all_stars_equally() -> None:
    for split in ("train", "dev", "test"):
        counts = Counter(record["stars"] for record in read(split))
        assert set(counts) == {1, 2, 3, 4, 5}
        assert len(set(counts.values())) == 1
