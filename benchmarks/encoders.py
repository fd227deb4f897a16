"""Encoders against each other, fine-tuned on the first 1,000 utterances of SNIPS, on dev; test is not read.

    nlu-kit backbones get mpnet
    nlu-kit backbones get multilingual
    python benchmarks/encoders.py --seeds 42 43 44           # writes benchmarks/results/encoders.json

Every run takes 12 epochs; the encoder's learning rate is the best on dev of those in RATES that were run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from corpora import REPOSITORY, corpus_folder, cut

RESULTS = REPOSITORY / "benchmarks" / "results" / "encoders.json"
UTTERANCES = 1000
RATES = {"all-MiniLM-L6-v2": [2e-4], "mpnet": [5e-5, 1e-4], "multilingual": [2e-4]}
SETTINGS = [
    "training.epochs=12",
    "training.warmup=0.1",
    "training.export=false",
    "sampler=bucketed",
    'heads={"intent":"intent","ner":"ner"}',
    "detector=null",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", nargs="+", choices=list(RATES), default=list(RATES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[42])
    arguments = parser.parse_args()
    found: list[dict[str, Any]] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else []
    for encoder in arguments.encoders:
        for rate in RATES[encoder]:
            for seed in arguments.seeds:
                key = {"encoder": encoder, "encoder_lr": rate, "seed": seed}
                found = [one for one in found if any(one[name] != key[name] for name in key)]
                found.append({**key, **trained(encoder, rate, seed)})
                print(found[-1], flush=True)
                RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def trained(encoder: str, rate: float, seed: int) -> dict[str, Any]:
    """Dev's figures, seconds and memory."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "train").mkdir()
        cut("snips", "train", folder / "train", UTTERANCES)
        data = {"train": "train", "dev": str(corpus_folder("snips") / "dev"), "reader": "parallel"}
        freezing = {"type": "freeze_embeddings", "encoder_lr": rate, "head_lr": 1e-3}
        pipeline = {"data": data, "backbone": {"type": "sentence_transformer", "model": encoder}, "freezing": freezing}
        (folder / "pipeline.json").write_text(json.dumps(pipeline), "utf-8")
        command = [sys.executable, "-m", "nlu_kit", "train", str(folder / "pipeline.json"), "--runs", str(folder)]
        settings = [*SETTINGS, f"training.seed={seed}"]
        subprocess.run([*command, *(f"--set={one}" for one in settings)], check=True, capture_output=True)
        lines = (folder / "latest" / "metrics.jsonl").read_text("utf-8").splitlines()
    end = next(event for event in map(json.loads, lines) if event["event"] == "RunEnd")
    figures = {name: end["dev"][name] for name in ("intent.accuracy", "ner.f1", "exact_match")}
    return {**figures, "seconds": round(end["seconds"]), "peak_memory_mb": round(end["peak_memory_mb"])}


if __name__ == "__main__":
    main()
