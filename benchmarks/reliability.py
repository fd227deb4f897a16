"""Kills real trainings everywhere, resumes them, and compares what comes out: docs/reliability.md.

    python benchmarks/reliability.py                 # every file operation, and 400 random moments; half an hour
    python benchmarks/reliability.py --moments 50

A tiny pipeline with dropout, two epochs, a checkpoint after every step. At each file operation of the run (a write, a
rename, an fsync, a removal) a process dies, a write in the middle; then at random moments (SIGKILL). Each is resumed
(or trained anew, if it died before anything was kept), and its weights are compared, byte by byte, with those of a run
that nobody disturbed. Figures go to benchmarks/results/reliability.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from corpora import REPOSITORY

sys.path.insert(0, str(REPOSITORY))
from tests.training.killing import run_task

RESULTS = REPOSITORY / "benchmarks" / "results" / "reliability.json"
PHRASES = {"book": "book a table in {}", "play": "play some {}", "wake": "wake me at {}"}
WORDS = {"book": ["Paris", "Rome", "Oslo"], "play": ["jazz", "folk", "rock"], "wake": ["seven", "noon", "ten"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=400)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        task = {"pipeline": str(written(folder)), "place": str(folder / "place"), "operations": None}
        deaths = run_task({**task, "moments": arguments.moments})
    died = [death for death in deaths if death["died"]]
    found = {
        "killed at a file operation": sum(death["operation"] is not None for death in died),
        "killed at a random moment": sum(death["operation"] is None for death in died),
        "resumed from a checkpoint": sum(death["resumed"] for death in died),
        "went on": sum(death["goes_on"] for death in died),
        "ended with the same bytes": sum(death["same"] for death in died),
        "most steps lost after the last checkpoint": max(death["steps_lost"] for death in died),
        "not as it should be": [death for death in died if not (death["goes_on"] and death["same"])],
    }
    print(json.dumps(found, indent=1))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def written(folder: Path) -> Path:
    """A small corpus and its pipeline, with an encoder from scratch."""
    records = [
        {
            "text": PHRASES[intent].format(word),
            "intent": intent,
            "entities": [
                {"start": PHRASES[intent].index("{"), "end": PHRASES[intent].index("{") + len(word), "label": intent}
            ],
        }
        for _ in range(6)
        for intent, words in WORDS.items()
        for word in words
    ]
    for split in ("train", "dev"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    (folder / "texts.txt").write_text("".join(f"{record['text']}\n" for record in records), "utf-8")
    backbone = {"type": "new_bert", "texts": ["texts.txt"], "vocabulary": 300, "layers": 2, "width": 32}
    pipeline = {
        "data": {"train": "train.jsonl", "dev": "dev.jsonl"},
        "backbone": {**backbone, "attention_heads": 2},
        "heads": {"intent": "intent", "ner": "ner"},
        "training": {"epochs": 2, "batch_size": 16, "checkpoint_minutes": 0, "export": False, "device": "cpu"},
    }
    (folder / "pipeline.json").write_text(json.dumps(pipeline), "utf-8")
    return folder / "pipeline.json"


if __name__ == "__main__":
    main()
