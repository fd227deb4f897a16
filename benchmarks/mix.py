"""A corpus in which about 30 % of utterances carry entities: CLINC150 without any, SNIPS with them.

    python benchmarks/mix.py mix          # writes mix/{train,dev,test}.jsonl and mix/pipeline.json
    nlu-kit compare mix/pipeline.json --vary freezing=freeze_all,freeze_backbone,discriminative,freeze_lower --seeds 3

CLINC150's texts are annotated as holding no entity. Its four intents that SNIPS has too, under another name, are left
out: they would make the same request right with one label and wrong with the other.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corpora import clinc150, corpus_folder

SHARED_INTENTS = {"play_music", "update_playlist", "weather", "restaurant_reservation"}
CLINC_SPLITS = {"train": "train", "dev": "val", "test": "test"}
PER_INTENT = {"train": 6, "dev": 3, "test": 10}  # of CLINC150's 146 intents
SHARE = 0.3  # of utterances with entities
PIPELINE = {
    "name": "mix",
    "data": {"train": "train.jsonl", "dev": "dev.jsonl", "test": "test.jsonl"},
    "heads": {"intent": {"type": "intent"}, "ner": {"type": "ner"}},
    "training": {"epochs": 500, "patience": 5, "warmup": 0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="decides which utterances are taken")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev", "test"):
        chosen = random.Random(f"{arguments.seed} {split}")
        plain = clinc(split, chosen)
        entities = list(snips(split))
        records = plain + chosen.sample(entities, min(len(entities), round(len(plain) * SHARE / (1 - SHARE))))
        chosen.shuffle(records)
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        (arguments.folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
        carrying = sum(bool(record["entities"]) for record in records)
        print(f"{split}: {len(records)} utterances, {carrying / len(records):.1%} with entities")
    (arguments.folder / "pipeline.json").write_text(json.dumps(PIPELINE, indent=2) + "\n", encoding="utf-8")


def clinc(split: str, chosen: random.Random) -> list[dict[str, Any]]:
    """So many utterances of each intent, without entities."""
    texts = defaultdict(list)
    for text, intent in clinc150(CLINC_SPLITS[split]):
        if intent not in SHARED_INTENTS:
            texts[intent].append(text)
    return [
        {"text": text, "intent": intent, "entities": []}
        for intent in sorted(texts)
        for text in chosen.sample(texts[intent], PER_INTENT[split])
    ]


def snips(split: str) -> Iterator[dict[str, Any]]:
    """Each utterance of a split, read as nlu-kit reads it."""
    from nlu_kit.registry import Registry

    spec: Any = Registry.load().get("reader", "parallel").spec
    for example in spec.read(spec.params(), corpus_folder("snips") / split):
        entities = [{"start": e.start, "end": e.end, "label": e.label} for e in example.entities]
        yield {"text": example.text, "intent": example.intent, "entities": entities}


if __name__ == "__main__":
    main()
