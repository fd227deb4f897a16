"""The data that ships: it reads, no split has seen another's sentences, and order alone does not tell the relation."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data"
SPLITS = ("train", "dev", "test")


def read(split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_splits_share_no_sentence() -> None:
    texts = [record["text"].lower() for split in SPLITS for record in read(split)]
    assert len(texts) == len(set(texts)) == 600


def test_the_labels_of_the_entities_in_their_order_leave_the_relations_open() -> None:
    known = defaultdict(set)
    for record in read("train"):
        order = {(entity["start"], entity["end"]): place for place, entity in enumerate(record["entities"])}
        relations = frozenset(
            (r["label"], *(order[r[end]["start"], r[end]["end"]] for end in ("head", "tail")))
            for r in record["relations"]
        )
        known[tuple(entity["label"] for entity in record["entities"])].add(relations)
    assert len(known["city", "city"]) == 3
    assert len(known["city", "city", "day"]) == 2
    assert len(known["song", "artist"]) == 2
