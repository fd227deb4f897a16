"""How much faster epochs get when static layers are computed once: ours against ours without it, on SNIPS.

    python benchmarks/static_layers.py            # writes benchmarks/results/static_layers.json and prints a table

Each cell is `nlu-kit train` in a process of its own; the rounds interleave the cells, and the figure of a cell is the
median of its epochs after the first, in utterances per second of training (validation left out). Rates do not depend
on how many utterances there are, so the first 4,000 of the training set do.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from corpora import REPOSITORY, corpus_folder, cut
from machine import machine

RESULTS = REPOSITORY / "benchmarks" / "results" / "static_layers.json"
CELLS = {
    "full fine-tuning": ["freezing=discriminative"],
    "lower half frozen, computed again": ["freezing=freeze_lower", "training.static_cache_mb=0"],
    "lower half frozen, computed once": ["freezing=freeze_lower"],
    "backbone frozen, computed again": ["freezing=freeze_backbone", "training.static_cache_mb=0"],
    "backbone frozen, computed once": ["freezing=freeze_backbone"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3, help="epochs of each run; the first is left out")
    parser.add_argument("--utterances", type=int, default=4000, help="how many of SNIPS' 13,084")
    parser.add_argument("--precision", default="fp32")
    arguments = parser.parse_args()
    rates: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as train:
        cut("snips", "train", Path(train), arguments.utterances)
        for _ in range(arguments.rounds):
            for cell, settings in CELLS.items():
                settings = [*settings, f"data.train={train}", f"training.precision={arguments.precision}"]
                rates[cell] += run(settings, arguments.epochs)
                print(f"{cell}: {statistics.median(rates[cell]):.0f} utterances/s", flush=True)
    full = statistics.median(rates["full fine-tuning"])
    rows = {
        cell: {
            "utterances_per_second": round(statistics.median(values)),
            "times_full_fine_tuning": round(statistics.median(values) / full, 2),
            "all": [round(value) for value in values],
        }
        for cell, values in rates.items()
    }
    result = {"machine": machine(), "precision": arguments.precision, "corpus": "snips", "cells": rows}
    result["utterances"] = arguments.utterances
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found[arguments.precision] = result
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def run(settings: list[str], epochs: int) -> list[float]:
    """Training rates of the epochs after the first."""
    folder = corpus_folder("snips")
    settings = [f"data.dev={folder / 'dev'}", "data.test=null", *settings]
    settings += [f"training.epochs={epochs}", "training.sanity_examples=0"]
    with tempfile.TemporaryDirectory() as runs:
        command = [sys.executable, "-m", "nlu_kit", "train", "benchmarks/pipelines/snips.json", "-q", "--runs", runs]
        for setting in settings:
            command += ["--set", setting]
        subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
        lines = (Path(runs) / "latest" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    epochs_found = [event for event in map(json.loads, lines) if event["event"] == "EpochEnd"]
    return [event["examples_per_second"] for event in epochs_found[1:]]


if __name__ == "__main__":
    main()
