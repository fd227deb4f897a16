"""Joint intent and entity figures on SNIPS and ATIS, with speed and memory; writes docs/benchmarks.md.

    python benchmarks/joint_nlu.py                  # both corpora, the pipelines' own seed
    python benchmarks/joint_nlu.py --corpora atis --seeds 42 43 44

Each run is `nlu-kit train benchmarks/pipelines/<corpus>.json` in a process of its own, so that peak memory is its own.
No setting is chosen on test, which is read once per run, after training.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from corpora import REPOSITORY, corpus_folder
from machine import machine

RESULTS = REPOSITORY / "benchmarks" / "results" / "joint_nlu.json"
PAGE = REPOSITORY / "docs" / "benchmarks.md"
MEASURES = {"intent.accuracy": "intent accuracy", "ner.f1": "span F1", "exact_match": "exact match"}
COLUMNS = ["corpus", "seed", *MEASURES.values(), "goal", "best epoch", "epochs", "minutes", "examples/s", "peak memory"]
GOALS = {
    "snips": {"intent.accuracy": 98.0, "ner.f1": 94.0, "exact_match": 86.0},
    "atis": {"intent.accuracy": 97.0, "ner.f1": 94.5, "exact_match": 83.0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", nargs="+", choices=sorted(GOALS), default=sorted(GOALS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[42])
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="passed on to nlu-kit train")
    arguments = parser.parse_args()
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for corpus in arguments.corpora:
        results[corpus] = [run(corpus, seed, arguments.set) for seed in arguments.seeds]
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=2) + "\n")
        PAGE.write_text(page(results), encoding="utf-8")
        print(json.dumps(results[corpus], indent=2))


def run(corpus: str, seed: int, overrides: list[str]) -> dict[str, Any]:
    """Train once; the figures come from the run's own metrics.jsonl."""
    folder = corpus_folder(corpus)
    settings = [f"data.{split}={folder / split}" for split in ("train", "dev", "test")]
    settings += [f"training.seed={seed}", *overrides]
    with tempfile.TemporaryDirectory() as runs:
        command = [sys.executable, "-m", "nlu_kit", "train", f"benchmarks/pipelines/{corpus}.json", "--runs", runs]
        for setting in settings:
            command += ["--set", setting]
        subprocess.run(command, cwd=REPOSITORY, check=True)
        lines = (Path(runs) / "latest" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    start = next(event for event in events if event["event"] == "RunStart")
    epochs = [event for event in events if event["event"] == "EpochEnd"]
    end = next(event for event in events if event["event"] == "RunEnd")
    return {
        "seed": seed,
        "overrides": overrides,
        "date": date.today().isoformat(),
        "machine": machine(),
        "device": start["device"],
        "precision": start["precision"],
        "parameters": start["parameters"]["total"],
        "test": {name: round(100 * end["test"][name], 2) for name in MEASURES},
        "dev": {name: round(100 * end["dev"][name], 2) for name in MEASURES},
        "epochs_run": end["epochs_run"],
        "best_epoch": end["best_epoch"] + 1,
        "seconds": round(end["seconds"]),
        "examples_per_second": round(statistics.median(epoch["examples_per_second"] for epoch in epochs)),
        "peak_memory_mb": round(end["peak_memory_mb"]),
    }


def page(results: dict[str, Any]) -> str:
    """docs/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `python benchmarks/joint_nlu.py`; the figures are in `benchmarks/results/joint_nlu.json`.",
        "The encoder is the embedded all-MiniLM-L6-v2 (22.6 million parameters), the pipelines are in",
        "`benchmarks/pipelines/`. No setting was chosen on test, which was read once per run. Span F1 is strict and",
        "counts characters of the raw text; labels that train never had count as wrong.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|" + "---|" * len(COLUMNS),
    ]
    for corpus, runs in results.items():
        goal = " / ".join(f"{GOALS[corpus][name]:.1f}" for name in MEASURES)
        for entry in runs:
            figures = " | ".join(f"{entry['test'][name]:.2f}" for name in MEASURES)
            lines.append(
                f"| {corpus.upper()} | {entry['seed']} | {figures} | {goal} | {entry['best_epoch']} | "
                f"{entry['epochs_run']} | {entry['seconds'] / 60:.1f} | {entry['examples_per_second']} | "
                f"{entry['peak_memory_mb']} MB |"
            )
    machines = {
        f"{e['machine']} ({e['device']}, {e['precision']}, {e['date']})" for runs in results.values() for e in runs
    }
    lines += ["", "Measured on: " + "; ".join(sorted(machines)) + ".", ""]
    lines += [
        "Examples per second and memory include everything a training epoch does on that machine, other load included;",
        "compare them only within one table. For comparison, published figures of DistilBERT (66 million parameters):",
        "SNIPS 98.0 / 96.1 / 91.0, ATIS 97.8 / 95.5 / 87.7.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
